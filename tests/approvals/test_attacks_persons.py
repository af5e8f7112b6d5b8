"""A30 to A32: who made it judges it under no role they take up, and one administrator makes no voters."""

import pytest

from approvals.models import Requirement
from governance import errors
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.models import RoleGrant
from governance.accounts.roles import Role
from tests.approvals.raw import Connection, acting, refuses, vote
from tests.approvals.voting import give
from tests.approvals.world import WHY, World, refused, signature, train

RISK = signature("risk", "risk_manager")


def asked(w: World) -> Requirement:
    return Requirement.objects.get(policy_version=w.policy(RISK), key="risk")


def test_A30_who_made_it_judges_it_under_no_role_joined_left_or_joined_again(w: World, app: Connection) -> None:
    requirement = asked(w)
    release = w.release()
    for _time in range(2):
        grant = give(w, w.cast.engineer, Role.RISK_MANAGER)  # answers for the pipeline that trained it
        with refuses("MU006", "own-work"), acting(app, w.cast.engineer):
            vote(app, release, requirement, grant)
        end_grant(actor=w.cast.admin, grant=grant, **WHY)
        with refuses("MU006", "grant-not-in-force"), acting(app, w.cast.engineer):
            vote(app, release, requirement, grant)


def test_A30_who_took_part_for_a_moment_has_taken_part(w: World, app: Connection) -> None:
    requirement = asked(w)
    joined = grant_role(
        actor=w.cast.admin, principal=w.cast.pipeline, role=Role.PIPELINE, namespace=w.cast.retail, **WHY
    )
    version = train(w.cast, w.model, w.versions["features"], "a-moment")
    end_grant(actor=w.cast.admin, grant=joined, **WHY)
    grant = give(w, w.cast.engineer, Role.RISK_MANAGER)
    release = w.release(version)
    with refuses("MU006", "own-work"), acting(app, w.cast.engineer):
        vote(app, release, requirement, grant)


def test_A31_who_votes_in_anothers_name_votes_in_their_own(w: World, app: Connection) -> None:
    """The signer is whom the database knows as acting, whatever the row says."""
    requirement = asked(w)
    release = w.release()
    theirs = RoleGrant.objects.get(principal=w.cast.risk, role="risk_manager")
    with refuses("MU006", "grant-of-another"), acting(app, w.cast.risk2):
        vote(app, release, requirement, theirs, recorded_by_id=w.cast.risk.pk)


def test_A32_one_administrator_makes_no_risk_managers(w: World, app: Connection) -> None:
    requirement = asked(w)
    release = w.release()
    for person in (w.cast.viewer, w.cast.business):
        given = grant_role(actor=w.cast.admin, principal=person, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY)
        refused(
            lambda g=given: approve_grant(actor=w.cast.admin, grant=g, **WHY),
            errors.SeparationOfDuties, "second-person",
        )  # fmt: skip
        with refuses("MU006", "grant-not-in-force"), acting(app, person):
            vote(app, release, requirement, given)
    ally = grant_role(
        actor=w.cast.admin, principal=w.cast.viewer, role=Role.ADMINISTRATOR, namespace=w.cast.retail, **WHY
    )
    with pytest.raises(errors.SeparationOfDuties):
        approve_grant(actor=w.cast.admin, grant=ally, **WHY)


def test_A32_one_administrator_makes_no_auditor_either(w: World) -> None:
    given = grant_role(actor=w.cast.admin, principal=w.cast.viewer, role=Role.AUDITOR, namespace=w.cast.retail, **WHY)
    assert given.effective_from is None
    approved = approve_grant(actor=w.cast.admin2, grant=given, **WHY)
    assert approved.effective_from is not None
    refused(lambda: approve_grant(actor=w.cast.admin2, grant=given, **WHY), errors.Conflict, "grant-not-pending")
