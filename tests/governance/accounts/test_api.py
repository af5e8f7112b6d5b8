"""The accounts over HTTP: namespaces, principals, role grants, keys, and the history of all of it."""

from typing import Any

import pytest

from governance.accounts.models import ApiKey, CredentialEvent, Namespace, Principal, RoleGrant
from tests.governance.api.test_doors import check_problem


def post(browser: Any, path: str, **body: Any) -> Any:
    return browser.post(f"/api/v1/{path}", body, content_type="application/json")


def test_a_namespace_is_opened_once_and_answers_with_its_receipt(signed_in: Any, cast: Any) -> None:
    admin = signed_in("admin")
    made = post(admin, "namespaces", name="cards", title="Cards", reason="New business line")
    assert made.status_code == 201
    body = made.json()
    assert made.headers["Location"] == f"/api/v1/namespaces/{body['id']}"
    assert set(body["receipt"]) == {"id", "history_id", "ledger_entry", "action_id", "recorded_at"}
    assert body["receipt"]["id"] == body["id"]
    again = post(admin, "namespaces", name="cards", title="Cards")
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    other = post(admin, "namespaces", name="cards", title="Other cards")
    check_problem(other, 409, "already-registered-differently", "title")


@pytest.mark.parametrize("who", ["risk", "auditor", "owner"])
def test_only_administrators_open_namespaces(signed_in: Any, cast: Any, who: str) -> None:
    check_problem(post(signed_in(who), "namespaces", name="cards"), 403, "forbidden")
    assert not Namespace.objects.filter(name="cards").exists()


@pytest.mark.parametrize("field", ["id", "recorded_at", "recorded_by", "is_active", "receipt", "updatable"])
def test_a73_what_the_server_sets_cannot_be_sent(signed_in: Any, cast: Any, field: str) -> None:
    check_problem(post(signed_in("admin"), "namespaces", name="cards", **{field: 1}), 400, "invalid", field)


def test_persons_and_service_accounts_are_registered_with_exactly_their_fields(signed_in: Any, cast: Any) -> None:
    admin = signed_in("admin")
    person = post(admin, "principals", kind="person", email="New@bank.example", display_name="Nora New")
    assert person.status_code == 201
    assert person.json()["name"] == "new@bank.example"
    service = post(
        admin, "principals", kind="service", name="loader", display_name="Loader", responsible=person.json()["id"],
        home_namespace="retail",
    )  # fmt: skip
    assert service.status_code == 201
    assert service.json()["home_namespace"] == "retail"
    check_problem(post(admin, "principals", kind="person", display_name="X", name="x"), 400, "invalid", "email", "name")
    check_problem(post(admin, "principals", kind="system", display_name="X"), 400, "invalid", "kind")
    check_problem(
        post(admin, "principals", kind="person", email="new@bank.example", display_name="Again"), 409, "conflict"
    )
    unknown = post(
        admin, "principals", kind="service", name="l2", display_name="L", responsible=10**12, home_namespace="retail"
    )
    check_problem(unknown, 404, "not-found", "responsible")


def test_a71_principals_elsewhere_are_not_known_here(signed_in: Any, api: Any, cast: Any) -> None:
    names = {row["name"] for row in api("pipeline").get("/api/v1/principals?limit=500").json()["results"]}
    assert {"pipeline", "risk@bank.example", "auditor@bank.example"} <= names
    assert not names & {"outsider@bank.example", "outsider_pipeline"}
    check_problem(api("pipeline").get(f"/api/v1/principals/{cast.outsider.pk}"), 404, "not-found")
    everyone = signed_in("auditor").get("/api/v1/principals?limit=500").json()["results"]
    assert len(everyone) == Principal.objects.count()


