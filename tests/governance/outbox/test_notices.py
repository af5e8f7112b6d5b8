"""Telling people: once each, on the page and by mail, whatever is in the values."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from pytest_django import Settings

from governance.accounts.models import Principal
from governance.outbox import Message, drain, enqueue, notices, notify
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from tests.cast import Cast, email
from tests.governance.outbox import topics


def told(cast: Cast, *people: Principal, what: str = "A thing") -> Message:
    topics.register()
    with recorded_action(actor=cast.owner, reason="Test"):
        message = enqueue("test.tell", {"to": [p.pk for p in people], "what": what}, subject="test:1")
    drain()
    return message


def test_each_is_told_on_the_page_and_by_mail(cast: Cast, settings: Settings) -> None:
    message = told(cast, cast.risk, cast.risk2)
    assert {notice.recipient for notice in Notice.objects.filter(message=message)} == {cast.risk, cast.risk2}
    assert sorted(sent.to[0] for sent in mail.outbox) == sorted([email("risk"), email("risk2")])
    sent = mail.outbox[0]
    assert sent.subject == "News: A thing"
    assert settings.MUNIMENT_URL + "/releases/1" in sent.body
    assert "Rita Risk" in sent.body


def test_a_repeat_tells_nobody_twice(cast: Cast) -> None:
    message = told(cast, cast.risk)
    with transaction.atomic():
        again = notify([cast.risk, cast.risk2, cast.risk2], "test-told", {"what": "A thing"}, "", message)
    assert [notice.recipient for notice in again] == [cast.risk2]
    drain()
    assert [sent.to for sent in mail.outbox] == [[email("risk")], [email("risk2")]]


def test_for_a_service_account_the_person_who_answers_for_it_is_told(cast: Cast) -> None:
    message = told(cast, cast.pipeline, cast.engineer)
    assert [notice.recipient for notice in Notice.objects.filter(message=message)] == [cast.engineer]


def test_the_message_id_is_the_same_at_each_try(cast: Cast) -> None:
    message = told(cast, cast.risk)
    Message.objects.filter(topic=notices.MAIL_TOPIC).update(delivered_at=None, available_at=message.created_at)
    drain()
    ids = [sent.extra_headers["Message-ID"] for sent in mail.outbox]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_the_file_mailbox_keeps_it_once(cast: Cast, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "governance.outbox.mailbox.FileMailbox", tmp_path / "mail"
    message = told(cast, cast.risk)
    for _ in range(3):
        Message.objects.filter(topic=notices.MAIL_TOPIC).update(delivered_at=None, available_at=message.created_at)
        drain()
    [file] = (tmp_path / "mail").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    parsed = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert parsed["To"] == email("risk")
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("what", ["two\r\nBcc: everyone@bank.example", "100% <b>bold</b>", "", "%(nothing)s"])
def test_values_cannot_break_the_mail(cast: Cast, what: str) -> None:
    told(cast, cast.risk, what=what)
    [sent] = mail.outbox
    raw = sent.message().as_bytes()
    assert b"\nBcc:" not in raw.split(b"\n\n")[0]
    html = raw.split(b"text/html")[1]
    assert b"<b>" not in html


def test_an_old_notice_of_an_unknown_kind_still_opens() -> None:
    assert notices.wording(Notice(kind="from-another-release", params={})).title == "from-another-release"
    topics.register()
    assert notices.wording(Notice(kind="test-told", params={})).title == "News: ?"


@pytest.mark.parametrize("url", ["//elsewhere.example", "https://elsewhere.example", "javascript:alert(1)"])
def test_a_link_leads_nowhere_else(cast: Cast, url: str) -> None:
    message = told(cast)
    with pytest.raises(IntegrityError, match="notice_url_is_a_path"), transaction.atomic():
        notify([cast.risk], "test-told", {"what": ""}, url, message)


def test_a_kind_without_words_is_refused(cast: Cast) -> None:
    message = told(cast)
    with pytest.raises(KeyError, match="register_kind"):
        notify([cast.risk], "no-such-kind", {}, "", message)
