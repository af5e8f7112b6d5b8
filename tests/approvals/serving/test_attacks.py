"""A20 and others by raw SQL under the app's login: ending, reinstating, confirming, forging and removing, in any name."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import PromotionEnd, ServingNotice
from tests.approvals.raw import Connection, acting, promote, refuses
from tests.approvals.serving.scenes import (
    KEEP,
    TWO_DAYS,
    before_and_live,
    go_live,
    live,
    only_notice,
    policy,
    withdraw,
)
from tests.approvals.world import World

DENIED = "42501"
AGAIN = (
    "INSERT INTO approvals_promotion (release_id, kind, repeats_id, replaces_id, model_id, environment_id, slot)"
    " SELECT release_id, %s, id, %s, model_id, environment_id, slot FROM approvals_promotion WHERE id = %s"
)
END = "INSERT INTO approvals_promotionend (promotion_id, kind, reason) VALUES (%s, %s, 'x')"
ANSWER = "INSERT INTO approvals_servingnoticeend (notice_id, kind, reason) VALUES (%s, %s, 'x')"


def person(w: World, name: str) -> Any:
    return getattr(w.cast, name)


@pytest.mark.parametrize(("kind", "who"), [
    ("suspended", "owner"), ("suspended", "pipeline"), ("suspended", "steward"), ("suspended", "viewer"), ("suspended", "admin"),
    ("suspended", "system"), ("retired", "pipeline"), ("retired", "compliance"), ("retired", "outsider"), ("retired", "system"),
])  # fmt: skip
def test_nobody_without_the_role_ends_what_is_live(w: World, app: Connection, kind: str, who: str) -> None:
    policy(w, {})
    promotion = go_live(w)
    with refuses("MU006", "not-for-this-role"), acting(app, person(w, who)):
        app.execute(END, [promotion.pk, kind])


@pytest.mark.parametrize("kind", ["recalled", "superseded", "rolled_back"])
def test_ends_that_follow_from_something_else_are_written_by_that_alone(w: World, app: Connection, kind: str) -> None:
    policy(w, {})
    promotion = go_live(w)
    with refuses("MU008"), acting(app, w.cast.risk):
        app.execute(END, [promotion.pk, kind])


def test_a_suspension_is_not_lifted_without_the_role_nor_under_another_name(w: World, app: Connection) -> None:
    policy(w, {})
    promotion = go_live(w)
    with acting(app, w.cast.risk):
        app.execute(END, [promotion.pk, "suspended"])
    for who in ("owner", "pipeline", "steward", "viewer"):
        with refuses("MU006", "not-for-this-role"), acting(app, person(w, who)):
            app.execute(AGAIN, ["reinstatement", None, promotion.pk])
    with refuses("MU008", "cannot-be-repeated"), acting(app, w.cast.pipeline):
        app.execute(AGAIN, ["rollback", None, promotion.pk])


def test_a_fallback_is_the_databases_to_carry_out(w: World, app: Connection) -> None:
    policy(w, {})
    before, promotion = before_and_live(w)
    with refuses("MU006", "fallback-by-the-database"), acting(app, w.cast.risk):
        app.execute(AGAIN, ["fallback", promotion.pk, before.pk])


def test_what_is_brought_back_is_of_the_same_release(w: World, app: Connection) -> None:
    policy(w, {})
    before, promotion = before_and_live(w)
    other = w.release(w.retrain(5))
    for repeats in (before.pk, None, 987654321):
        with refuses("MU009", "repeats-another"), acting(app, w.cast.risk):
            app.execute(
                "INSERT INTO approvals_promotion (release_id, kind, repeats_id, replaces_id, model_id, environment_id, slot)"
                " VALUES (%s, 'rollback', %s, %s, %s, %s, 'champion')",
                [other.pk, repeats, promotion.pk, w.model.pk, other.environment_id],
            )
    with refuses("MU009", "repeats-another"), acting(app, w.cast.risk):
        app.execute(
            "INSERT INTO approvals_promotion (release_id, kind, repeats_id, replaces_id, model_id, environment_id, slot)"
            " VALUES (%s, 'release', %s, %s, %s, %s, 'champion')",
            [other.pk, before.pk, promotion.pk, w.model.pk, other.environment_id],
        )


def test_no_notice_is_forged_changed_or_removed(w: World, app: Connection) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    notice = only_notice(promotion)
    for statement in (
        "INSERT INTO approvals_servingnotice (promotion_id, cause, cause_id, chain, response)"
        f" VALUES ({promotion.pk}, 'terms_withdrawn', 1, '[]', '{json.dumps(KEEP)}')",
        "UPDATE approvals_servingnotice SET due_at = NULL",
        "UPDATE approvals_servingnotice SET response = '{}'",
        "DELETE FROM approvals_servingnotice",
        "TRUNCATE approvals_servingnotice CASCADE",
        "DELETE FROM approvals_servingnoticeend",
        "UPDATE approvals_servingnoticeend SET kind = 'confirmed'",
        "DELETE FROM lineage_recall",
        "UPDATE lineage_recall SET digest_value = 'ab'",
        f"SELECT muniment.answer_change({promotion.pk}, 'terms_withdrawn', 1, '[]')",
        f"SELECT muniment.carry_out({notice.pk}, {promotion.pk}, 'terms_withdrawn', 'stop')",
        f"SELECT muniment.answer_under('terms_withdrawn', 1, '[]', '{{}}', '{{}}', ARRAY[{promotion.pk}]::bigint[])",
        "SELECT muniment.tell('promotion.ended', '{}', 'x')",
    ):
        with refuses(DENIED), acting(app, w.cast.risk):
            app.execute(statement)  # type: ignore[arg-type]  # text of ours


def test_nobody_else_confirms_and_nobody_hurries_or_clears_what_stands(w: World, app: Connection) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    notice = only_notice(promotion)
    for who in ("owner", "pipeline", "steward", "compliance", "viewer", "admin", "system", "outsider"):
        with refuses("MU006", "not-for-this-role"), acting(app, person(w, who)):
            app.execute(ANSWER, [notice.pk, "confirmed"])
    with refuses("MU008", "notice-runs"), acting(app, w.cast.risk):
        app.execute(ANSWER, [notice.pk, "carried_out"])
    with refuses("MU008", "cause-stands"), acting(app, w.cast.risk):
        app.execute(ANSWER, [notice.pk, "cleared"])
    with refuses("MU009", "no-such-notice"), acting(app, w.cast.risk):
        app.execute(ANSWER, [987654321, "confirmed"])
    with acting(app, w.cast.risk):
        app.execute(ANSWER, [notice.pk, "confirmed"])
    with refuses("MU008", "notice-ended"), acting(app, w.cast.risk2):
        app.execute(ANSWER, [notice.pk, "confirmed"])


def test_what_serves_instead_is_the_databases_to_say(w: World, app: Connection) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    with acting(app, w.cast.risk):
        app.execute(
            "INSERT INTO approvals_servingnoticeend (notice_id, kind, reason, fallback_id) VALUES (%s, 'confirmed', 'x', %s)",
            [only_notice(promotion).pk, promotion.pk],
        )
    assert ServingNotice.objects.get(promotion=promotion).end.fallback is None


def test_a_withdrawal_by_raw_sql_is_answered_like_any(w: World, app: Connection) -> None:
    policy(w, {"terms_withdrawn": {**KEEP, "fallback": "stop"}})
    promotion = go_live(w)
    with acting(app, w.cast.steward):
        app.execute("INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [w.terms["source"].pk])
    assert PromotionEnd.objects.get(promotion=promotion).recorded_by == w.cast.steward


def test_failed_evidence_by_raw_sql_is_answered_when_its_transaction_ends(w: World, app: Connection) -> None:
    policy(w, {"evidence_failed": {**KEEP, "fallback": "stop"}}, {"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance"}})  # fmt: skip
    plan = w.plan()
    w.evidence(plan)
    promotion = go_live(w)
    with acting(app, w.cast.tester):
        made = app.execute(
            "INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest, run_started_at, claim,"
            " tool, independence, attachments, written_in) VALUES (%s, %s, %s, %s, clock_timestamp(), '', '', '', '[]', 0)"
            " RETURNING id", [w.cast.retail.pk, plan.pk, w.version.pk, f"sha256:{w.version.digest_value}"],
        ).fetchone()  # fmt: skip
        assert made is not None
        app.execute(
            "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
            " VALUES (%s, 'accuracy', 0.1, '', '', '')", [made[0]],
        )  # fmt: skip
        assert not PromotionEnd.objects.filter(promotion=promotion).exists(), "its values might still follow"
        app.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert PromotionEnd.objects.get(promotion=promotion).kind == "suspended"


@pytest.mark.parametrize("who", ["owner", "pipeline", "viewer", "admin", "system", "outsider", "auditor"])
def test_no_recall_in_anyones_name(w: World, app: Connection, who: str) -> None:
    with refuses("MU006", "recall-by-overseer"), acting(app, person(w, who)):
        app.execute(
            "INSERT INTO lineage_recall (digest_algorithm, digest_value, reason) VALUES ('sha256', %s, 'x')",
            [w.version.digest_value],
        )


def test_a_promotion_whose_id_was_overtaken_while_it_waited_is_tried_again(
    own_database: str, w: World, raw: Callable[[str], Connection]
) -> None:
    """What was live last is read by the greatest id: one drawn before the wait and written after it would stand before."""
    policy(w, {})
    owner, app = raw("owner"), raw("app")
    drawn = [owner.execute("SELECT nextval('approvals_promotion_id_seq')").fetchone() for _each in range(2)]
    ended = go_live(w)
    with acting(app, w.cast.risk):
        app.execute(END, [ended.pk, "suspended"])
    owner.execute("SELECT setval('approvals_promotion_id_seq', %s)", drawn[0])  # as if the next were drawn before it
    with refuses("40001", "promotion-overtaken"), acting(app, w.cast.pipeline):
        promote(app, w.release())
    assert live(w) is None, "and nothing is half-written"
    owner.execute("SELECT setval('approvals_promotion_id_seq', %s)", [ended.pk])
    with acting(app, w.cast.pipeline):
        promote(app, w.release())
    assert live(w), "tried again it goes live"