def test_a_signing_role_takes_two_administrators(signed_in: Any, cast: Any) -> None:
    granted = post(
        signed_in("admin"),
        "role-grants",
        principal=cast.owner.pk,
        role="risk_manager",
        namespace="retail",
        reason="Deputy",
    )
    assert granted.status_code == 201
    grant = granted.json()
    assert grant["effective_from"] is None

    def awaiting() -> list[int]:
        found = signed_in("admin2").get("/api/v1/role-grants?pending=true&standing=true").json()["results"]
        return [one["id"] for one in found]

    assert awaiting() == [grant["id"]]
    itself = post(signed_in("admin"), f"role-grants/{grant['id']}/approve")
    check_problem(itself, 403, "separation-of-duties")
    approved = post(signed_in("admin2"), f"role-grants/{grant['id']}/approve", reason="Seen and agreed")
    assert approved.status_code == 200
    assert approved.json()["approved_by"] == cast.admin2.pk
    assert approved.json()["effective_from"] is not None
    assert awaiting() == []
    check_problem(post(signed_in("admin2"), f"role-grants/{grant['id']}/approve"), 409, "conflict")
    ended = post(signed_in("admin"), f"role-grants/{grant['id']}/end", reason="Deputy no longer")
    assert ended.json()["ended_by"] == cast.admin.pk
    check_problem(post(signed_in("admin"), f"role-grants/{grant['id']}/end"), 409, "conflict")


def test_a_grant_says_where_in_so_many_words(signed_in: Any, cast: Any) -> None:
    check_problem(
        post(signed_in("admin"), "role-grants", principal=cast.owner.pk, role="viewer"), 400, "invalid", "namespace"
    )
    nowhere = post(signed_in("admin"), "role-grants", principal=cast.owner.pk, role="viewer", namespace="nix")
    check_problem(nowhere, 404, "not-found", "namespace")
    everywhere = post(signed_in("admin"), "role-grants", principal=cast.owner.pk, role="viewer", namespace=None)
    assert everywhere.status_code == 201


def test_nobody_but_an_administrator_grants_approves_or_ends(signed_in: Any, cast: Any) -> None:
    risk = signed_in("risk")
    check_problem(
        post(risk, "role-grants", principal=cast.risk.pk, role="validator", namespace="retail"), 403, "forbidden"
    )
    grant = RoleGrant.objects.get(principal=cast.validator)
    check_problem(post(risk, f"role-grants/{grant.pk}/end"), 403, "forbidden")
    elsewhere = RoleGrant.objects.filter(principal=cast.outsider).earliest("id")
    check_problem(post(risk, f"role-grants/{elsewhere.pk}/end"), 404, "not-found")


def test_a_key_is_shown_once_and_what_became_of_it_is_on_record(signed_in: Any, client: Any, cast: Any) -> None:
    admin = signed_in("admin")
    issued = post(admin, "api-keys", principal=cast.pipeline.pk, scopes=["namespaces:read"], reason="Rotation")
    assert issued.status_code == 201
    body = issued.json()
    assert body["key"].startswith(body["prefix"])
    assert body["receipt"]["ledger_entry"]
    header = {"Authorization": f"Bearer {body['key']}"}
    assert client.get("/api/v1/namespaces", headers=header).status_code == 200
    shown = admin.get(f"/api/v1/api-keys/{body['id']}").json()
    assert "key" not in shown
    assert "hash" not in shown
    revoked = post(admin, f"api-keys/{body['id']}/revoke", reason="Done with it")
    assert revoked.json()["revoked_at"] is not None
    check_problem(client.get("/api/v1/namespaces", headers=header), 401, "unauthenticated")
    assert post(admin, f"api-keys/{body['id']}/revoke").json()["revoked_at"] == revoked.json()["revoked_at"]
    kinds = CredentialEvent.objects.filter(key_prefix=body["prefix"]).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["key_issued", "key_revoked"]


@pytest.mark.parametrize("scopes", [["everything"], ["datasets:"], ["read\n"], "read", [1], ["x" * 61 + ":read"]])
def test_scopes_are_of_the_known_form(signed_in: Any, cast: Any, scopes: Any) -> None:
    answer = post(signed_in("admin"), "api-keys", principal=cast.pipeline.pk, scopes=scopes)
    assert any(name.startswith("scopes") for name in check_problem(answer, 400, "invalid")["errors"])


