"""Who is told of what: releases, promotions, terms upstream, and what ran out by time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.expiry import announce_expired
from approvals.models import (
    Environment,
    Evidence,
    Finding,
    FindingEvent,
    Plan,
    PlanCriterion,
    Policy,
    PolicyVersion,
    Promotion,
    PromotionEnd,
    Release,
    ReleaseClosure,
    Requirement,
)
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.roles import Role
from governance.outbox import Message, drain, enqueue
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from governance.unit_of_work import recorded_action
from lineage.models import (
    CollectionTerms,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    Run,
    RunInput,
    RunOutput,
    TermsWithdrawal,
)
from tests.approvals.world import publish
from tests.cast import Cast

DIGEST = {"digest_algorithm": "sha256", "digest_value": "ab" * 32}


@dataclass
class World:
    """A raw dataset, one made from it, a version trained on that, and where it may go."""

    raw: Dataset
    version: ModelVersion
    production: Environment


@pytest.fixture
def world(cast: Cast) -> World:
    with recorded_action(actor=cast.policy, reason="Test"):
        production = Environment.objects.create(name="test-production", order=900, live_traffic=True)
        policy = Policy.objects.create(environment=production, risk_tier="high")
        text = PolicyVersion.objects.create(policy=policy)
        for position, role in enumerate(("validator", "risk_manager", "data_steward"), start=1):
            Requirement.objects.create(
                policy_version=text, position=position, key=f"sign-{position}", kind="signoff",
                params={"role": role, "count": 1, "veto": False}, binds=["subject"],
            )  # fmt: skip
    publish(cast, text)
    change = set_observe_only(
        actor=cast.policy, reason="Test", environment=production, until=timezone.now() + timedelta(days=1)
    )
    confirm_observe_only(actor=cast.policy2, reason="Test", change=change)
    with recorded_action(actor=cast.pipeline, reason="Test"):
        now = timezone.now()
        raw, derived = (
            Dataset.objects.create(namespace=cast.retail, name=name, steward=cast.steward)
            for name in ("raw", "derived")
        )
        first, second = (
            DatasetVersion.objects.create(dataset=dataset, label="1", **DIGEST) for dataset in (raw, derived)
        )
        cleaning, training = (
            Run.objects.create(namespace=cast.retail, job_name=job, run_key=job, started_at=now, state="running")
            for job in ("cleaning", "training")
        )
        RunInput.objects.create(run=cleaning, dataset_version=first, role="source")
        RunOutput.objects.create(run=cleaning, dataset_version=second, role="output")
        RunInput.objects.create(run=training, dataset_version=second, role="training")
        model = Model.objects.create(namespace=cast.retail, name="fraud", owner=cast.owner, risk_tier="high")
        version = ModelVersion.objects.create(
            model=model, artifact_uri="s3://models/fraud/1", source_run=training, **DIGEST
        )
    return World(raw, version, production)


def opened(cast: Cast, world: World, actor: Principal | None = None) -> Release:
    with recorded_action(actor=actor or cast.pipeline, reason="Test"):
        return Release.objects.create(model_version=world.version, environment=world.production)


def promoted(cast: Cast, world: World) -> Promotion:
    release = opened(cast, world)
    with recorded_action(actor=cast.pipeline, reason="Test"):
        return Promotion.objects.create(
            release=release, model=world.version.model, environment=world.production, slot=release.slot
        )


def tell(cast: Cast, topic: str, **payload: int) -> dict[Principal, Notice]:
    with recorded_action(actor=cast.system, reason="Test"):
        message = enqueue(topic, payload, subject="test:1")
    drain()
    message.refresh_from_db()
    assert message.state == "delivered", message.last_error
    return told(message)


def told(message: Message) -> dict[Principal, Notice]:
    return {notice.recipient: notice for notice in Notice.objects.filter(message=message)}


def test_those_whose_signature_is_awaited_are_told(cast: Cast, world: World) -> None:
    notices = tell(cast, "release.opened", release=opened(cast, world).pk)
    assert set(notices) == {cast.validator, cast.risk, cast.risk2, cast.steward}
    notice = notices[cast.risk]
    assert wording(notice).title == "Your signature is awaited: fraud 1 for test-production"
    assert notice.url.startswith("/releases/")


def test_the_inbox_says_that_a_signature_is_awaited_no_more_once_its_release_has_ended(
    cast: Cast, world: World, signed_in: Any
) -> None:
    release = opened(cast, world)
    tell(cast, "release.opened", release=release.pk)
    settled = "Settled since: nothing is awaited of you here any more."
    assert settled not in signed_in("risk").get("/inbox").content.decode()
    with recorded_action(actor=cast.pipeline, reason="Test"):
        ReleaseClosure.objects.create(release=release, kind="withdrawn", reason="Not yet")
    assert signed_in("risk").get("/inbox").content.decode().count(settled) == 1
    Notice.objects.filter(recipient=cast.risk).update(url="/releases/of-nothing")  # as raw SQL may leave it: still read
    assert settled not in signed_in("risk").get("/inbox").content.decode()


def test_who_had_a_hand_in_it_is_not_asked_to_sign(cast: Cast, world: World) -> None:
    with recorded_action(actor=cast.validator, reason="Test"):
        plan = Plan.objects.create(namespace=cast.retail, model=world.version.model, kind="performance", title="AUC",
                                   owner=cast.owner)  # fmt: skip
        PlanCriterion.objects.create(plan=plan, metric="auc", comparator="ge", threshold="0.9")
    with recorded_action(actor=cast.validator, reason="Test"):
        Evidence.objects.create(namespace=cast.retail, plan=plan, model_version=world.version, claim="passed",
                                subject_digest="sha256:" + "ab" * 32, run_started_at=timezone.now())  # fmt: skip
    assert cast.validator not in tell(cast, "release.opened", release=opened(cast, world).pk)


def test_nobody_is_asked_to_sign_what_is_closed_by_now(cast: Cast, world: World) -> None:
    release = opened(cast, world)
    with recorded_action(actor=cast.owner, reason="Test"):
        ReleaseClosure.objects.create(release=release, kind="withdrawn", reason="Not yet")
    assert tell(cast, "release.opened", release=release.pk) == {}


def test_who_opened_it_is_told_of_the_outcome(cast: Cast, world: World) -> None:
    release = opened(cast, world)
    with recorded_action(actor=cast.risk, reason="Test"):
        ReleaseClosure.objects.create(release=release, kind="rejected", reason="Drifts too soon")
    notices = tell(cast, "release.decided", release=release.pk)
    assert set(notices) == {cast.engineer}, "the person who answers for the pipeline"
    assert "Rita Risk" in wording(notices[cast.engineer]).body
    assert "Drifts too soon" in wording(notices[cast.engineer]).body


def test_nobody_is_told_what_they_did_themselves(cast: Cast, world: World) -> None:
    release = opened(cast, world, actor=cast.owner)
    with recorded_action(actor=cast.owner, reason="Test"):
        ReleaseClosure.objects.create(release=release, kind="withdrawn", reason="Not yet")
    assert tell(cast, "release.decided", release=release.pk) == {}


def test_going_live_is_told_to_opener_and_owners_once_each(cast: Cast, world: World) -> None:
    promotion = promoted(cast, world)
    assert set(tell(cast, "release.decided", release=promotion.release_id)) == {cast.engineer}
    assert set(tell(cast, "promotion.live", promotion=promotion.pk)) == {cast.owner}


def test_an_end_is_told_to_the_owners_with_its_reason(cast: Cast, world: World) -> None:
    promotion = promoted(cast, world)
    with recorded_action(actor=cast.risk, reason="Test"):
        PromotionEnd.objects.create(promotion=promotion, kind="suspended", reason="Drifts")
    notices = tell(cast, "promotion.ended", promotion=promotion.pk)
    assert set(notices) == {cast.owner}
    assert wording(notices[cast.owner]).body == "Rita Risk ended it. Reason: Drifts"


def test_withdrawn_terms_are_told_to_owners_downstream(cast: Cast, world: World) -> None:
    promoted(cast, world)
    with recorded_action(actor=cast.steward, reason="Test"):
        terms = CollectionTerms.objects.create(dataset=world.raw, licence="CC-BY-4.0", effective_from=timezone.now())
        TermsWithdrawal.objects.create(terms=terms, reason="Consent was withdrawn")
    notices = tell(cast, "terms.withdrawn", terms=terms.pk)
    assert set(notices) == {cast.owner, cast.steward}
    assert "fraud 1 (test-production)" in wording(notices[cast.owner]).body
    assert notices[cast.steward].kind == "terms-withdrawn"


def test_what_ran_out_is_announced_once(cast: Cast, world: World) -> None:
    soon = timezone.now() + timedelta(hours=1)
    opened(cast, world)
    with recorded_action(actor=cast.admin, reason="Test"):
        RoleGrant.objects.create(principal=cast.viewer, role=Role.VIEWER, namespace=cast.elsewhere, effective_to=soon)
    with recorded_action(actor=cast.steward, reason="Test"):
        CollectionTerms.objects.create(
            dataset=world.raw, licence="CC-BY-4.0", effective_from=timezone.now(), effective_to=soon
        )
    with recorded_action(actor=cast.auditor, reason="Test"):
        open_one, closed_one = (
            Finding.objects.create(namespace=cast.retail, kind="audit", model=world.version.model, text=text,
                                   severity="low", owner=cast.owner, due=soon, blocks=False)
            for text in ("Open", "Closed")
        )  # fmt: skip
        FindingEvent.objects.create(finding=closed_one, kind="closed", text="Done")
    with recorded_action(actor=cast.validator, reason="Test"):
        plan = Plan.objects.create(namespace=cast.retail, model=world.version.model, kind="performance", title="AUC",
                                   owner=cast.validator)  # fmt: skip
        PlanCriterion.objects.create(plan=plan, metric="auc", comparator="ge", threshold="0.9")
    with recorded_action(actor=cast.validator, reason="Test"):
        for _ in range(2):  # of two, only the newest is worth a word
            Evidence.objects.create(namespace=cast.retail, plan=plan, model_version=world.version, claim="passed",
                                    subject_digest="sha256:" + "ab" * 32, run_started_at=timezone.now(),
                                    valid_until=soon)  # fmt: skip
    assert announce_expired() == 0
    later = soon + timedelta(minutes=1)
    announced = announce_expired(later)
    assert (announced, announce_expired(later)) == (4, 0), list(Message.objects.values_list("topic", flat=True))
    drain()
    by_topic = {message.topic: set(told(message)) for message in Message.objects.filter(dedup_key__isnull=False)}
    by_topic.pop("notice.mail")
    assert by_topic == {
        "grant.expired": {cast.viewer},
        "terms.expired": {cast.steward},
        "finding.overdue": {cast.owner, cast.auditor},
        "evidence.expired": {cast.validator, cast.owner},
    }
    assert not Message.objects.exclude(last_error="").exists()
    assert open_one.text in wording(Notice.objects.filter(kind="finding-overdue")[0]).body
