"""Keeping something live, or bringing it back, against the rules: raw SQL under the app's own login (contracts/attacks.md)."""

import datetime
from typing import Any

import pytest
from django.utils import timezone
from psycopg.types.json import Jsonb

from approvals.actions.promotions import end_promotion
from approvals.actions.serving import roll_back
from approvals.models import PromotionEnd, ServingNotice
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from lineage.models import TermsWithdrawal
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.serving.scenes import (
    KEEP,
    STOP,
    TWO_DAYS,
    before_and_live,
    go_live,
    live,
    only_notice,
    policy,
)
from tests.approvals.serving.test_responses import find
from tests.approvals.world import FACTS, WHY, World, give_terms, publish, train

AGAIN = "INSERT INTO approvals_promotion (release_id, kind, repeats_id, replaces_id) VALUES (%s, %s, %s, %s)"
END_NOTICE = "INSERT INTO approvals_servingnoticeend (notice_id, kind, reason) VALUES (%s, %s, 'x')"
ELSEWHERE = ["dpv:Marketing"]


def in_an_hour() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(hours=1)


# Brought back past a suspension


def test_A20_a_suspension_is_not_undone_by_an_older_promotion_of_the_release(w: World, app: Connection) -> None:
    """What was once superseded, rolled back to and then suspended: the owner names the first of the two."""
    policy(w, {})
    before, promotion = before_and_live(w)
    back = roll_back(actor=w.cast.owner, promotion=promotion, **WHY)
    end_promotion(actor=w.cast.risk, promotion=back, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    for kind, actor in (("rollback", w.cast.owner), ("rollback", w.cast.pipeline), ("reinstatement", w.cast.risk)):
        with refuses("MU008", "cannot-be-repeated"), acting(app, actor):
            app.execute(AGAIN, [before.release_id, kind, before.pk, None])
    assert live(w) is None


def test_A20_a_suspension_is_not_undone_by_an_earlier_release_of_the_version(w: World, app: Connection) -> None:
    policy(w, {})
    first = go_live(w)
    go_live(w, w.retrain(2))
    again = go_live(w)  # the first version, by a release of its own
    assert again.release_id != first.release_id
    end_promotion(actor=w.cast.risk, promotion=again, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    with refuses("MU008", "cannot-be-repeated"), acting(app, w.cast.owner):
        app.execute(AGAIN, [first.release_id, "rollback", first.pk, None])


def test_a_service_account_does_not_bring_back_what_was_rolled_back(w: World, app: Connection) -> None:
    """Neither by the promotion that was rolled back, nor by an older one of the version that was superseded."""
    policy(w, {})
    before, promotion = before_and_live(w)
    go_live(w, before.release.model_version)
    newest = go_live(w)
    back = roll_back(actor=w.cast.risk, promotion=newest, to=before, **WHY)
    for earlier in (newest, promotion):
        with refuses("MU006", "rolled-back-before"), acting(app, w.cast.pipeline):
            app.execute(AGAIN, [earlier.release_id, "rollback", earlier.pk, back.pk])
        with pytest.raises(errors.SeparationOfDuties):
            roll_back(actor=w.cast.pipeline, promotion=back, to=earlier, **WHY)
    assert live(w) == back
    with acting(app, w.cast.owner):
        app.execute(AGAIN, [newest.release_id, "rollback", newest.pk, back.pk])


def test_a_version_suspended_since_by_another_release_is_no_fallback(w: World) -> None:
    """And the fact that asks for one is recorded all the same."""
    policy(w, {"finding_raised": {**STOP, "fallback": "last_good"}})
    go_live(w)
    go_live(w, w.retrain(2))
    end_promotion(actor=w.cast.risk, promotion=go_live(w), kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    bad = w.retrain(3)
    promotion = go_live(w, bad)
    find(w, subject=bad)
    back = live(w)
    assert back is not None
    assert back.release.model_version not in (w.version, bad)
    assert PromotionEnd.objects.get(promotion=promotion).kind == "suspended"


# Recalled bytes


def test_A20_recalled_bytes_go_nowhere_though_the_policy_asks_for_no_artifact(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"})
    go_live(w)
    recall(actor=w.cast.risk, digest=f"sha256:{w.version.digest_value}", reason="Backdoor")
    same = train(w.cast, w.model, w.versions["features"], "again", digest_value=w.version.digest_value)
    for version in (w.version, same):
        assert w.ask(w.release(version))["artifact"].reason == "digest-recalled"
        with pytest.raises(errors.GateClosed):
            go_live(w, version)


# Answers that do not come, or are cleared too early


def test_A40_terms_that_narrow_from_a_later_moment_are_not_cleared_before_it(w: World, app: Connection) -> None:
    policy(w, {"terms_narrowed": STOP})
    promotion = go_live(w)
    give_terms(w.cast, w.datasets["source"], permitted_purposes=ELSEWHERE, effective_from=in_an_hour())
    notice = only_notice(promotion)
    with refuses("MU008", "cause-stands"), acting(app, w.cast.viewer):
        app.execute(END_NOTICE, [notice.pk, "cleared"])
    give_terms(w.cast, w.datasets["source"], effective_from=in_an_hour() + datetime.timedelta(hours=1))
    with refuses("MU008", "cause-stands"), acting(app, w.cast.viewer):
        app.execute(END_NOTICE, [notice.pk, "cleared"])
    give_terms(w.cast, w.datasets["source"])
    with acting(app, w.cast.viewer):
        app.execute(END_NOTICE, [notice.pk, "cleared"])


def test_A40_terms_withdrawn_before_they_begin_are_answered_for_when_they_would(w: World, app: Connection) -> None:
    """Terms like the ones before, taken back before their time: from then on none are in force."""
    policy(w, {"terms_withdrawn": STOP})
    promotion = go_live(w)
    later = give_terms(w.cast, w.datasets["source"], effective_from=in_an_hour())
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=later, reason="Consent withdrawn")
    notice = only_notice(promotion)
    assert notice.due_at == later.effective_from
    with refuses("MU008", "cause-stands"), acting(app, w.cast.viewer):
        app.execute(END_NOTICE, [notice.pk, "cleared"])


def test_A40_terms_are_not_narrowed_unanswered_behind_ones_that_never_begin(w: World) -> None:
    """Narrow ones for the year 3000, then the same for now, which narrow nothing compared with those."""
    policy(w, {"terms_narrowed": STOP})
    promotion = go_live(w)
    far = datetime.datetime(3000, 1, 1, tzinfo=datetime.UTC)
    give_terms(w.cast, w.datasets["source"], permitted_purposes=ELSEWHERE, effective_from=far)
    assert live(w) == promotion
    give_terms(w.cast, w.datasets["source"], permitted_purposes=ELSEWHERE)
    assert live(w) is None


def test_A40_a_notice_is_not_cleared_by_another_use_for_a_moment(w: World, app: Connection) -> None:
    """The owner says the model is used in France, clears the notice, and says Germany again."""
    policy(w, {"terms_narrowed": TWO_DAYS})
    promotion = go_live(w)
    give_terms(w.cast, w.datasets["source"], permitted_geographies=["FR"])
    for place in ("FR", "DE"):
        with refuses("MU008", "cause-stands"), acting(app, w.cast.owner):
            app.execute("UPDATE lineage_model SET deployment_geography = ARRAY[%s] WHERE id = %s", [place, w.model.pk])
            app.execute(END_NOTICE, [only_notice(promotion).pk, "cleared"])


def test_A11_a_time_zone_of_ones_own_clears_no_notice(w: World, app: Connection) -> None:
    """Thirty days of retention last thirty-seven where the clocks were put back by a week."""
    policy(w, {"terms_narrowed": TWO_DAYS})
    promotion = go_live(w)
    day = datetime.timedelta(days=1)
    give_terms(w.cast, w.datasets["source"], effective_from=timezone.now() - 30 * day, storage_duration_days=29)
    notice = only_notice(promotion)
    for zone in ("AAA-167BBB+167,M11.1.0,M3.1.0", "AAA-167BBB+167,M3.1.0,M11.1.0", "AAA+167BBB-167,M3.1.0,M11.1.0",
                 "AAA+167BBB-167,M11.1.0,M3.1.0"):  # fmt: skip
        with refuses("MU008", "cause-stands"), acting(app, w.cast.viewer):
            app.execute("SELECT set_config('TimeZone', %s, true)", [zone])
            app.execute(END_NOTICE, [notice.pk, "cleared"])


def test_A41_a_notice_of_24_point_0_hours_is_not_published(w: World) -> None:
    """Whoever answers by it stumbles over it, and the withdrawal could not be recorded."""
    for hours in (24.0, 1.5, -1):
        with pytest.raises(errors.Invalid):
            w.draft(*FACTS, responses={"terms_withdrawn": {**KEEP, "notice_hours": hours}})
    evidence = {"plan_kind": "performance", "max_age_days": 90.0}
    version = w.draft({"key": "measured", "kind": "evidence", "params": evidence})
    with pytest.raises(errors.Invalid) as refusal:
        publish(w.cast, version)
    assert refusal.value.params["code"] == "policy-malformed"


def failed(w: World, app: Connection, plan: Any, value: str) -> None:
    """Evidence by raw SQL, the answer asked for before there is a value."""
    app.execute("SET CONSTRAINTS ALL IMMEDIATE")
    row = app.execute(
        "INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest, run_started_at,"
        " independence, claim, tool, attachments) VALUES (%s, %s, %s, %s, clock_timestamp(), '', '', '', '[]') RETURNING id",
        [w.cast.retail.pk, plan.pk, w.version.pk, f"sha256:{w.version.digest_value}"],
    ).fetchone()
    assert row is not None
    app.execute("SET CONSTRAINTS ALL DEFERRED")
    app.execute(
        "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
        " VALUES (%s, 'accuracy', %s, '', '', '')",
        [row[0], value],
    )
    app.execute("SET CONSTRAINTS ALL IMMEDIATE")
    app.execute("SET CONSTRAINTS ALL DEFERRED")


def test_A44_evidence_that_fails_is_answered_though_the_answer_was_asked_for_early(w: World, app: Connection) -> None:
    policy(
        w, {"evidence_failed": STOP}, {"key": "measured", "kind": "evidence", "params": {"plan_kind": "performance"}}
    )
    plan = w.plan()
    w.evidence(plan)
    promotion = go_live(w)
    with acting(app, w.cast.tester):
        failed(w, app, plan, "0.95")
    assert not ServingNotice.objects.exists()
    with acting(app, w.cast.tester):
        failed(w, app, plan, "0.1")
    assert live(w) is None
    assert only_notice(promotion).cause == "evidence_failed"


def test_A40_a_model_answered_into_a_milder_tier_is_answered_as_it_was_approved(w: World, app: Connection) -> None:
    """The owner alone makes the model a low risk, whose policy says nothing of withdrawals, before the terms go."""
    policy(w, {"terms_withdrawn": STOP})
    go_live(w)
    answers = (
        "legal_or_similar_effect",
        "safety_component",
        "special_category_data",
        "personal_data",
        "no_human_review",
    )
    with acting(app, w.cast.owner):
        app.execute(
            "UPDATE lineage_model SET risk_answers = %s WHERE id = %s",
            [Jsonb(dict.fromkeys(answers, False)), w.model.pk],
        )
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Consent withdrawn")
    assert live(w) is None


@pytest.mark.parametrize(
    "moment", ["294276-12-01 UTC", "10000-01-01 UTC", "infinity", "-infinity", "0001-12-31 UTC BC"]
)
def test_A21_no_terms_hold_a_moment_that_no_calendar_tells(w: World, app: Connection, moment: str) -> None:
    """Terms of the last year PostgreSQL knows stopped the withdrawal of other terms: a day more is an error to it.

    And no list can be read in which infinity stands. Raw SQL alone can say either.
    """
    columns = [
        name
        for (name,) in app.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'lineage_collectionterms'"
            " AND has_column_privilege('public.lineage_collectionterms', column_name, 'INSERT')"
        )
    ]
    said = {"effective_from": f"'{moment}'", "permitted_purposes": "'{dpv:Marketing}'"}
    with refuses("MU009", "no-such-moment"), acting(app, w.cast.steward):
        app.execute(
            f"INSERT INTO lineage_collectionterms ({', '.join(columns)})"
            f" SELECT {', '.join(said.get(name, name) for name in columns)} FROM lineage_collectionterms WHERE id = %s",
            [w.terms["source"].pk],
        )