def test_a71_keys_are_seen_by_their_account_who_answers_for_it_and_administrators(
    signed_in: Any, api: Any, cast: Any
) -> None:
    own = ApiKey.objects.get(principal=cast.pipeline)
    for who in (signed_in("engineer"), signed_in("admin"), api("pipeline")):
        assert own.pk in [row["id"] for row in who.get("/api/v1/api-keys").json()["results"]]
    for who in (signed_in("risk"), api("outsider_pipeline")):
        check_problem(who.get(f"/api/v1/api-keys/{own.pk}"), 404, "not-found")
    check_problem(post(api("pipeline"), f"api-keys/{own.pk}/revoke"), 403, "forbidden")


# --- History ---------------------------------------------------------------------------------------------------------


def history(browser: Any, **query: Any) -> list[dict[str, Any]]:
    answer = browser.get("/api/v1/history", query)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_history_tells_who_when_why_and_from_what_to_what(signed_in: Any, cast: Any) -> None:
    made = post(
        signed_in("admin"),
        "role-grants",
        principal=cast.owner.pk,
        role="viewer",
        namespace="retail",
        reason="To look on",
    ).json()
    post(signed_in("admin2"), f"role-grants/{made['id']}/end", reason="Seen enough")
    last, first = history(signed_in("auditor"), table="governance_rolegrant", object=made["id"])
    assert first["change"] == "recorded"
    assert first["reason"] == "To look on"
    assert first["by_name"] == "Anna Admin"
    assert first["ledger_entry"] == made["receipt"]["ledger_entry"]
    assert first["history_id"] == made["receipt"]["history_id"]
    assert {"field": "role", "old": None, "new": "viewer"} in first["changes"]
    assert (last["change"], last["reason"], last["by"]) == ("changed", "Seen enough", cast.admin2.pk)
    changed = {one["field"]: one for one in last["changes"]}
    assert set(changed) == {"ended_by", "ended_at"}
    assert (changed["ended_by"]["old"], changed["ended_by"]["new"]) == (None, cast.admin2.pk)


def test_history_is_found_by_act_and_by_actor(signed_in: Any, cast: Any) -> None:
    made = post(signed_in("admin"), "namespaces", name="cards", reason="New").json()
    auditor = signed_in("auditor")
    found = history(auditor, table="governance_namespace", action=made["receipt"]["action_id"])
    assert [row["object"] for row in found] == [made["id"]]
    assert history(auditor, table="governance_namespace", by=cast.risk.pk) == []


def test_a71_history_shows_what_one_may_read_and_no_more(api: Any, cast: Any) -> None:
    seen = {row["object"] for row in history(api("pipeline"), table="governance_namespace")}
    assert seen == {cast.retail.pk}
    assert history(api("pipeline"), table="governance_namespace", object=cast.elsewhere.pk) == []
    principals = {row["object"] for row in history(api("pipeline"), table="governance_principal", limit=500)}
    assert cast.outsider.pk not in principals
    assert cast.risk.pk in principals


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "table"),
        ({"table": "governance_user"}, "table"),
        ({"table": "pg_class"}, "table"),
        ({"table": "governance_namespace", "object": "x"}, "object"),
        ({"table": "governance_namespace", "action": "x"}, "action"),
    ],
)
def test_history_of_what_is_not_governed_is_refused(api: Any, cast: Any, query: dict[str, str], field: str) -> None:
    check_problem(api("pipeline").get("/api/v1/history", query), 400, "invalid", field)


def test_a_page_of_history_costs_the_same_queries_however_long(
    signed_in: Any, cast: Any, django_assert_num_queries: Any
) -> None:
    browser = signed_in("auditor")
    counts = []
    for limit in (2, 15):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            assert len(history(browser, table="governance_principal", limit=limit)) == limit
        counts.append(len(captured))
    assert counts[0] == counts[1]
