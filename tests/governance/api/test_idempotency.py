"""Idempotency-Key: what is sent again is not carried out again (attack A72)."""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.utils import timezone

from approvals.models import Finding
from governance.api import idempotency
from governance.api.models import IdempotencyKey
from governance.ledger.models import LedgerEntry
from lineage.actions import register_model
from lineage.models import Dataset, Model
from tests.cast import Cast
from tests.governance.api.test_doors import check_problem
from tests.waiting import PATIENCE

Api = Callable[[str], Any]
DATASETS = "/api/v1/datasets"
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def scoring(cast: Cast) -> Model:
    """A model to raise findings on: each call raises another, so that a repetition shows."""
    return register_model(actor=cast.pipeline, reason="A test", namespace=cast.retail, name="scoring").record


def finding(model: Model, text: str = "Found") -> dict[str, Any]:
    """A finding on a model."""
    return {"kind": "audit", "model": model.pk, "text": text, "severity": "low", "blocks": False}


def raise_it(browser: Any, body: dict[str, Any], key: str = KEY) -> Any:
    """Raise a finding under a key, in a person's session."""
    return browser.post(
        "/api/v1/findings", json.dumps(body), content_type="application/json", headers={"Idempotency-Key": key}
    )


def test_the_same_call_again_gets_the_same_answer_and_writes_nothing(signed_in: Api, scoring: Model) -> None:
    first = raise_it(signed_in("auditor"), finding(scoring))
    size = LedgerEntry.objects.count()
    again = raise_it(signed_in("auditor"), finding(scoring), f'"{KEY}"')  # another session; quoted as in the draft
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("Location", "ETag", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert LedgerEntry.objects.count() == size
    assert raise_it(signed_in("auditor"), finding(scoring), "another").json()["id"] != first.json()["id"]


def test_a72_a_key_used_for_another_call_is_refused(signed_in: Api, api: Api, scoring: Model) -> None:
    auditor = signed_in("auditor")
    made = raise_it(auditor, finding(scoring)).json()
    size = LedgerEntry.objects.count()
    other_body = raise_it(auditor, finding(scoring, "Something else"))
    check_problem(other_body, 422, "idempotency-key-reused", "(Idempotency-Key)")
    for address in (f"/api/v1/findings/{made['id']}/answer", "/api/v1/findings?x=1"):
        other_address = auditor.post(
            address, json.dumps(finding(scoring)), content_type="application/json", headers={"Idempotency-Key": KEY}
        )
        check_problem(other_address, 422, "idempotency-key-reused")
    assert LedgerEntry.objects.count() == size


def test_a72_a_key_of_another_account_is_another_key(signed_in: Api, scoring: Model) -> None:
    first, second = (raise_it(signed_in(who), finding(scoring)) for who in ("auditor", "risk"))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert "Idempotency-Replayed" not in second.headers


def test_a72_of_the_same_call_sent_at_once_one_is_carried_out(
    own_database: str, signed_in: Api, scoring: Model
) -> None:
    senders = 6
    together = threading.Barrier(senders)
    answers: list[Any] = []
    browsers = [signed_in("auditor") for _ in range(senders)]

    def send(browser: Any) -> None:
        try:
            together.wait(timeout=PATIENCE)
            answers.append(raise_it(browser, finding(scoring)))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert Finding.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            check_problem(answer, 409, "still-running")
            assert answer.headers["Retry-After"] == "1"
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers if answer.status_code == 201) == 1
    assert raise_it(signed_in("auditor"), finding(scoring)).headers["Idempotency-Replayed"] == "true"


def test_a_refusal_is_not_kept(signed_in: Api, scoring: Model) -> None:
    auditor = signed_in("auditor")
    assert raise_it(auditor, finding(scoring, "")).status_code == 400
    assert raise_it(signed_in("viewer"), finding(scoring)).status_code == 403
    assert not IdempotencyKey.objects.exists()
    assert raise_it(auditor, finding(scoring)).status_code == 201


def test_neither_key_nor_body_nor_password_is_kept(signed_in: Api, scoring: Model) -> None:
    raise_it(signed_in("auditor"), finding(scoring, "word for word"), "sesame-open")
    row = IdempotencyKey.objects.get()
    assert "sesame-open" not in str(row.__dict__)
    assert row.call not in ("", "word for word")
    # The answer is kept, and tells what was recorded anyway; a body's password is in no answer.
    assert json.loads(row.body)["text"] == "word for word"


