"""Raw SQL under the application's login against envelopes: no row of them is moved, forged, edited or pointed elsewhere."""

import json
from typing import Any

import pytest

from approvals.actions.change_plans import propose_change_plan
from approvals.models import ChangePlan, ChangePlanUse
from governance import errors
from tests.approvals.envelope.scene import Scene
from tests.approvals.raw import Connection, acting, promote, refuses
from tests.approvals.world import WHY, refused, train


def test_an_envelope_is_not_edited_by_anyone(s: Scene, app: Connection) -> None:
    plan = s.envelope()
    s.approve(plan)
    for change in ("uses = 99", "keeps = '{}'", "bands = '[]'", "ends_at = ends_at + interval '1 year'"):
        with refuses("42501"), acting(app, s.w.cast.owner) as connection:
            connection.execute(f"UPDATE approvals_changeplan SET {change} WHERE id = %s", [plan.pk])


def test_uses_are_the_databases_own_to_write(s: Scene, app: Connection) -> None:
    plan = s.envelope()
    promotion = s.approve(plan)
    with refuses("42501"), acting(app, s.w.cast.pipeline) as connection:
        connection.execute(
            "INSERT INTO approvals_changeplanuse (change_plan_id, promotion_id, number, basis) VALUES (%s, %s, 1, '{}')",
            [plan.pk, promotion.pk],
        )
    with refuses("42501"), acting(app, s.w.cast.pipeline) as connection:
        connection.execute("UPDATE approvals_changeplanuse SET number = 7 WHERE change_plan_id = %s", [plan.pk])
    with refuses("42501"), acting(app, s.w.cast.pipeline) as connection:
        connection.execute("DELETE FROM approvals_changeplanuse")


def test_a_release_is_not_pointed_at_an_envelope_afterwards(s: Scene, app: Connection) -> None:
    plan = s.envelope()
    release = s.w.release(s.base)
    with refuses("42501"), acting(app, s.w.cast.owner) as connection:
        connection.execute("UPDATE approvals_release SET change_plan_id = %s WHERE id = %s", [plan.pk, release.pk])


def test_an_envelope_is_carried_in_its_own_version_and_place_alone(s: Scene, app: Connection) -> None:
    plan, other = s.envelope(), s.retrain()
    for version, slot, name in (
        (other, "champion", "production"), (s.base, "shadow", "production"), (s.base, "champion", "staging"),
    ):  # fmt: skip
        with refuses("MU009", "envelope-elsewhere"), acting(app, s.w.cast.owner) as connection:
            connection.execute(
                "INSERT INTO approvals_release (model_version_id, environment_id, slot, purpose, change_plan_id)"
                " SELECT %s, e.id, %s, 'dpv:CreditChecking', %s FROM approvals_environment e WHERE e.name = %s",
                [version.pk, slot, plan.pk, name],
            )


def test_an_envelope_that_was_in_force_is_carried_no_more(s: Scene, app: Connection) -> None:
    plan = s.envelope()
    s.approve(plan)
    refused(lambda: s.w.release(s.base, change_plan=plan), errors.Conflict, "envelope-used")


def test_a_raw_promotion_goes_by_the_same_envelope(s: Scene, app: Connection) -> None:
    live = s.approve()
    release = s.w.release(s.retrain(accuracy="0.5"))
    s.sign(release, "steward")
    with refuses("MU007"), acting(app, s.w.cast.pipeline) as connection:
        promote(connection, release, live.pk)
    inside = s.w.release(s.retrain())
    s.sign(inside, "steward")
    with acting(app, s.w.cast.pipeline) as connection:
        made = promote(connection, inside, live.pk)
    assert ChangePlanUse.objects.get(promotion_id=made).number == 1


def test_nobody_revokes_in_raw_sql_who_may_not(s: Scene, app: Connection) -> None:
    plan = s.envelope()
    for actor in (s.w.cast.owner, s.w.cast.pipeline, s.w.cast.outsider, s.w.cast.auditor):
        with refuses("MU006", "not-for-this-role"), acting(app, actor) as connection:
            connection.execute(
                "INSERT INTO approvals_changeplanrevocation (change_plan_id, reason) VALUES (%s, 'No')", [plan.pk]
            )


def insert(connection: Connection, s: Scene, **more: Any) -> None:
    """INSERT an envelope, faulty in what is given."""
    given: dict[str, Any] = {
        "model_version_id": s.base.pk, "environment_id": s.w.production.pk, "slot": "champion", "title": "Raw",
        "description": "", "parameters": "{}", "code_commits": [], "new_data": True, "keeps": [], "uses": 1,
        "bands": json.dumps([{"plan": s.performance.pk, "metric": "accuracy", "low": "0.9"}]), **more,
    }  # fmt: skip
    ends = given.pop("ends", "1 day")
    columns = ", ".join(given)
    connection.execute(
        f"INSERT INTO approvals_changeplan ({columns}, ends_at)"
        f" VALUES ({', '.join(['%s'] * len(given))}, clock_timestamp() + %s::interval)",
        [*given.values(), ends],
    )


