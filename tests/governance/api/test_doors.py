"""What every end point does alike: who is let in, how a refusal is told, how a list is read."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.accounts.actions.principals import deactivate_principal, hash_key, revoke_api_key
from governance.accounts.models import ApiKey, Namespace
from tests.cast import KEYS, email

LIST = "/api/v1/namespaces"


def check_problem(response: Any, status: int, slug: str, *fields: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["type"] == f"urn:muniment:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == f"urn:uuid:{response.headers['X-Request-Id']}"
    assert set(fields) <= set(body["errors"])
    return body


# --- Keys ------------------------------------------------------------------------------------------------------------


def test_a_key_opens_as_bearer_and_as_password_of_its_account(client: Any, cast: Any) -> None:
    basic = base64.b64encode(f"pipeline:{KEYS['pipeline']}".encode()).decode()
    for header in (f"Bearer {KEYS['pipeline']}", f"bearer {KEYS['pipeline']}", f"Basic {basic}"):
        assert client.get(LIST, headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer mun_wrong",
        "Bearer " + KEYS["pipeline"][:-1],
        "Bearer " + KEYS["pipeline"] + "x",
        "Token " + KEYS["pipeline"],
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(f"tester:{KEYS['pipeline']}".encode()).decode(),
        "Bearer \x00\x00",
    ],
)  # fmt: skip
def test_a70_any_other_key_is_refused_in_one_way_with_a_challenge(client: Any, cast: Any, header: str) -> None:
    response = client.get(LIST, headers={"Authorization": header})
    check_problem(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="muniment"'


def test_without_a_key_the_answer_says_how_to_send_one(client: Any, cast: Any) -> None:
    body = check_problem(client.get(LIST), 401, "unauthenticated")
    assert "Authorization: Bearer" in body["detail"]


def test_a70_an_expired_key_is_refused(api: Any, cast: Any) -> None:
    key = ApiKey.objects.filter(principal=cast.pipeline)
    key.update(expires_at=timezone.now() - timedelta(seconds=1))
    check_problem(api("pipeline").get(LIST), 401, "unauthenticated")
    key.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert api("pipeline").get(LIST).status_code == 200


def test_a70_a_revoked_key_is_refused(api: Any, cast: Any) -> None:
    revoke_api_key(actor=cast.admin, reason="Seen in a chat", key=ApiKey.objects.get(principal=cast.pipeline))
    check_problem(api("pipeline").get(LIST), 401, "unauthenticated")


@pytest.mark.parametrize("who", ["pipeline", "engineer"])
def test_a70_a_key_of_a_closed_account_or_of_a_person_who_left_is_refused(api: Any, cast: Any, who: str) -> None:
    deactivate_principal(actor=cast.admin, reason="Left", principal=getattr(cast, who))
    check_problem(api("pipeline").get(LIST), 401, "unauthenticated")


@pytest.mark.parametrize("query", ["?api_key=x", "?token=x", f"?next={KEYS['pipeline']}", f"?{KEYS['pipeline']}"])
def test_a70_a_key_in_an_address_is_refused_even_beside_a_good_one(api: Any, query: str) -> None:
    body = check_problem(api("pipeline").get(LIST + query), 400, "invalid", "(address)")
    assert KEYS["pipeline"] not in json.dumps(body)
    assert "Authorization" in body["detail"]


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [
        ([], 200, 403),
        (["read"], 200, 403),
        (["namespaces:read"], 200, 403),
        (["datasets:read"], 403, 403),
        (["datasets:write", "models:write"], 403, 403),
    ],
)
def test_a70_a_key_does_only_what_it_was_issued_for(
    api: Any, cast: Any, scopes: list[str], read: int, write: int
) -> None:
    ApiKey.objects.filter(principal=cast.pipeline).update(scopes=scopes)
    assert api("pipeline").get(LIST).status_code == read
    answer = api("pipeline").post(LIST, {"name": "mine"})
    check_problem(answer, write, "forbidden")
    if scopes:
        assert answer.json()["params"] == {"scope": "namespaces:write"}
    else:
        assert answer.json()["params"] == {"roles": ["administrator"]}


def test_use_of_a_key_is_noted_after_the_answer_once_a_minute(api: Any, cast: Any) -> None:
    stored = ApiKey.objects.get(principal=cast.pipeline)
    assert stored.last_used_at is None
    api("pipeline").get(LIST)
    stored.refresh_from_db()
    first = stored.last_used_at
    assert first is not None
    api("pipeline").get(LIST)
    stored.refresh_from_db()
    assert stored.last_used_at == first


def test_the_key_itself_is_kept_nowhere(cast: Any) -> None:
    stored = ApiKey.objects.get(principal=cast.pipeline)
    assert stored.hash == hash_key(KEYS["pipeline"])
    assert KEYS["pipeline"] not in str(stored.__dict__)


# --- Sessions --------------------------------------------------------------------------------------------------------


def test_a83_a_session_writes_only_with_its_csrf_token(cast: Any) -> None:
    from django.test import Client

    from governance.accounts.models import User

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(
        User.objects.get(email=email("admin")), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    check_problem(browser.post(LIST, {"name": "mine"}, content_type="application/json"), 403, "forbidden")
    browser.get("/accounts/2fa/")
    token = browser.cookies[next(name for name in browser.cookies if "csrf" in name)].value
    made = browser.post(LIST, {"name": "mine"}, content_type="application/json", headers={"X-CSRFToken": token})
    assert made.status_code == 201


def test_a_person_whose_account_is_closed_is_out_at_once(signed_in: Any, cast: Any) -> None:
    browser = signed_in("risk")
    assert browser.get(LIST).status_code == 200
    deactivate_principal(actor=cast.admin, reason="Left", principal=cast.risk)
    check_problem(browser.get(LIST), 401, "unauthenticated")


# --- Addresses and bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["999999", "0", "-1", "9223372036854775808", "9" * 40, "abc", "1.0", "٣", "%00", "1%20"])
def test_a71_ids_that_are_unknown_hidden_or_no_ids_are_answered_alike(api: Any, cast: Any, id: str) -> None:
    hidden = check_problem(api("pipeline").get(f"{LIST}/{cast.elsewhere.pk}"), 404, "not-found")
    unknown = check_problem(api("pipeline").get(f"{LIST}/{id}"), 404, "not-found")
    assert {**hidden, "instance": ""} == {**unknown, "instance": ""}


def test_an_unknown_address_of_the_api_is_a_problem_and_of_the_site_a_page(client: Any, cast: Any) -> None:
    check_problem(client.get("/api/v1/nix"), 404, "not-found")
    page = client.get("/nix", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert b"<h1>" in page.content
    assert b"nix" not in page.content


def test_other_methods_are_refused_with_those_there_are(api: Any, cast: Any) -> None:
    response = api("pipeline").delete(LIST)
    check_problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST", "HEAD", "OPTIONS"}
    for method in ("put", "patch", "delete"):
        check_problem(getattr(api("pipeline"), method)(f"{LIST}/{cast.retail.pk}"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Idempotency-Key": "\xe9"}),
        ("", {"If-Match": "x"}),
        ("?as_of=2026-03-03", {}),
        ("", {"If-Match": '"1-a"'}),
    ],
)
def test_another_method_is_refused_as_such_whatever_comes_with_it(
    api: Any, cast: Any, query: str, headers: dict[str, str]
) -> None:
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "QUERY"):
        answer = api("pipeline").generic(method, f"{LIST}/{cast.retail.pk}{query}", headers=headers)
        check_problem(answer, 405, "method-not-allowed")


def test_head_and_options_are_plain(api: Any, cast: Any) -> None:
    head = api("pipeline").head(LIST)
    assert (head.status_code, head.content) == (200, b"")
    options = api("pipeline").options(LIST)
    assert (options.status_code, options.content) == (204, b"")
    assert "GET" in options.headers["Allow"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_other_content_types_are_refused(api: Any, cast: Any, content_type: str) -> None:
    check_problem(api("pipeline").post(LIST, b"x", content_type=content_type), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "status", "slug", "field"),
    [
        (b"[]", 400, "invalid", "(body)"),
        (b"{", 400, "invalid", "(body)"),
        (b'{"name": "a", "name": "b"}', 400, "invalid", "name"),
        (b'{"name": "a\\u0000"}', 400, "invalid", "name"),
        (b'{"title": "\\ud800"}', 400, "invalid", "title"),
        (b'{"name": NaN}', 400, "invalid", "(body)"),
        (b"{}", 400, "invalid", "name"),
        (b'{"name": "Not Lower"}', 400, "invalid", "name"),
        (b'{"name": "a\\n"}', 400, "invalid", "name"),
        (b'{"name": "a", "colour": 1}', 400, "invalid", "colour"),
        (b'{"name": "a", "reason": 5}', 400, "invalid", "reason"),
        (b'{"name": "' + b"a" * 3_000_000 + b'"}', 413, "too-large", ""),
    ],
)
def test_a_bad_body_is_refused_by_name_and_nothing_is_written(
    signed_in: Any, cast: Any, body: bytes, status: int, slug: str, field: str
) -> None:
    before = Namespace.objects.count()
    answer = signed_in("admin").post(LIST, body, content_type="application/json")
    check_problem(answer, status, slug, *([field] if field else []))
    assert Namespace.objects.count() == before


def test_a_fault_of_ours_is_told_with_a_reference_and_nothing_else(
    api: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.accounts.api.views import NamespaceViewSet

    def broken(*_args: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(NamespaceViewSet, "queryset_for", broken)
    response = api("pipeline").get(LIST)
    check_problem(response, 500, "internal")
    assert b"secret" not in response.content
    assert b"RuntimeError" not in response.content


# --- Lists -----------------------------------------------------------------------------------------------------------


def test_a_list_is_read_page_by_page_without_gaps_while_it_grows(signed_in: Any, cast: Any) -> None:
    browser = signed_in("admin")
    for number in range(7):
        assert browser.post(LIST, {"name": f"n{number}"}, content_type="application/json").status_code == 201
    expected = list(Namespace.objects.order_by("-id").values_list("name", flat=True))
    seen: list[str] = []
    address: str | None = LIST + "?limit=3"
    while address:
        page = browser.get(address).json()
        assert set(page) == {"results", "next"}
        seen += [row["name"] for row in page["results"]]
        if len(seen) == 3:
            browser.post(LIST, {"name": "late"}, content_type="application/json")
        address = page["next"]
    assert seen == expected


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1e2", " 5", "٣", ""])
def test_a_limit_out_of_bounds_is_refused(api: Any, cast: Any, limit: str) -> None:
    check_problem(api("pipeline").get(LIST, {"limit": limit}), 400, "invalid", "limit")


def test_a_cursor_counts_only_where_it_was_given_out(signed_in: Any, cast: Any) -> None:
    browser = signed_in("admin")
    cursor = browser.get(LIST + "?limit=1").json()["next"].split("cursor=")[1].split("&")[0]
    for address in (f"/api/v1/principals?cursor={cursor}", f"{LIST}?name=retail&cursor={cursor}"):
        check_problem(browser.get(address), 404, "not-found", "cursor")


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", f"WzFd:1x:{'a' * 42}"])
def test_what_is_no_cursor_is_refused(signed_in: Any, cast: Any, cursor: str) -> None:
    check_problem(signed_in("admin").get(f"{LIST}?cursor={cursor}"), 400, "invalid", "cursor")


@pytest.mark.parametrize(("query", "field"), [("colour=1", "colour"), ("name=a&name=b", "name"), ("name=%00", "name")])
def test_unknown_repeated_and_broken_parameters_are_refused(api: Any, cast: Any, query: str, field: str) -> None:
    check_problem(api("pipeline").get(f"{LIST}?{query}"), 400, "invalid", field)


def test_a71_lists_and_filters_show_readable_namespaces_alone(api: Any, cast: Any) -> None:
    assert [row["name"] for row in api("pipeline").get(LIST).json()["results"]] == ["retail"]
    assert api("pipeline").get(LIST, {"name": "elsewhere"}).json() == {"results": [], "next": None}


def test_a_list_costs_the_same_queries_however_long(
    api: Any, cast: Any, signed_in: Any, django_assert_num_queries: Any
) -> None:
    api("pipeline").get(LIST)  # notes the key's use, which comes after the answer and only once a minute
    browser = signed_in("admin")
    for number in range(20):
        browser.post(LIST, {"name": f"n{number}"}, content_type="application/json")
    with django_assert_num_queries(2):
        api("pipeline").get(LIST)
    with django_assert_num_queries(3):  # the key, whether oversight is held, the grants
        api("pipeline").get("/api/v1/role-grants")


# --- Headers ---------------------------------------------------------------------------------------------------------


def test_every_answer_carries_the_policy_and_an_id(client: Any, cast: Any) -> None:
    for address in ("/accounts/login/", "/api/v1/nix", "/nix", "/livez"):
        headers = client.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "no-store" in headers["Cache-Control"]
        assert len(headers["X-Request-Id"]) == 36


# --- The short way of a call with a key -------------------------------------------------------------------------------


def test_a_call_with_a_key_reads_no_session_and_carries_what_every_answer_does(
    api: Any, cast: Any, signed_in: Any, django_assert_num_queries: Any
) -> None:
    browser = signed_in("admin")
    key = {"Authorization": f"Bearer {KEYS['pipeline']}"}
    browser.get(LIST, headers=key)
    with django_assert_num_queries(0):
        nowhere = browser.get("/api/v1/nowhere", headers=key)
    check_problem(nowhere, 404, "not-found")
    answer = browser.get(LIST, headers=key)
    assert answer.content == Client().get(LIST, headers=key).content != browser.get(LIST).content
    for one in (answer, nowhere):
        assert not one.cookies
        assert "Cookie" not in one.headers.get("Vary", "")
        assert int(one.headers["Content-Length"]) == len(one.content)
        for name in ("X-Request-Id", "X-Frame-Options", "X-Content-Type-Options", "Content-Security-Policy"):
            assert name in one.headers
    assert browser.get(LIST, headers={**key, "Host": "elsewhere.example"}).status_code == 400


def test_a_page_is_a_page_whatever_header_comes_along(cast: Any, signed_in: Any) -> None:
    answer = signed_in("risk").get("/namespaces", headers={"Authorization": f"Bearer {KEYS['pipeline']}"})
    assert (answer.status_code, answer.context["request"].user.email) == (200, email("risk"))
