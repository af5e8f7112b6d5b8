"""Signing in, and showing once more who one is (attack A83)."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import CredentialEvent, User
from governance.accounts.reauthentication import TRIES, TooManyTries, recent, verify_password
from governance.errors import Forbidden, Unauthenticated
from tests.cast import PASSWORD, email

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _fresh_limits(cast: Any) -> None:
    from django.core.cache import cache

    cache.clear()


def sign_in(browser: Client, name: str, password: str = PASSWORD, **more: str) -> Any:
    return browser.post(LOGIN, {"login": email(name), "password": password, **more})


def request_of(browser: Client, name: str) -> Any:
    request = RequestFactory().post("/")
    request.session = browser.session
    request.user = User.objects.get(email=email(name))
    return request


def test_a_person_signs_in_with_address_and_password(client: Client, cast: Any) -> None:
    assert sign_in(client, "risk").headers["Location"] == "/"
    page = client.get("/accounts/2fa/").content.decode()
    assert "Rita Risk" in page
    assert "Risk manager" in page


def test_the_case_of_an_address_does_not_matter(client: Client, cast: Any) -> None:
    assert client.post(LOGIN, {"login": "RISK@Bank.Example", "password": PASSWORD}).status_code == 302


def test_a83_wrong_password_and_unknown_account_are_told_alike(client: Client, cast: Any) -> None:
    def told(answer: Any) -> str:
        page = re.sub(r'value="[^"]*"', "", answer.content.decode())
        return page

    wrong = client.post(LOGIN, {"login": email("risk"), "password": "x"})
    unknown = client.post(LOGIN, {"login": email("nobody"), "password": "x"})
    assert wrong.status_code == unknown.status_code == 200
    assert told(wrong) == told(unknown)


def test_a83_guessing_at_sign_in_is_stopped(client: Client, cast: Any) -> None:
    for _ in range(12):
        sign_in(client, "risk", "wrong")
    stopped = sign_in(client, "risk")
    assert stopped.status_code in (200, 429)
    assert "_auth_user_id" not in client.session


def test_a83_the_session_gets_a_new_key_on_signing_in(client: Client, cast: Any, settings: Any) -> None:
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    before = session.session_key
    sign_in(client, "risk")
    assert client.session.session_key != before


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_a83_signing_in_leads_nowhere_else(client: Client, cast: Any, target: str) -> None:
    assert sign_in(client, "risk", next=target).headers["Location"] == "/"


def test_a_closed_account_does_not_sign_in(client: Client, cast: Any) -> None:
    deactivate_principal(actor=cast.admin, reason="Left", principal=cast.risk)
    sign_in(client, "risk")
    assert "_auth_user_id" not in client.session


def test_a_principal_suspended_alone_does_not_sign_in_either(client: Client, cast: Any) -> None:
    from governance.unit_of_work import recorded_action

    with recorded_action(actor=cast.admin, reason="Suspended"):
        cast.risk.is_active = False
        cast.risk.save()
    assert sign_in(client, "risk").headers["Location"] == "/accounts/inactive/"
    assert "_auth_user_id" not in client.session
    assert "closed" in client.get("/accounts/inactive/").content.decode()


@pytest.mark.parametrize(
    "path", ["signup/", "email/", "confirm-email/", "confirm-email/x/", "password/set/", "login/code/confirm/"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_opens_or_renames_an_account_themselves(signed_in: Any, cast: Any, path: str, method: str) -> None:
    for browser in (Client(), signed_in("risk")):
        assert getattr(browser, method)(f"/accounts/{path}").status_code == 404


def test_a_password_set_by_mail_is_on_record_as_such(client: Client, cast: Any) -> None:
    client.post("/accounts/password/reset/", {"email": email("risk")})
    (sent,) = mail.outbox
    link = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", str(sent.body))
    assert link is not None
    form = client.get(link[1], follow=True)
    where = form.request["PATH_INFO"]
    client.post(where, {"password1": "an entirely new one 9", "password2": "an entirely new one 9"})
    event = CredentialEvent.objects.get(principal=cast.risk, kind="password_reset")
    assert event.recorded_by_id == cast.risk.pk
    assert sign_in(Client(), "risk").status_code == 200
    assert sign_in(Client(), "risk", "an entirely new one 9").status_code == 302
    assert "no longer" in Client().get(link[1], follow=True).content.decode()


def test_a83_asking_for_a_link_tells_nothing_of_who_has_an_account(client: Client, cast: Any) -> None:
    known = client.post("/accounts/password/reset/", {"email": email("risk")})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@bank.example"})
    assert known.status_code == unknown.status_code == 302
    assert known.headers["Location"] == unknown.headers["Location"]
    assert len(mail.outbox) == 1


def test_a_password_changed_by_its_holder_is_on_record_and_ends_other_sessions(signed_in: Any, cast: Any) -> None:
    browser, elsewhere = signed_in("risk"), signed_in("risk")
    new = "an entirely new one 9"
    changed = browser.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert changed.status_code == 302, changed.content
    assert CredentialEvent.objects.get(principal=cast.risk, kind="password_changed").recorded_by_id == cast.risk.pk
    assert browser.get("/api/v1/namespaces").status_code == 200
    assert elsewhere.get("/api/v1/namespaces").status_code == 401


def test_the_admin_has_no_door_of_its_own(signed_in: Any, client: Client, cast: Any) -> None:
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert client.post("/admin/login/").headers["Location"].startswith(LOGIN)
    changing = signed_in("auditor").post("/admin/password_change/", {})
    assert changing.headers["Location"] == "/accounts/password/change/"
    for table in ("mfa/authenticator", "account/emailaddress", "governance/user", "governance/apikey"):
        assert signed_in("auditor").get(f"/admin/{table}/").status_code == 404


# --- At the signing prompt -------------------------------------------------------------------------------------------


def test_a83_signing_in_is_not_confirming(client: Client, cast: Any) -> None:
    sign_in(client, "risk")
    assert recent(request_of(client, "risk")) is None


def test_a83_a_stale_confirmation_signs_nothing_it_counts_for_five_minutes(
    signed_in: Any, cast: Any, monkeypatch: Any
) -> None:
    request = request_of(signed_in("risk"), "risk")
    at, method = verify_password(request, PASSWORD)
    assert method == "password"
    again = recent(request)
    assert again is not None
    assert abs(again[0] - at) < timedelta(seconds=60)
    assert again[1] == "password"
    later = timezone.now() + timedelta(seconds=301)
    monkeypatch.setattr("governance.accounts.reauthentication.timezone.now", lambda: later)
    assert recent(request) is None


def test_the_page_that_confirms_counts_as_well(client: Client, cast: Any) -> None:
    sign_in(client, "risk")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    found = recent(request_of(client, "risk"))
    assert found is not None
    assert found[1] == "password"


def test_a_wrong_password_signs_nothing(signed_in: Any, cast: Any) -> None:
    request = request_of(signed_in("risk"), "risk")
    with pytest.raises(Forbidden) as refused:
        verify_password(request, "wrong")
    assert "password" in refused.value.errors
    assert recent(request) is None


def test_a83_guessing_at_the_signing_prompt_is_stopped_over_all_sessions(signed_in: Any, cast: Any) -> None:
    for _ in range(TRIES):
        with pytest.raises(Forbidden):
            verify_password(request_of(signed_in("risk"), "risk"), "wrong")
    with pytest.raises(TooManyTries):
        verify_password(request_of(signed_in("risk"), "risk"), PASSWORD)
    at, _method = verify_password(request_of(signed_in("compliance"), "compliance"), PASSWORD)
    assert at


def test_a_right_password_opens_the_prompt_again(signed_in: Any, cast: Any) -> None:
    request = request_of(signed_in("risk"), "risk")
    for _ in range(2):
        for _ in range(TRIES - 1):
            with pytest.raises(Forbidden):
                verify_password(request, "wrong")
        verify_password(request, PASSWORD)


def test_a_closed_account_confirms_nothing(signed_in: Any, cast: Any) -> None:
    request = request_of(signed_in("risk"), "risk")
    verify_password(request, PASSWORD)
    deactivate_principal(actor=cast.admin, reason="Left", principal=cast.risk)
    request.user = User.objects.get(email=email("risk"))
    assert recent(request) is None
    with pytest.raises(Unauthenticated):
        verify_password(request, PASSWORD)


def test_a83_guesses_sent_at_once_count_as_well(own_database: str, cast: Any) -> None:
    """With commits and connections of their own: no more than TRIES of many simultaneous guesses are looked at."""
    from django.db import connection

    user = User.objects.get(email=email("risk"))
    answers: list[str] = []

    def guess() -> None:
        request = RequestFactory().post("/")
        request.session, request.user = {}, user  # type: ignore[attr-defined, assignment]  # all that a wrong guess touches
        try:
            verify_password(request, "wrong")
        except (Forbidden, TooManyTries) as refused:
            answers.append(refused.slug)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("forbidden") <= TRIES
    assert len(answers) == 16
