"""What the server wrote with another namespace's names in it is masked wherever it is read, and whole in the record."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.plans import lock_plan
from approvals.actions.promotions import ask_for_promotion
from approvals.actions.statements import find_requirement, statement
from approvals.exports.evidence_pack import write_evidence_pack
from approvals.gate.voids import ELSEWHERE, WORDINGS, causes
from approvals.models import PlanKind, Promotion, RefusedAttempt, ServingNotice, Vote
from approvals.reminders import announce_reminders
from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.principals import create_person
from governance.accounts.models import Principal, User
from governance.accounts.roles import TWO_PERSON_ROLES, Role
from governance.ledger.verifier import verify_pack
from governance.outbox import drain
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from lineage.actions import update_model, withdraw_terms
from lineage.models import Dataset, DatasetVersion, RunInput, TermsWithdrawal
from tests.approvals.serving import scenes
from tests.approvals.world import FACTS, WHY, World, database, flag, give_terms, signature
from tests.cast import PASSWORD, Cast
from tests.governance.ledger.conftest import Log, log

__all__ = ["log"]

Door = Callable[[str], Any]
SECRET = "numbat"


#: What the gate asks of a dataset version.
WHOLE: dict[str, Any] = {
    "digest_algorithm": "sha256", "digest_value": "ab" * 32, "source": "Registry", "origin": "Clinics",
    "origin_geography": "DE", "date": date(2026, 1, 31), "generation_period_start": date(2025, 1, 1),
    "generation_period_end": date(2025, 12, 31), "generation_method": "Measured",
}  # fmt: skip


def elsewhere(w: World, **more: Any) -> DatasetVersion:
    """Data of another namespace that the world's model was trained on too."""
    with recorded_action(actor=w.cast.pipeline, **WHY):
        made = Dataset.objects.create(namespace=w.cast.elsewhere, name=f"{SECRET}-registry")
        version = DatasetVersion.objects.create(dataset=made, label=f"{SECRET}-1", **more)
        RunInput.objects.create(run=w.runs["model"], dataset_version=version, role="training")
    return version


def owned(w: World) -> None:
    """The model's owner, who is told of what happens to it."""
    update_model(actor=w.cast.owner, model=w.model, changes={"owner": w.cast.owner}, **WHY)


def theirs(w: World) -> Cast:
    """The cast with the other namespace's steward."""
    return replace(w.cast, steward=w.cast.outsider)


def warden(w: World, *roles: Role) -> tuple[Principal, Client]:
    """A person of the model's namespace alone, and their browser."""
    person = create_person(
        actor=w.cast.admin, email="warden@bank.example", display_name="Wanda Warden", password=PASSWORD, **WHY
    )
    for role in roles:
        grant = grant_role(actor=w.cast.admin, principal=person, role=role, namespace=w.cast.retail, **WHY)
        if role in TWO_PERSON_ROLES:
            approve_grant(actor=w.cast.admin2, grant=grant, **WHY)
    browser = Client()
    user = User.objects.get(email="warden@bank.example")
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return person, browser


def text(answer: Any) -> str:
    """What an answer says."""
    assert answer.status_code == 200, (answer.request["PATH_INFO"], answer.content)
    return str((b"".join(answer.streaming_content) if answer.streaming else answer.content).decode())


def places(table: str, row: int, *more: str) -> list[str]:
    """Where a record with masked columns is read."""
    app, name = table.split("_", 1)
    act = database(f"SELECT action_id FROM {app}_historical{name} WHERE id = %s LIMIT 1", row)
    return [
        *more, f"/api/v1/history?table={table}&object={row}",
        f"/api/v1/differences?table={table}&id={row}&from=2020-01-01", f"/api/v1/acts/{act}", f"/audit/acts/{act}",
        f"/admin/{app}/{name}/{row}/change/", f"/admin/{app}/{name}/{row}/history/",
        *(f"/api/v1/exports/{what}?table={table}&form={form}" for what in ("records", "history") for form in ("csv", "jsonl")),
    ]  # fmt: skip


def assert_masked(w: World, signed_in: Door, addresses: list[str]) -> None:
    """Nothing of the other namespace for who reads the one; everything for who reads both."""
    _person, mine = warden(w, Role.AUDITOR)
    both = signed_in("auditor")
    for address in addresses:
        told = text(mine.get(address))
        assert SECRET not in told, address
        assert SECRET in text(both.get(address)), f"{address}: the test looks at nothing"


