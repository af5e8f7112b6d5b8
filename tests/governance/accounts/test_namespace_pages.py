"""The pages of namespaces: who holds what, what waits, and the forms of administrators."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.actions.grants import grant_role
from governance.accounts.models import RoleGrant
from governance.accounts.roles import Role
from tests.cast import Cast

Api = Callable[[str], Any]


def pending(cast: Cast) -> RoleGrant:
    """A grant that waits for a second administrator."""
    return grant_role(
        actor=cast.admin, principal=cast.viewer, role=Role.VALIDATOR, namespace=cast.retail, reason="He validates now"
    )


def test_it_names_holders_with_who_granted_and_who_approved(cast: Cast, signed_in: Api) -> None:
    viewer = signed_in("viewer")
    with CaptureQueriesContext(connection) as queries:
        text = viewer.get(f"/namespaces/{cast.retail.pk}").content.decode()
    assert len(queries) <= 14, [q["sql"] for q in queries]
    for said in ("Rita Risk", "Risk manager", "Anna Admin", "Anton Admin", "takes one person"):
        assert said in text
    assert "Ada Auditor" not in text  # hers is everywhere
    assert "Ada Auditor" in signed_in("viewer").get("/namespaces/everywhere").content.decode()
    assert 'method="post" action="/namespaces' not in text


def test_a_grant_is_given_approved_and_ended_by_two_administrators(cast: Cast, signed_in: Api) -> None:
    page, form = f"/namespaces/{cast.retail.pk}", {"principal": cast.viewer.pk, "role": "validator"}
    given = signed_in("admin").post(f"{page}/grants", {**form, "reason": "He validates now", "until": "2030-01-31"})
    assert (given.status_code, given.headers["Location"]) == (302, page)
    grant = RoleGrant.objects.get(principal=cast.viewer, role="validator")
    assert grant.effective_to is not None
    assert grant.effective_to.isoformat() == "2030-02-01T00:00:00+00:00"
    assert "Someone else approves" in signed_in("admin").get(page).content.decode()
    assert f"/role-grants/{grant.pk}/approve" in signed_in("admin2").get(page).content.decode()
    own = signed_in("admin").post(f"/role-grants/{grant.pk}/approve", {"reason": "Mine"})
    assert own.status_code == 403
    assert "A second person approves" in own.content.decode()
    assert signed_in("admin2").post(f"/role-grants/{grant.pk}/approve", {"reason": "Agreed"}).status_code == 302
    grant.refresh_from_db()
    assert grant.approved_by == cast.admin2
    assert signed_in("admin").post(f"/role-grants/{grant.pk}/end", {"reason": "Left"}).status_code == 302
    again = signed_in("admin").post(f"/role-grants/{grant.pk}/end", {"reason": "Left"})
    assert again.status_code == 409
    assert "This grant has ended." in again.content.decode()
    assert "Viktor Viewer" in signed_in("admin").get(page).content.decode()


def test_what_is_missing_or_wrong_is_said_beside_its_field_and_nothing_is_granted(cast: Cast, signed_in: Api) -> None:
    page = f"/namespaces/{cast.retail.pk}/grants"
    before = RoleGrant.objects.count()
    full = {"principal": cast.viewer.pk, "role": "validator", "reason": "Why not"}
    for wrong in (
        {"reason": ""}, {"role": "king"}, {"principal": "987654321"}, {"principal": "x"}, {"until": "soon"},
        {"reason": "x" * 2001}, {"principal": cast.outsider_pipeline.pk, "role": "risk_manager"},
    ):  # fmt: skip
        answer = signed_in("admin").post(page, {**full, **wrong})
        assert answer.status_code in (400, 403), (wrong, answer.status_code)
        assert "Why not" in answer.content.decode() or "reason" in wrong
    assert RoleGrant.objects.count() == before
    grant = pending(cast)
    assert signed_in("admin2").post(f"/role-grants/{grant.pk}/approve", {"reason": " "}).status_code == 400


def test_what_waits_is_counted_on_the_list(cast: Cast, signed_in: Api) -> None:
    pending(cast)
    text = signed_in("admin2").get("/namespaces").content.decode()
    assert "retail" in text
    assert ">1</td>" in text
    mine = signed_in("viewer").get("/namespaces").content.decode()
    assert "elsewhere" not in mine
    assert signed_in("outsider").get(f"/namespaces/{cast.retail.pk}").status_code == 404
    assert signed_in("viewer").get("/namespaces/nowhere").status_code == 404
