"""Asking the gate. Everything that wants to know whether a version may be promoted comes through here."""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from approvals.gate import messages
from approvals.models import PolicyVersion, Release
from governance.accounts.roles import Role
from governance.api import counters
from governance.api.counters import GATE_CLOSED, GATE_OPEN


class Status(TextChoices):
    """How a requirement stands. Only SATISFIED, NOT_APPLICABLE and WAIVED let pass."""

    SATISFIED = "SATISFIED", _("satisfied")
    UNSATISFIED = "UNSATISFIED", _("not satisfied")
    NOT_APPLICABLE = "NOT_APPLICABLE", _("not applicable")
    WAIVED = "WAIVED", _("waived")
    ERROR = "ERROR", _("could not be worked out")


PASSING = (Status.SATISFIED, Status.NOT_APPLICABLE, Status.WAIVED)


@dataclass(frozen=True, slots=True)
class RequirementStatus:
    """One requirement as it stands: `reason` is a stable code, `message` its rendering in the active language."""

    key: str
    kind: str
    status: str
    reason: str
    params: dict[str, Any] = field(default_factory=dict)
    rests_on: list[dict[str, Any]] = field(default_factory=list)

    @property
    def message(self) -> str:
        return messages.message(self.reason, self.params)

    @property
    def who(self) -> list[Role]:
        """The roles whose holders can close the gap."""
        return [] if self.passes else messages.roles_that_can(self.reason, self.params)

    @property
    def passes(self) -> bool:
        return self.status in PASSING

    def as_row(self) -> dict[str, Any]:
        """As decisions keep it: without the words."""
        return {
            "key": self.key,
            "kind": self.kind,
            "status": self.status,
            "reason": self.reason,
            "params": self.params,
            "rests_on": self.rests_on,
        }

    def as_dict(self) -> dict[str, Any]:
        """As the API and a refusal carry it."""
        return {**self.as_row(), "message": self.message}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer: open only if there are requirements and each lets pass."""

    requirements: list[RequirementStatus]

    @property
    def allowed(self) -> bool:
        return bool(self.requirements) and all(r.passes for r in self.requirements)

    @property
    def missing(self) -> list[RequirementStatus]:
        """What keeps it closed."""
        return [r for r in self.requirements if not r.passes]


def ask(release: Release, *, policy_version: PolicyVersion | None = None, at: datetime | None = None) -> Verdict:
    """Whether a release may be promoted, requirement by requirement.

    Args:
        policy_version: judge by this one (a draft tried out); None: by the active one.
        at: moment by which terms, evidence, grants and due dates are judged to have run out; None: now.
    """
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, kind, status, reason, params, rests_on FROM muniment.gate(%s, %s, %s)",
            [release.pk, policy_version.pk if policy_version else None, at],
        )
        rows = cursor.fetchall()
    verdict = Verdict(
        [
            RequirementStatus(key, kind, status, reason, _json(params), _json(rests_on))
            for key, kind, status, reason, params, rests_on in rows
        ]
    )
    if policy_version is None and at is None:  # what is tried out is no answer of the gate
        counters.count(200, GATE_OPEN if verdict.allowed else GATE_CLOSED, time.perf_counter() - began)
    return verdict


def from_rows(rows: list[dict[str, Any]]) -> Verdict:
    """A verdict from rows as a decision, a refused attempt or a refusal of the database keeps them."""
    return Verdict(
        [
            RequirementStatus(r["key"], r["kind"], r["status"], r["reason"], r.get("params", {}), r.get("rests_on", []))
            for r in rows
        ]
    )


def no_release(model: str, version: int, environment: str) -> Verdict:
    """The answer where nobody has asked for a promotion yet."""
    params = {"model": model, "version": version, "environment": environment}
    return Verdict([RequirementStatus("release", "release", Status.UNSATISFIED, "no-release", params)])


def _json(value: Any) -> Any:
    # Django hands jsonb of raw queries over as text: only a JSONField decodes it.
    return json.loads(value) if isinstance(value, str) else value