def test_an_answer_with_a_secret_is_never_kept(signed_in: Api, cast: Cast) -> None:
    answer = signed_in("admin").post(
        "/api/v1/api-keys", json.dumps({"principal": cast.pipeline.pk}), content_type="application/json",
        headers={"Idempotency-Key": KEY},
    )  # fmt: skip
    check_problem(answer, 400, "invalid", "(Idempotency-Key)")
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", " ", '""', "ä", "x" * 256, "a b", '"a"b"', "a\tb"])
def test_a_malformed_key_is_refused(api: Api, cast: Cast, key: str) -> None:
    answer = api("pipeline").post(DATASETS, {"name": "loans"}, headers={"Idempotency-Key": key})
    check_problem(answer, 400, "invalid", "(Idempotency-Key)")
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_form_in_a_session_is_refused_as_a_body_of_another_kind(cast: Cast, signed_in: Api, kind: str) -> None:
    """Django looks for the session's CSRF token in it, and what it has read as a stream is gone."""
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = signed_in("auditor").cookies
    token = _get_new_csrf_string()
    browser.cookies[settings.CSRF_COOKIE_NAME] = token
    body = '--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\naudit\r\n--x--\r\n'
    answer = browser.post(
        "/api/v1/findings", body, content_type=kind, headers={"Idempotency-Key": KEY, "X-CSRFToken": token}
    )
    check_problem(answer, 415, "unsupported-media-type")
    assert not IdempotencyKey.objects.exists()


def test_reading_needs_no_key_and_takes_none(api: Api, cast: Cast) -> None:
    assert api("pipeline").get(DATASETS, headers={"Idempotency-Key": KEY}).status_code == 200
    assert not IdempotencyKey.objects.exists()


def test_after_a_day_a_key_is_new(signed_in: Api, scoring: Model) -> None:
    first = raise_it(signed_in("auditor"), finding(scoring))
    IdempotencyKey.objects.update(started_at=timezone.now() - idempotency.KEPT_FOR)
    second = raise_it(signed_in("auditor"), finding(scoring, "Found again"))
    assert second.json()["id"] != first.json()["id"]
    IdempotencyKey.objects.update(started_at=timezone.now() - idempotency.KEPT_FOR)
    assert idempotency.forget_old() == 1


def died(**more: Any) -> None:
    """As if the process that carried the call out had died some time ago."""
    past = timezone.now() - timedelta(seconds=1)
    assert IdempotencyKey.objects.update(status=None, body="", headers={}, lease_ends_at=past, **more) == 1


def test_a_call_whose_process_died_before_the_act_is_carried_out(signed_in: Api, scoring: Model) -> None:
    raise_it(signed_in("auditor"), finding(scoring))
    died(action_id=None)
    assert raise_it(signed_in("auditor"), finding(scoring)).status_code == 201
    assert Finding.objects.count() == 2


def test_a_call_whose_process_died_after_the_act_is_not_and_says_what_it_wrote(signed_in: Api, scoring: Model) -> None:
    first = raise_it(signed_in("auditor"), finding(scoring)).json()
    died()
    lost = check_problem(raise_it(signed_in("auditor"), finding(scoring)), 409, "answer-lost")
    assert lost["params"]["action_id"] == first["receipt"]["action_id"]
    assert {"table": "approvals_finding", "object": first["id"]} in lost["params"]["wrote"]
    assert Finding.objects.count() == 1


def test_who_lost_the_call_to_another_writes_nothing(cast: Cast, scoring: Model) -> None:
    """The mark is made in the act's own transaction: the act goes with it."""
    from approvals.actions.findings import raise_finding
    from governance.errors import StillRunning
    from governance.unit_of_work import riding

    lost = idempotency.Keyed(row=1, lease=uuid.uuid4())
    with riding() as riders, pytest.raises(StillRunning):
        riders.notes.append(lost.note)
        raise_finding(
            actor=cast.auditor, reason="Twice", subject=scoring, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.LOW, blocks=False,
        )  # fmt: skip
    assert not Finding.objects.exists()