def test_decisions_and_refused_attempts(w: World, signed_in: Door) -> None:
    w.policy(*FACTS)
    version = elsewhere(w)
    flag(w.cast, version, category="pd:Health", present="unknown", assessment="declared", column=f"{SECRET}-column")
    release = w.release()
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    until = timezone.now() + timedelta(days=3)
    change = set_observe_only(actor=w.cast.policy, environment=w.production, until=until, **WHY)
    confirm_observe_only(actor=w.cast.policy2, change=change, **WHY)
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    decided = (
        f"/api/v1/promotions/{promotion.pk}",
        "/api/v1/promotions",
        f"/admin/approvals/promotion/{promotion.pk}/change/",
    )
    assert_masked(w, signed_in, [
        *places("approvals_gatedecision", promotion.decision.pk, *decided, f"/releases/{release.pk}"),
        *places("approvals_refusedattempt", RefusedAttempt.objects.get().pk),
    ])  # fmt: skip
    assert SECRET in str(promotion.decision.requirements)


def test_the_admin_names_no_data_that_a_link_leads_to(w: World, signed_in: Door) -> None:
    version = elsewhere(w)
    link = RunInput.objects.get(dataset_version=version)
    assert_masked(w, signed_in, [f"/admin/lineage/runinput/{link.pk}/change/", "/admin/lineage/runinput/"])


def test_serving_notices_and_who_is_told_of_them(w: World, signed_in: Door, mailoutbox: list[Any]) -> None:
    version = elsewhere(w, **WHOLE)
    terms = give_terms(theirs(w), version.dataset)
    flag(theirs(w), version)
    scenes.policy(w, {"terms_withdrawn": scenes.TWO_DAYS})
    promotion = scenes.go_live(w)
    owned(w)
    withdraw_terms(actor=w.cast.outsider, terms=terms, reason="They objected")
    notice = ServingNotice.objects.get(promotion=promotion)
    assert "terms" in text(signed_in("viewer").get(f"/promotions/{promotion.pk}")), "the gaps are on the page too"
    assert_masked(w, signed_in, places(
        "approvals_servingnotice", notice.pk, f"/api/v1/serving-notices/{notice.pk}", "/api/v1/serving-notices",
        f"/promotions/{promotion.pk}",
    ))  # fmt: skip
    drain()
    told = Notice.objects.filter(recipient=w.cast.owner)
    assert {"serving-due", "terms-withdrawn-downstream"} <= set(told.values_list("kind", flat=True))
    assert SECRET not in str([(one.params, one.url) for one in told]) + str([mail.body for mail in mailoutbox])
    assert f"/datasets/{version.dataset_id}" not in set(told.values_list("url", flat=True))
    assert "(of another namespace)" in str([one.params for one in told])


def test_reminders_of_terms_upstream(w: World) -> None:
    version = elsewhere(w, **WHOLE)
    give_terms(theirs(w), version.dataset, effective_to=timezone.now() + timedelta(days=8))
    flag(theirs(w), version)
    scenes.policy(w, {})
    scenes.go_live(w)
    owned(w)
    announce_reminders(timezone.now() + timedelta(days=1, hours=1))
    drain()
    told = Notice.objects.get(recipient=w.cast.owner, kind="reminder-terms")
    assert (told.params["dataset"], told.url) == ("(of another namespace)", f"/promotions/{Promotion.objects.get().pk}")
    assert Notice.objects.filter(kind="reminder-terms", params__dataset=version.dataset.name).exists()


def narrowed(w: World, version: DatasetVersion) -> None:
    give_terms(theirs(w), version.dataset, permitted_purposes=["dpv:Marketing"])


def withdrawn(w: World, version: DatasetVersion) -> None:
    terms = version.dataset.terms.order_by("-pk").first()
    with recorded_action(actor=w.cast.outsider, **WHY):
        TermsWithdrawal.objects.create(terms=terms, reason="They objected")


def raised(w: World, version: DatasetVersion) -> None:
    flag(theirs(w), version, category="pd:Health", column=f"{SECRET}-column", present="yes")


def linked(w: World, version: DatasetVersion) -> None:
    with recorded_action(actor=w.cast.outsider, **WHY):
        other = DatasetVersion.objects.create(dataset=version.dataset, label=f"{SECRET}-2")
        RunInput.objects.create(run=w.runs["model"], dataset_version=other, role="training")


@pytest.mark.parametrize(
    ("change", "what"),
    [(narrowed, "terms-narrowed"), (withdrawn, "terms-withdrawn"), (raised, "flag-raised"), (linked, "data-linked")],
)
def test_what_made_a_vote_stale_is_told_without_name_and_without_who(
    w: World, signed_in: Door, change: Callable[[World, DatasetVersion], None], what: str
) -> None:
    version = elsewhere(w)
    give_terms(theirs(w), version.dataset)
    w.policy(signature("risk", "risk_manager", binds=["data", "privacy"]))
    w.vote("risk", w.cast.risk)
    change(w, version)
    (found,) = [cause for of in causes(w.release(), w.cast.viewer).values() for cause in of]
    assert (found.what, found.by) == (what, "")
    assert "another namespace" in found.says and SECRET not in found.says and "?" not in found.says
    (whole,) = [cause for of in causes(w.release(), w.cast.auditor).values() for cause in of]
    assert SECRET in whole.says and whole.by
    page = text(signed_in("viewer").get(f"/releases/{w.release().pk}"))
    assert SECRET not in page and found.says in page


