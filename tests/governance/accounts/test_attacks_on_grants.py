"""Attacks on principals and grants under the app's own login, with raw SQL and a stamped actor."""

from typing import Any

import pytest
from django.db import connection

from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.models import Namespace, Principal
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from tests.cast import Cast

WHY = {"reason": "Testing"}


def sql(actor: Principal, query: str, *values: Any) -> None:
    """One statement in an actor's name."""
    with recorded_action(actor=actor, **WHY), connection.cursor() as cursor:
        cursor.execute(query, values)


def administrator_of(cast: Cast, namespace: Namespace) -> Principal:
    """The viewer, made administrator of one namespace by two administrators."""
    given = grant_role(actor=cast.admin, principal=cast.viewer, role=Role.ADMINISTRATOR, namespace=namespace, **WHY)
    approve_grant(actor=cast.admin2, grant=given, **WHY)
    return cast.viewer


def test_A32_a_grant_to_a_holder_who_comes_later_is_refused(cast: Cast) -> None:
    """Foreign keys are looked at when the transaction ends: a service account could follow, that may not hold it."""
    with pytest.raises(errors.Invalid) as refusal:
        sql(
            cast.admin,
            "INSERT INTO governance_rolegrant (principal_id, role) VALUES (%s, 'administrator')",
            Principal.objects.latest("pk").pk + 1,
        )
    assert refusal.value.params["code"] == "no-such-principal"


def test_A30_a_delegation_is_for_a_person(cast: Cast) -> None:
    """Votes are compared by person: one given for an account would be nobody's own work."""
    for behalf in (cast.pipeline.pk, cast.system.pk, 10**9):
        with pytest.raises(errors.Invalid) as refusal:
            sql(
                cast.admin,
                "INSERT INTO governance_rolegrant (principal_id, role, on_behalf_of_id) VALUES (%s, 'validator', %s)",
                cast.risk.pk,
                behalf,
            )
        assert refusal.value.params["code"] == "no-such-principal"


def test_an_administrator_of_one_namespace_grants_nothing_elsewhere(cast: Cast) -> None:
    local = administrator_of(cast, cast.elsewhere)
    for namespace in (cast.retail.pk, None):
        with pytest.raises(errors.SeparationOfDuties):
            sql(
                local,
                "INSERT INTO governance_rolegrant (principal_id, role, namespace_id) VALUES (%s, 'auditor', %s)",
                local.pk,
                namespace,
            )


@pytest.mark.parametrize("change", ["is_active = false", "responsible_id = NULL", "display_name = 'X'"])
def test_an_administrator_of_one_namespace_changes_nobody(change: str, cast: Cast) -> None:
    """Whoever silences a voter, or hands an account over, decides on releases of every namespace."""
    local = administrator_of(cast, cast.elsewhere)
    with pytest.raises(errors.SeparationOfDuties) as refusal:
        sql(local, f"UPDATE governance_principal SET {change} WHERE id = %s", cast.compliance.pk)
    assert refusal.value.params["code"] == "not-an-administrator"
