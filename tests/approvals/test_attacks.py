"""Attacks on judgements under the app's own login, with raw SQL and a stamped actor (contracts/attacks.md)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as django_connection

from approvals.actions.promotions import ask_for_promotion
from approvals.models import Evidence, GateDecision, LiveSlot, Promotion, Release, ReleaseClosure, Requirement, SignOff
from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from tests.approvals.raw import Connection, acting, promote, refuses, vote
from tests.approvals.world import WHY, World, signature

DENIED = "42501"
RISK = signature("risk", "risk_manager")
OPEN = {"key": "artifact", "kind": "artifact"}


def asked(w: World, *requirements: dict[str, Any]) -> tuple[Release, Requirement]:
    """A release judged by a policy, and its first sign-off requirement."""
    version = w.policy(*requirements)
    return w.release(), Requirement.objects.get(policy_version=version, position=1)


def grant_of(person: Principal, role: str) -> RoleGrant:
    return RoleGrant.objects.get(principal=person, role=role)


def also(w: World, person: Principal, role: Role, namespace: Namespace | None) -> RoleGrant:
    """Give someone a voting role by two administrators."""
    given = grant_role(actor=w.cast.admin, principal=person, role=role, namespace=namespace, **WHY)
    return approve_grant(actor=w.cast.admin2, grant=given, **WHY)


def nothing_went_live() -> None:
    assert not Promotion.objects.exists()
    assert not GateDecision.objects.exists()
    assert not LiveSlot.objects.exists()


# A20: a promotion past the gate


@pytest.mark.parametrize("suffix", ["", " ON CONFLICT DO NOTHING"])
def test_A20_a_promotion_by_sql_meets_the_same_gate(w: World, app: Connection, suffix: str) -> None:
    release, _ = asked(w, RISK)
    insert = (
        "INSERT INTO approvals_promotion (release_id, model_id, environment_id, slot)"
        f" VALUES ({release.pk}, {w.model.pk}, {release.environment_id}, 'champion')"
    )
    with refuses("MU007"), acting(app, w.cast.pipeline):
        app.execute(insert + suffix)
    with refuses("MU007"), acting(app, w.cast.pipeline):
        app.execute(f"WITH made AS ({insert} RETURNING id) SELECT * FROM made")
    copying = "COPY approvals_promotion (release_id, model_id, environment_id, slot) FROM STDIN"
    with refuses("MU007"), acting(app, w.cast.pipeline), app.cursor() as cursor, cursor.copy(copying) as copy:
        copy.write_row((release.pk, w.model.pk, release.environment_id, "champion"))
    with refuses("MU001", "no-actor"), app.transaction():
        app.execute(insert)
    nothing_went_live()


def test_A20_the_orm_of_a_shell_meets_the_same_gate(w: World) -> None:
    release, _ = asked(w, RISK)
    place = {"release": release, "model": w.model, "environment": release.environment, "slot": "champion"}
    for save in (
        lambda: Promotion.objects.create(**place),
        lambda: Promotion.objects.bulk_create([Promotion(**place)]),
        lambda: Promotion.objects.bulk_create([Promotion(**place)], ignore_conflicts=True),
    ):
        with pytest.raises(errors.GateClosed), recorded_action(actor=w.cast.owner, **WHY):
            save()
    nothing_went_live()


def test_A20_a_promotion_elsewhere_than_its_release_says_is_refused(w: World, app: Connection) -> None:
    release, _ = asked(w, OPEN)
    for column, value in (("slot", "'shadow'"), ("environment_id", "(SELECT min(id) FROM approvals_environment)")):
        columns = {"model_id": str(w.model.pk), "environment_id": str(release.environment_id), "slot": "'champion'"}
        columns[column] = value
        with refuses("MU009", "other-place"), acting(app, w.cast.pipeline):
            app.execute(
                f"INSERT INTO approvals_promotion (release_id, {', '.join(columns)})"
                f" VALUES ({release.pk}, {', '.join(columns.values())})"
            )
    nothing_went_live()


def test_A02_A20_decisions_and_what_is_live_are_the_databases_to_write(w: World, app: Connection) -> None:
    release, _ = asked(w, OPEN)
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    for statement in (
        "INSERT INTO approvals_gatedecision (promotion_id, release_id, would_have_refused, requirements, snapshot,"
        f" decided_at) VALUES ({promotion.pk}, {release.pk}, false, '[]', '', now())",
        f"UPDATE approvals_liveslot SET promotion_id = {promotion.pk}",
        "DELETE FROM approvals_liveslot",
        "INSERT INTO approvals_liveslot (model_id, environment_id, slot, promotion_id)"
        f" VALUES ({w.model.pk}, {release.environment_id}, 'shadow', {promotion.pk})",
        "UPDATE approvals_promotion SET release_id = release_id",
        "UPDATE approvals_promotion SET slot = 'shadow'",
        "DELETE FROM approvals_promotion",
        "TRUNCATE approvals_promotion CASCADE",
        "UPDATE approvals_gatedecision SET requirements = '[]'",
        "UPDATE approvals_signoff SET vote = 'approve'",
        "DELETE FROM approvals_evidence",
        "DELETE FROM approvals_promotionend",
        "UPDATE approvals_promotionend SET kind = 'retired'",
        "ALTER TABLE approvals_promotion DISABLE TRIGGER r_decide",
        "SELECT muniment.lock_for_promotion(1, 1, 1, 1)",
    ):
        with refuses(DENIED), acting(app, w.cast.pipeline):
            app.execute(statement)  # type: ignore[arg-type]  # text of ours


def test_a_promotion_cannot_be_called_superseded_or_a_release_promoted(w: World, app: Connection) -> None:
    release, _ = asked(w, OPEN)
    with refuses("MU008", "not-promoted"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_releaseclosure (release_id, kind, reason) VALUES (%s, 'promoted', 'x')", [release.pk]
        )
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    end = "INSERT INTO approvals_promotionend (promotion_id, kind, reason) VALUES (%s, %s, 'x')"
    with refuses("MU008", "not-superseded"), acting(app, w.cast.pipeline):
        app.execute(end, [promotion.pk, "superseded"])
    with acting(app, w.cast.risk):
        app.execute(end, [promotion.pk, "suspended"])
    with refuses("MU008", "promotion-ended"), acting(app, w.cast.risk):
        app.execute(end, [promotion.pk, "retired"])
    with refuses("MU008", "release-closed"), acting(app, w.cast.pipeline):
        promote(app, release)


def test_the_app_cannot_make_an_environment_observe_only_in_anyones_name(w: World, app: Connection) -> None:
    for actor in (w.cast.owner, w.cast.policy, w.cast.admin):
        with refuses(DENIED), acting(app, actor):
            app.execute("UPDATE approvals_environment SET observe_only_until = now() + interval '1 year'")


# A22: two at once


def test_A30_who_trained_it_through_a_service_account_cannot_approve_it(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    grant = also(w, w.cast.engineer, Role.RISK_MANAGER, w.cast.retail)  # answers for the pipeline
    with refuses("MU006", "own-work"), acting(app, w.cast.engineer):
        vote(app, release, risk, grant)
    with pytest.raises(errors.SeparationOfDuties):
        w.vote("risk", w.cast.engineer, release=release)


def test_A30_who_edited_the_model_cannot_approve_it(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    grant = grant_of(w.cast.risk, "risk_manager")
    with recorded_action(actor=w.cast.risk, **WHY):
        w.model.description = "Rewritten"
        w.model.save()
    with refuses("MU006", "own-work"), acting(app, w.cast.risk):
        vote(app, release, risk, grant)


def test_A30_who_reported_the_evidence_cannot_approve_on_it(w: World, app: Connection) -> None:
    release, requirement = asked(w, signature("validator", "validator"))
    w.evidence(w.plan())  # by the tester, for whom the validator answers
    with refuses("MU006", "own-work"), acting(app, w.cast.validator):
        vote(app, release, requirement, grant_of(w.cast.validator, "validator"))


def test_A30_a_delegate_of_a_contributor_cannot_approve(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    given = grant_role(
        actor=w.cast.admin, principal=w.cast.business, role=Role.RISK_MANAGER, namespace=w.cast.retail,
        on_behalf_of=w.cast.engineer, **WHY,
    )  # fmt: skip
    grant = approve_grant(actor=w.cast.admin2, grant=given, **WHY)
    with refuses("MU006", "own-work"), acting(app, w.cast.business):
        vote(app, release, risk, grant)


def test_A30_handing_the_service_account_to_another_does_not_launder_the_work(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    grant = also(w, w.cast.engineer, Role.RISK_MANAGER, w.cast.retail)
    with recorded_action(actor=w.cast.admin, **WHY):
        w.cast.pipeline.responsible = w.cast.viewer
        w.cast.pipeline.save()
    with refuses("MU006", "own-work"), acting(app, w.cast.engineer):
        vote(app, release, risk, grant)


def test_service_accounts_and_the_system_give_no_vote(w: World, app: Connection) -> None:
    release, validator = asked(w, signature("validator", "validator"))
    with refuses("MU006", "not-a-person"), acting(app, w.cast.tester):
        vote(app, release, validator, grant_of(w.cast.tester, "validator"))
    with refuses("MU006", "not-a-person"), acting(app, w.cast.system):
        vote(app, release, validator, grant_of(w.cast.validator, "validator"))


# A31: twice, for another, elsewhere


def test_A31_a_second_vote_of_the_same_person_is_refused(w: World, app: Connection) -> None:
    release, risk = asked(w, signature("risk", "risk_manager", count=2))
    grant = grant_of(w.cast.risk, "risk_manager")
    with acting(app, w.cast.risk):
        vote(app, release, risk, grant)
    with refuses("MU008", "already-voted"), acting(app, w.cast.risk):
        vote(app, release, risk, grant)
    everywhere = also(w, w.cast.risk, Role.RISK_MANAGER, None)
    with refuses("MU008", "already-voted"), acting(app, w.cast.risk):
        vote(app, release, risk, everywhere)


def test_A31_a_vote_under_anothers_grant_is_refused(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    with refuses("MU006", "grant-of-another"), acting(app, w.cast.viewer):
        vote(app, release, risk, grant_of(w.cast.risk, "risk_manager"))


def test_A31_a_grant_of_another_role_or_namespace_or_one_that_ended_is_refused(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    with refuses("MU006", "grant-other-role"), acting(app, w.cast.business):
        vote(app, release, risk, grant_of(w.cast.business, "business_owner"))
    elsewhere = RoleGrant.objects.get(principal=w.cast.outsider, role="risk_manager")
    with refuses("MU006", "grant-other-role"), acting(app, w.cast.outsider):
        vote(app, release, risk, elsewhere)
    from governance.accounts.actions.grants import end_grant

    ended = end_grant(actor=w.cast.admin, grant=grant_of(w.cast.risk, "risk_manager"), **WHY)
    with refuses("MU006", "grant-not-in-force"), acting(app, w.cast.risk):
        vote(app, release, risk, ended)
    pending = grant_role(
        actor=w.cast.admin, principal=w.cast.viewer, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY
    )
    with refuses("MU006", "grant-not-in-force"), acting(app, w.cast.viewer):
        vote(app, release, risk, pending)


def test_A31_a_statement_is_not_replayed_on_another_release_requirement_or_policy(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK, signature("second", "risk_manager", binds=["subject"]))
    with acting(app, w.cast.risk):
        number = vote(app, release, risk, grant_of(w.cast.risk, "risk_manager"))
    said = SignOff.objects.get(pk=number).statement
    other = w.release(w.retrain(2))
    second = Requirement.objects.get(policy_version=risk.policy_version, key="second")
    grant = grant_of(w.cast.risk2, "risk_manager")
    for place, requirement in ((other, risk), (release, second), (release, risk)):
        with refuses("MU008", "statement-outdated"), acting(app, w.cast.risk2):
            vote(app, place, requirement, grant, statement=said)
    w.policy(RISK)
    with refuses("MU008", "requirement-not-asked"), acting(app, w.cast.risk2):
        vote(app, release, risk, grant)


def test_A31_anothers_vote_is_not_taken_back(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    with acting(app, w.cast.risk):
        number = vote(app, release, risk, grant_of(w.cast.risk, "risk_manager"))
    take_back = "INSERT INTO approvals_signoffwithdrawal (sign_off_id, reason) VALUES (%s, 'x')"
    with refuses("MU006", "not-your-vote"), acting(app, w.cast.risk2):
        app.execute(take_back, [number])
    with acting(app, w.cast.risk):
        app.execute(take_back, [number])
    with refuses("MU008", "already-withdrawn"), acting(app, w.cast.risk):
        app.execute(take_back, [number])


def test_a_closed_release_takes_no_votes_and_gives_none_back(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    number = w.vote("risk", w.cast.risk, release=release).pk
    ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    with refuses("MU008", "release-closed"), acting(app, w.cast.risk2):
        vote(app, release, risk, grant_of(w.cast.risk2, "risk_manager"))
    with refuses("MU008", "release-closed"), acting(app, w.cast.risk):
        app.execute("INSERT INTO approvals_signoffwithdrawal (sign_off_id, reason) VALUES (%s, 'x')", [number])
    assert ReleaseClosure.objects.get(release=release).kind == "promoted"


@pytest.mark.parametrize("age", ["301 seconds", "1 day", "-1 minute"])
def test_a_proof_of_identity_older_than_five_minutes_or_from_the_future_is_refused(
    w: World, app: Connection, age: str
) -> None:
    release, risk = asked(w, RISK)
    with refuses("MU006", "reauthenticate"), acting(app, w.cast.risk):
        vote(app, release, risk, grant_of(w.cast.risk, "risk_manager"), reauthenticated=age)


def test_what_a_vote_says_of_itself_is_the_databases_to_say(w: World, app: Connection) -> None:
    release, risk = asked(w, RISK)
    with acting(app, w.cast.risk):
        number = vote(app, release, risk, grant_of(w.cast.risk, "risk_manager"))
    signed = SignOff.objects.get(pk=number)
    assert (signed.printed_name, signed.recorded_by) == ("Rita Risk", w.cast.risk)
    aspects = {"subject", "data", "privacy", "use", "evidence", "requirement", "role"}
    assert set(signed.bound) == aspects | {"policy_version", "publication", "use_epoch"}
    with refuses("MU009", "statement-digest"), acting(app, w.cast.risk2):
        vote(app, release, risk, grant_of(w.cast.risk2, "risk_manager"), statement_digest="0" * 64)
    with refuses("MU009", "no-such-evidence"), acting(app, w.cast.risk2):
        vote(app, release, risk, grant_of(w.cast.risk2, "risk_manager"), evidence_seen=[987654])


# A33: Django's own switches


def test_A33_djangos_superuser_flag_group_and_permission_do_not_exist_or_do_nothing(
    w: World, app: Connection, signed_in: Callable[[str], Any]
) -> None:
    from governance.accounts.models import User

    columns = {f.name for f in User._meta.get_fields()}
    assert not columns & {"is_superuser", "groups", "user_permissions"}
    release, risk = asked(w, RISK)
    for person, role in ((w.cast.admin, "administrator"), (w.cast.auditor, "auditor")):
        grant = RoleGrant.objects.filter(principal=person, role=role).get()
        with refuses("MU006", "grant-other-role"), acting(app, person):
            vote(app, release, risk, grant)
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.columns WHERE column_name = 'is_superuser'")
        assert cursor.fetchone()[0] == 0


# A42 to A44: plans and evidence


def test_A42_a_plan_is_locked_at_the_databases_time(w: World, app: Connection) -> None:
    with acting(app, w.cast.tester):
        app.execute(
            "INSERT INTO approvals_plan"
            " (namespace_id, model_id, kind, title, description, checklist, owner_id, locked_at)"
            " VALUES (%s, %s, 'performance', 'Back-dated', '', '{}', %s, '2020-01-01')",
            [w.cast.retail.pk, w.model.pk, w.cast.validator.pk],
        )
    row = app.execute("SELECT locked_at > now() - interval '1 minute' FROM approvals_plan").fetchone()
    assert row == (True,)


@pytest.mark.parametrize("number", ["'NaN'", "'Infinity'", "'-Infinity'", "'1e400'", "1e31"])
def test_A43_what_is_no_finite_number_is_refused_by_the_tables(w: World, app: Connection, number: str) -> None:
    plan = w.plan()
    with refuses("23514"), acting(app, w.cast.tester):
        app.execute(
            "WITH e AS (INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest,"
            " run_started_at, independence, claim, tool, attachments)"
            " VALUES (%s, %s, %s, '', now(), '', 'passed', '', '[]') RETURNING id)"
            " SELECT id FROM e",
            [w.cast.retail.pk, plan.pk, w.version.pk],
        )
        app.execute(  # type: ignore[call-overload]  # text of ours
            "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
            f" SELECT max(id), 'accuracy', {number}, '', '', '' FROM approvals_evidence"
        )
    with refuses("23514"), acting(app, w.cast.tester):
        app.execute(
            "INSERT INTO approvals_plan (namespace_id, model_id, kind, title, description, checklist, owner_id)"
            " VALUES (%s, %s, 'performance', 'P', '', '{}', %s)",
            [w.cast.retail.pk, w.model.pk, w.cast.validator.pk],
        )
        app.execute(  # type: ignore[call-overload]  # text of ours
            "INSERT INTO approvals_plancriterion (plan_id, metric, comparator, threshold, slice, dataset_role)"
            f" SELECT max(id), 'accuracy', 'ge', {number}, '', '' FROM approvals_plan"
        )
    assert not Evidence.objects.exists()


def test_A43_an_unknown_comparator_is_refused_by_the_tables(w: World, app: Connection) -> None:
    with refuses("23514"), acting(app, w.cast.tester):
        app.execute(
            "INSERT INTO approvals_plan (namespace_id, model_id, kind, title, description, checklist, owner_id)"
            " VALUES (%s, %s, 'performance', 'P', '', '{}', %s)",
            [w.cast.retail.pk, w.model.pk, w.cast.validator.pk],
        )
        app.execute(
            "INSERT INTO approvals_plancriterion (plan_id, metric, comparator, threshold, slice, dataset_role)"
            " SELECT max(id), 'accuracy', '=>', 0, '', '' FROM approvals_plan"
        )


# policies


def test_one_policy_owner_alone_publishes_nothing(w: World, app: Connection) -> None:
    from approvals.actions.policies import publish_policy, write_policy_version
    from lineage.models import RiskTier

    draft = write_policy_version(
        actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH, requirements=[OPEN], **WHY
    )
    with pytest.raises(errors.SeparationOfDuties):
        publish_policy(actor=w.cast.policy, policy_version=draft, **WHY)
    publish = "INSERT INTO approvals_policypublication (policy_version_id) VALUES (%s)"
    with refuses("MU006", "second-policy-owner"), acting(app, w.cast.policy):
        app.execute(publish, [draft.pk])
    with refuses("MU006", "not-a-policy-owner"), acting(app, w.cast.risk):
        app.execute(publish, [draft.pk])
    with refuses("MU006", "not-a-policy-owner"), acting(app, w.cast.system):
        app.execute(publish, [draft.pk])
    publish_policy(actor=w.cast.policy2, policy_version=draft, **WHY)
    assert [row.key for row in w.ask().values()] == ["artifact"]


def test_a_policy_version_without_requirements_is_not_published(w: World, app: Connection) -> None:
    with acting(app, w.cast.policy):
        app.execute(
            "INSERT INTO approvals_policyversion (policy_id, summary, responses)"
            " SELECT min(id), '', '{}' FROM approvals_policy"
        )
    with refuses("MU009", "policy-empty"), acting(app, w.cast.policy2):
        app.execute(
            "INSERT INTO approvals_policypublication (policy_version_id) SELECT max(id) FROM approvals_policyversion"
        )
