"""Calls of the whole API drawn from its own schema, made as each member of the cast and judged by every check.

Drawn ids rarely exist: half of the well-formed calls are pointed at records that do, so that the acts behind them are
reached too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.db.models import Max
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from approvals.models import RefusedAttempt
from governance.accounts.models import User
from governance.errors import Refused
from governance.ledger.models import LedgerEntry
from tests.cast import KEYS, email
from tests.permission_table.things import Things

#: What the schema cannot say, so that a call it allows is refused with 400: terms of vocabularies, and rules over
#: several fields ("exactly one of"). And a parameter of a query or a header is text, whatever was meant by it.
NOT_CHECKED = ("positive_data_acceptance",)
#: Of a batch each event is taken or refused by itself, and the answer names those refused.
EACH_BY_ITSELF = ("/api/v1/lineage/batch", "/api/v1/lineage/batch/")
#: Fields of bodies that name another record, by the collection they name.
NAMED = {
    "dataset": "datasets", "dataset_version": "dataset-versions", "model": "models", "model_version": "model-versions",
    "plan": "plans", "release": "releases", "promotion": "promotions", "parent_version": "model-versions",
    "source_run": "runs", "trial_plan": "plans",
}  # fmt: skip
_WRITE = {"post", "put", "patch", "delete"}


@contextmanager
def in_this_transaction() -> Iterator[None]:
    """Calls over WSGI leave the test's connection open, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def operations() -> Iterator[Any]:
    """Every operation of the API, as the product tells it, called in this process."""
    from governance.wsgi import application

    checks = schemathesis.checks
    checks.load_all_checks()
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
    for found in schema.get_all_operations():
        operation: Any = found
        yield operation.ok()


def credentials(who: str) -> dict[str, dict[str, str]]:
    """What a call of a member of the cast is made with: a key, or a person's session and its CSRF token."""
    if who in KEYS:
        return {"headers": {"Authorization": f"Bearer {KEYS[who]}"}}
    browser = Client()
    user = User.objects.get(email=email(who))
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session, token = browser.cookies[django_settings.SESSION_COOKIE_NAME].value, _get_new_csrf_string()
    cookies = {django_settings.SESSION_COOKIE_NAME: session, django_settings.CSRF_COOKIE_NAME: token}
    return {"headers": {"X-CSRFToken": token}, "cookies": cookies}


@dataclass
class Fuzzer:
    """Calls operations and keeps what is wrong, so that one run names every fault."""

    things: Things
    examples: int
    random: bool = False
    faults: dict[str, str] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    accepted: int = 0
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def id(self, collection: str) -> Any:
        """The id of a record of that collection; None where the scene cannot have one."""
        if collection not in self.known:
            try:
                self.known[collection] = self.things.id(collection)
            except (AttributeError, Refused):  # no such thing, or the gate of this scene is closed to it
                self.known[collection] = None
        return self.known[collection]

    def try_out(self, operation: Any, who: str) -> None:
        """Make drawn calls of one operation as a member of the cast."""
        shown = credentials(who)
        collection = operation.path.removeprefix("/api/v1/").split("/")[0]
        there = self.id(collection) if "{id}" in operation.path else None
        drawn = [operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE)]
        if there is not None:
            drawn.insert(0, operation.as_strategy(GenerationMode.POSITIVE, path_parameters={"id": there}))

        @settings(
            max_examples=self.examples, derandomize=not self.random, database=None, deadline=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.one_of(drawn), st.data())
        def calls(case: Any, data: Any) -> None:
            self.call(case, shown, data, f"{operation.label} as {who}")

        calls()

    def call(self, case: Any, shown: dict[str, dict[str, str]], data: Any, where: str) -> None:
        """Make one call and judge its answer."""
        if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE:
            case.body = self.pointed(case.body, data)
        before = newest_entry(), RefusedAttempt.objects.count()
        answer = case.call(**shown)
        self.calls += 1
        if answer.status_code < 400:
            self.accepted += 1
            settle()
        self.statuses.setdefault(where.split(" as ")[0], set()).add(answer.status_code)
        # A promotion that the gate refuses is on record as an attempt; nothing else that is refused leaves a trace.
        changed = newest_entry() != before[0] and RefusedAttempt.objects.count() == before[1]
        if answer.status_code >= 400 and changed:
            self.faults[f"{where}: {answer.status_code}"] = "a refused call changed the record"
        try:
            form = case.media_type == "multipart/form-data"  # its parts are text, whatever was meant by them
            taken_apart = form or (case.operation.path in EACH_BY_ITSELF and answer.status_code == 200)
            # Asked for a wrong call it may draw a right one: the one wrong part was the header that ours takes the place of.
            right = case.meta is not None and case.meta.phase.data.description == "Positive test case"
            besides = excluded("cookies" in shown, whatever_the_body=taken_apart or right)
            case.validate_response(answer, excluded_checks=besides, headers=shown["headers"])
        except (Exception, BaseExceptionGroup) as fault:  # one failure or a group; each is told in its own words
            told = f"{case.as_curl_command()[:600]}\n{fault}"
            self.faults.setdefault(f"{where}: {type(fault).__name__} {answer.status_code} {headline(fault)}", told)

    def pointed(self, body: Any, data: Any) -> Any:
        """A drawn body with some of the records it names replaced by ones that are there."""
        if isinstance(body, list):
            return [self.pointed(one, data) for one in body]
        if not isinstance(body, dict):
            return body
        found = {}
        for name, value in body.items():
            there = self.id(NAMED[name]) if name in NAMED and isinstance(value, int) else None
            found[name] = there if there is not None and data.draw(st.booleans()) else self.pointed(value, data)
        return found


def headline(fault: BaseException) -> str:
    """The titles of what failed."""
    inner = getattr(fault, "exceptions", [fault])
    return "; ".join(sorted({getattr(one, "title", type(one).__name__) for one in inner}))


def settle() -> None:
    """Let the database judge now what it judges at a commit, which these calls never reach.

    Raises DatabaseError for what was accepted and could not have been committed. Left to the test's end, what must be
    committed within minutes (a locked plan) would fail every long run.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def newest_entry() -> int:
    """How far the ledger goes."""
    found: int = LedgerEntry.objects.aggregate(Max("id"))["id__max"]
    return found


def excluded(in_session: bool, *, whatever_the_body: bool) -> list[Any]:
    """The checks that do not apply, as functions; whoever has a session keeps it when a wrong key is shown besides.

    `whatever_the_body`: the answer stands for a wrong body, too.
    """
    from schemathesis.checks import CHECKS

    names = [*NOT_CHECKED, *(["ignored_auth"] if in_session else [])]
    return list(CHECKS.get_by_names([*names, *(["negative_data_rejection"] if whatever_the_body else [])]))
