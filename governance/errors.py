"""Refusals: every "no" the product gives, with a stable slug, a status and what to do about it.

Doors render them (problem+json, a page, a sentence on the terminal); actions and the database raise them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import Error as DatabaseError
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """A request that was understood and is not carried out.

    Args:
        detail: what is wrong and what to do, in the reader's language (may be lazy).
        errors: sentences per field.
        params: machine-readable facts about the refusal.
    """

    slug: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: ClassVar[Any] = _("Refused")

    def __init__(
        self,
        detail: Any = "",
        *,
        errors: Mapping[str, Sequence[Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail or self.title
        self.errors = {field: list(sentences) for field, sentences in (errors or {}).items()}
        self.params = dict(params or {})

    def __str__(self) -> str:
        return str(self.detail)


class Invalid(Refused):
    """The input cannot be right, whatever is on record."""

    slug, status, title = "invalid", 400, _("The request is not valid")


class Unauthenticated(Refused):
    """Nobody is named for the request."""

    slug, status, title = "unauthenticated", 401, _("Sign in or send a valid API key")


class Forbidden(Refused):
    """The actor lacks the role."""

    slug, status, title = "forbidden", 403, _("Your role does not permit this")


class SeparationOfDuties(Refused):
    """The actor may not judge this: their own work, a second vote, another's grant."""

    slug, status, title = "separation-of-duties", 403, _("Separation of duties")


class Missing(Refused):
    """No such record, or none that the actor may know of."""

    slug, status, title = "not-found", 404, _("No such record")


class Conflict(Refused):
    """What is on record does not admit this."""

    slug, status, title = "conflict", 409, _("This conflicts with what is on record")


class AlreadyDifferent(Conflict):
    """Registered before with other content; `errors` names the fields that differ."""

    slug, title = "already-registered-differently", _("Already registered with other content")


class GateClosed(Conflict):
    """The gate is closed; `requirements` says what is missing."""

    slug, title = "gate-closed", _("The gate is closed")

    def __init__(self, detail: Any = "", *, requirements: Sequence[Mapping[str, Any]] = (), **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.requirements = [dict(r) for r in requirements]


class PreconditionFailed(Refused):
    """The record is no longer as the caller saw it; `params` names what changed since."""

    slug, status, title = "precondition-failed", 412, _("The record has changed")


class KeyReused(Refused):
    """An Idempotency-Key that stands for another call."""

    slug, status, title = "idempotency-key-reused", 422, _("This key stands for another call")


class StillRunning(Conflict):
    """The call with this Idempotency-Key has not ended yet."""

    slug, title = "still-running", _("The first call with this key is still running")


class AnswerLost(Conflict):
    """The call with this Idempotency-Key was carried out, and its answer was lost; `params` says what it wrote."""

    slug, title = "answer-lost", _("Carried out; its answer was lost")


class TooManyRequests(Refused):
    """More calls than the account has."""

    slug, status, title = "too-many-requests", 429, _("Too many requests")


class TooLarge(Refused):
    """More than the limit allows."""

    slug, status, title = "too-large", 413, _("The request is too large")


class Unsupported(Refused):
    """A content type or encoding that this address does not read."""

    slug, status, title = "unsupported-media-type", 415, _("Content type not supported")


class Unavailable(Refused):
    """A part the answer needs cannot be reached; nothing was written."""

    slug, status, title = "unavailable", 503, _("Temporarily unavailable")


#: SQLSTATE that a guard raises -> refusal. The guards' own list stands in governance/history/sql/00_schema.sql.
GUARD_REFUSALS: dict[str, type[Refused]] = {
    "MU001": Forbidden,
    "MU002": Conflict,
    "MU003": Conflict,
    "MU004": Unavailable,
    "MU005": Conflict,
    "MU006": SeparationOfDuties,
    "MU007": GateClosed,
    "MU008": Conflict,
    "MU009": Invalid,
}


def from_database(error: DatabaseError) -> Refused | None:
    """The refusal that a database error stands for, or None where it is a fault of ours.

    Guards raise SQLSTATE MU0nn with a sentence, a hint and a stable code in DETAIL; constraints are named, and their
    name is the code (`<table>_<rule>`).
    """
    cause = error.__cause__
    diag = getattr(cause, "diag", None)
    state = getattr(cause, "sqlstate", None)
    if diag is None or state is None:
        return None
    if state in GUARD_REFUSALS:
        sentence = " ".join(part for part in (diag.message_primary, diag.message_hint) if part)
        if state == "MU007":
            return GateClosed(sentence, requirements=_requirements(diag.message_detail))
        return GUARD_REFUSALS[state](sentence, params={"code": diag.message_detail or state})
    if state in ("23514", "23502", "22001", "22003"):  # check, not null, too long, out of range
        field = diag.column_name or diag.constraint_name or "record"
        return Invalid(_("A rule of the record is broken: %(rule)s.") % {"rule": field}, params={"code": field})
    if state in ("23505", "23P01"):
        rule = diag.constraint_name or "unique"
        return Conflict(_("A record with the same key exists already (%(rule)s).") % {"rule": rule})
    return None


def _requirements(detail: str | None) -> list[dict[str, Any]]:
    rows = json.loads(detail or "[]")
    return [row for row in rows if isinstance(row, dict)]
