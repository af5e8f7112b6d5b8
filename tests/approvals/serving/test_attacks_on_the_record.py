"""The record itself under what is live, by raw SQL under the app's own login: other bytes, corrected links, another use.

Written past every door it is answered like any; in a name it is not for, it is refused; undone in the same breath, it was.
"""

from typing import Any

import pytest

from approvals.models import PromotionEnd, ServingNotice
from lineage.actions import name_tracking_server
from lineage.models import ModelVersionCompletion
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.serving.scenes import STOP, TWO_DAYS, go_live, live, only_notice, policy
from tests.approvals.serving.test_causes_of_the_record import FOR_USE, signed_and_live
from tests.approvals.world import WHY, World, sha

DENIED = "42501"
FOUND = (
    "INSERT INTO lineage_modelversioncompletion (model_version_id, how, came_from, tracking_server_id, digest_algorithm,"
    " digest_value, code_commit, training, metrics, parameters, contradicts)"
    " VALUES (%s, %s, '', %s, 'sha256', %s, '', '{}', '{}', '{}', '{}')"
)
CORRECT = "INSERT INTO lineage_linkcorrection (run_id, run_input_id, kind, reason) VALUES (%s, %s, %s, 'x')"
PLACES = "UPDATE lineage_model SET deployment_geography = ARRAY[%s] WHERE id = %s"


def correction(w: World, kind: str) -> list[Any]:
    """Of what the run that made `raw` was said to have read."""
    link = w.runs["raw"].inputs.get()
    return [link.run_id, link.pk, kind]


def test_other_bytes_by_raw_sql_are_answered_though_they_claim_to_contradict_nothing(w: World, app: Connection) -> None:
    policy(w, {"digest_contradicted": STOP})
    promotion = go_live(w)
    server = name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri="http://t", **WHY)
    with acting(app, w.cast.system):
        app.execute(FOUND, [w.version.pk, "tracking", server.pk, sha("others")])
    assert ModelVersionCompletion.objects.get().contradicts == ["digest"]
    assert (only_notice(promotion).cause, live(w)) == ("digest_contradicted", None)


@pytest.mark.parametrize("who", ["pipeline", "owner", "risk", "admin", "outsider"])
def test_nobody_ends_what_is_live_by_saying_that_other_bytes_lie_there(w: World, app: Connection, who: str) -> None:
    policy(w, {"digest_contradicted": STOP})
    promotion = go_live(w)
    server = name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri="http://t", **WHY)
    with refuses("MU006", "completion-by-worker"), acting(app, getattr(w.cast, who)):
        app.execute(FOUND, [w.version.pk, "tracking", server.pk, sha("others")])
    assert live(w) == promotion


def test_a_maker_does_not_say_otherwise_what_was_registered(w: World, app: Connection) -> None:
    policy(w, {"digest_contradicted": STOP})
    promotion = go_live(w)
    with refuses("MU008", "digest-on-record"), acting(app, w.cast.owner):
        app.execute(FOUND, [w.version.pk, "owner", None, sha("others")])
    assert live(w) == promotion and not ServingNotice.objects.exists()


def test_a_link_voided_and_restored_in_one_breath_was_voided(w: World, app: Connection) -> None:
    policy(w, {"lineage_corrected": STOP})
    promotion = go_live(w)
    with acting(app, w.cast.steward):
        app.execute(CORRECT, correction(w, "void"))
        app.execute(CORRECT, correction(w, "restore"))
    assert only_notice(promotion).cause == "lineage_corrected"
    assert PromotionEnd.objects.get(promotion=promotion).recorded_by == w.cast.steward
    assert live(w) is None


@pytest.mark.parametrize(("who", "code"), [
    ("pipeline", "not-for-this-role"), ("risk", "not-for-this-role"), ("outsider", "not-for-this-role"),
    ("system", "not-for-this-role"),
])  # fmt: skip
def test_a_link_is_voided_in_nobody_elses_name(w: World, app: Connection, who: str, code: str) -> None:
    policy(w, {"lineage_corrected": STOP})
    promotion = go_live(w)
    with refuses("MU006", code), acting(app, getattr(w.cast, who)):
        app.execute(CORRECT, correction(w, "void"))
    assert live(w) == promotion


def test_another_use_for_a_moment_was_another_use(w: World, app: Connection) -> None:
    """A, B, A in one transaction: the signature was given for A, and does not come back."""
    policy(w, {"use_changed": STOP}, FOR_USE)
    promotion = signed_and_live(w)
    with acting(app, w.cast.owner):
        app.execute(PLACES, ["FR", w.model.pk])
        app.execute(PLACES, ["DE", w.model.pk])
    assert (only_notice(promotion).cause, live(w)) == ("use_changed", None)


def test_the_notice_of_another_use_is_not_cleared_by_the_former_one(w: World, app: Connection) -> None:
    policy(w, {"use_changed": TWO_DAYS}, FOR_USE)
    promotion = signed_and_live(w)
    with acting(app, w.cast.owner):
        app.execute(PLACES, ["FR", w.model.pk])
    for place in ("FR", "DE"):
        with refuses("MU008", "cause-stands"), acting(app, w.cast.owner):
            app.execute(PLACES, [place, w.model.pk])
            app.execute(
                "INSERT INTO approvals_servingnoticeend (notice_id, kind, reason) VALUES (%s, 'cleared', 'x')",
                [only_notice(promotion).pk],
            )


def test_the_answer_is_not_left_out_nor_given_by_hand(w: World, app: Connection) -> None:
    policy(w, {"use_changed": STOP}, FOR_USE)
    promotion = signed_and_live(w)
    for statement in (
        "UPDATE lineage_model SET use_epoch = 0",
        "UPDATE lineage_model SET risk_tier = 'low', use_epoch = use_epoch",
        "ALTER TABLE lineage_model DISABLE TRIGGER zz_answer",
        "ALTER TABLE lineage_linkcorrection DISABLE TRIGGER zz_answer",
        "ALTER TABLE lineage_modelversioncompletion DISABLE TRIGGER zz_answer",
        "SET session_replication_role = replica",
        f"SELECT muniment.answer_change({promotion.pk}, 'use_changed', {w.model.pk}, '[]')",
        f"SELECT muniment.answer_under('lineage_corrected', 1, '[]', '{{}}', '{{}}', ARRAY[{promotion.pk}]::bigint[])",
        "SELECT muniment.answer_use()",
        "SELECT muniment.answer_correction()",
        "SELECT muniment.answer_contradiction()",
    ):
        with refuses(DENIED), acting(app, w.cast.owner):
            app.execute(statement)  # type: ignore[arg-type]  # text of ours
    assert live(w) == promotion