BAND = '{"plan": PLAN, "metric": "accuracy", LIMIT}'
FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "no bands": ({"bands": "[]"}, "bands"),
    "bands that are no list": ({"bands": '{"a": 1}'}, "bands"),
    "a band of NaN": ({"bands": f'[{BAND}]', "limit": '"low": "NaN"'}, "band-limit"),
    "a band of infinity": ({"bands": f'[{BAND}]', "limit": '"high": "Infinity"'}, "band-limit"),
    "a band of 1e400": ({"bands": f'[{BAND}]', "limit": '"high": "1e400"'}, "band-limit"),
    "a band of a JSON number": ({"bands": f'[{BAND}]', "limit": '"high": 0.5'}, "band-limit"),
    "a band upside down": ({"bands": f'[{BAND}]', "limit": '"low": "2", "high": "1"'}, "band-empty"),
    "a band without limits": ({"bands": f'[{BAND}]', "limit": '"slice": "men"'}, "band-empty"),
    "a band that knows more": ({"bands": f'[{BAND}]', "limit": '"low": "1", "passed": true'}, "band-form"),
    "a plan of elsewhere": ({"bands": '[{"plan": 999999999, "metric": "a", "low": "1"}]'}, "band-plan"),
    "a parameter of no form": ({"parameters": '{"C": 5}'}, "parameter-form"),
    "a parameter between NaN": ({"parameters": '{"C": {"min": "NaN"}}'}, "parameter-form"),
    "a parameter upside down": ({"parameters": '{"C": {"min": "2", "max": "1"}}'}, "parameter-empty"),
    "parameters that are a list": ({"parameters": "[]"}, "parameters"),
    "an end that is past": ({"ends": "-1 day"}, "envelope-end"),
    "an end far ahead": ({"ends": "3 years"}, "envelope-end"),
    "a signature nobody asks for": ({"keeps": ["nobody"]}, "keeps-unknown"),
}  # fmt: skip


def test_what_cannot_be_compared_is_no_envelope(s: Scene, app: Connection) -> None:
    for fault, code in FAULTY.values():
        given = dict(fault)
        limit = given.pop("limit", "")
        if "bands" in given:
            given["bands"] = given["bands"].replace("PLAN", str(s.performance.pk)).replace("LIMIT", limit)
        with refuses("MU009", code), acting(app, s.w.cast.owner) as connection:
            insert(connection, s, **given)


def test_uses_are_bounded(s: Scene, app: Connection) -> None:
    for uses in (0, 101):
        with refuses("23514"), acting(app, s.w.cast.owner) as connection:
            insert(connection, s, uses=uses)


def test_an_outsider_proposes_nothing_here(s: Scene, app: Connection) -> None:
    with refuses("MU006", "not-for-this-role"), acting(app, s.w.cast.outsider) as connection:
        insert(connection, s)
    with pytest.raises(errors.Forbidden):
        propose_change_plan(
            actor=s.w.cast.outsider, model_version=s.base, environment=s.w.production, envelope=s.proposal(), **WHY
        )


def test_the_same_proposal_is_found_again(s: Scene) -> None:
    proposal = s.proposal()
    given: dict[str, Any] = {
        "actor": s.w.cast.owner, "model_version": s.base, "environment": s.w.production, "envelope": proposal, **WHY,
    }  # fmt: skip
    first, created = propose_change_plan(**given)
    again, anew = propose_change_plan(**given)
    assert (created, anew, again.pk) == (True, False, first.pk)
    assert ChangePlan.objects.count() == 1


def test_an_open_release_without_it_is_not_given_one(s: Scene) -> None:
    s.w.release(s.base)
    with pytest.raises(errors.AlreadyDifferent):
        s.w.release(s.base, change_plan=s.envelope())


def test_a_plan_of_another_models_data_bounds_nothing_here(s: Scene) -> None:
    other = train(s.w.cast, s.w.model, s.w.versions["features"], "elsewhere")
    plan = s.envelope(base=other, bands=[{"plan": s.performance.pk, "metric": "accuracy", "low": "0.9"}])
    assert plan.bands == [{"plan": s.performance.pk, "metric": "accuracy", "low": "0.9"}]
    refused(lambda: s.envelope(base=other), errors.Invalid, "band-plan")