def test_each_cause_that_can_lie_elsewhere_has_words_without_names() -> None:
    named = {what for what, says in WORDINGS.items() if re.search(r"%\((dataset|model|run)\)s", str(says))}
    assert set(ELSEWHERE) == named
    assert not [says for says in ELSEWHERE.values() if re.search(r"%\((?!category)", str(says))]


def test_the_statement_that_is_signed_names_data_elsewhere_by_its_digest_alone(w: World, signed_in: Door) -> None:
    elsewhere(w, digest_algorithm="sha256", digest_value="ab" * 32)
    w.policy(signature("risk", "risk_manager"))
    release = w.release()
    shown = statement(
        person=w.cast.risk, release=release, requirement=find_requirement(release, "risk"), vote=Vote.APPROVE
    )
    assert SECRET not in shown.text
    assert f"Data: of another namespace, sha256:{'ab' * 32}" in shown.text
    assert "Data: features, 1," in shown.text
    signed = w.vote("risk", w.cast.risk)
    assert signed.statement.startswith(shown.text)


def test_evidence_of_data_elsewhere_is_told_without_its_title(w: World, api: Door) -> None:
    version = elsewhere(w, digest_algorithm="sha256", digest_value="ab" * 32)
    kind = {"key": "data-quality", "kind": "evidence", "params": {"plan_kind": "data_quality", "subject": "data"}}
    w.policy(kind)
    address = "/api/v1/gate?model=scoring&version=1&environment=production"
    w.release()
    said = text(api("pipeline").get(address))
    assert SECRET not in said and "of another namespace" in said, "no plan there"
    bound = {"metric": "filled", "comparator": "ge", "threshold": "0.9"}
    plan, _created = lock_plan(
        actor=w.cast.outsider, subject=version.dataset, kind=PlanKind.DATA_QUALITY, title=f"{SECRET} quality",
        criteria=[bound], **WHY,
    )  # fmt: skip
    said = text(api("pipeline").get(address))
    assert SECRET not in said and "of another namespace" in said, "no evidence under it"
    measured = Measured(run_started_at=timezone.now(), values=[{"metric": "filled", "value": "0.1"}])
    report_evidence(
        actor=w.cast.outsider_pipeline, plan=plan, subject=version, subject_digest=f"sha256:{'ab' * 32}",
        measured=measured, **WHY,
    )  # fmt: skip
    said = text(api("pipeline").get(address))
    assert SECRET not in said and "of another namespace" in said, "bad evidence"


def test_the_question_whether_data_may_be_used(w: World, api: Door) -> None:
    version = elsewhere(w)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["features"], dataset_version=version, role="source")
    name = w.datasets["features"].name
    said = text(api("pipeline").get(f"/api/v1/use?dataset={name}&purpose=dpv:CreditChecking"))
    assert SECRET not in said and "of another namespace" in said


def test_an_evidence_pack_proves_what_it_does_not_tell(w: World, log: Log, tmp_path: Path) -> None:
    w.policy(*FACTS)
    version = elsewhere(w)
    give_terms(theirs(w), version.dataset)
    release = w.release()
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    log.seal()
    packs = {name: tmp_path / f"{name}.zip" for name in ("viewer", "auditor")}
    counts = {
        name: write_evidence_pack(release, file, reader=getattr(w.cast, name)).entries for name, file in packs.items()
    }
    contents = {name: zipfile.ZipFile(file) for name, file in packs.items()}
    told = {name: "".join(pack.read(one).decode() for one in pack.namelist()) for name, pack in contents.items()}
    assert SECRET not in told["viewer"] and "of another namespace" in told["viewer"]
    assert SECRET in told["auditor"]
    assert counts["viewer"] == counts["auditor"], "each entry is in it, with its proof"
    rows = [json.loads(line) for line in contents["viewer"].read("entries.jsonl").splitlines()]
    withheld = {json.loads(row["leaf"])["table"] for row in rows if row["body"] is None}
    assert withheld == {"lineage_datasetversion", "lineage_collectionterms", "approvals_refusedattempt"}
    for name, file in packs.items():
        report = verify_pack(file, log.key.name, log.key.verifier)
        assert (report.entries, bool(report.redacted)) == (counts[name], name == "viewer")
