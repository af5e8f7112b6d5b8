"""Findings as people look at them: what about, how old, how late, and what their reader may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.actions.findings import ANSWERING, closing_roles, holds_up, reopening_roles
from approvals.models import Finding, FindingEvent
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import holds, in_force
from governance.api.views import readable

BAR_WIDTH = 160  # units of the drawing's own
SHORTEST_SCALE = 30  # days across the drawing, at least


@dataclass(frozen=True, slots=True)
class AgeBar:
    """Places in the drawing of a finding's age, in units of its viewBox; texts, for a point in every language.

    `due`: where its due day lies; "" where it has none, or beyond the scale. `late_from`: from where it is overdue.
    """

    age: str
    due: str
    late_from: str
    late: str


@dataclass(slots=True)
class FindingShown:
    """A finding with what is worked out of it. Days are whole days, begun ones not counted."""

    finding: Finding
    is_open: bool
    answered: bool
    closed_at: datetime | None
    days: int
    days_late: int
    subject: str
    address: str
    bar: AgeBar | None = None

    @property
    def overdue(self) -> bool:
        return self.is_open and self.days_late >= 0 and self.finding.due is not None

    @property
    def holds_up(self) -> bool:
        """Whether it closes the gate at this moment."""
        late = self.overdue and self.finding.when_overdue != Finding.WhenOverdue.NOTHING
        fallen = self.finding.sign_off is not None and hasattr(self.finding.sign_off, "withdrawal")
        return self.is_open and not fallen and (self.finding.blocks or late)


def findings_of(reader: Principal) -> QuerySet[Any]:
    """Findings of the reader's namespaces with the kind and moment of their last closing or reopening."""
    last = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"]).order_by("-pk")
    answers = FindingEvent.objects.filter(finding=OuterRef("pk"), kind="answered")
    found: QuerySet[Any] = readable(Finding, reader)
    annotated: QuerySet[Any] = found.select_related(
        "namespace", "owner", "recorded_by", "model", "model_version__model", "dataset", "promotion__environment",
        "promotion__release__model_version__model", "sign_off__role_grant", "sign_off__withdrawal", "plan",
    ).annotate(
        last_event=Subquery(last.values("kind")[:1]),
        last_at=Subquery(last.values("recorded_at")[:1]),
        answer=Subquery(answers.values("pk")[:1]),
    )  # fmt: skip
    return annotated


OPEN = Q(last_event=None) | ~Q(last_event="closed")


def filtered(found: QuerySet[Any], reader: Principal, asked: dict[str, str]) -> QuerySet[Any]:
    """The part asked for: state (open, closed, all), severity, owner (mine), overdue."""
    if asked.get("state", "open") == "open":
        found = found.filter(OPEN)
    elif asked["state"] == "closed":
        found = found.filter(last_event="closed")
    if asked.get("severity"):
        found = found.filter(severity=asked["severity"])
    if asked.get("owner") == "mine":
        found = found.filter(owner=reader)
    if asked.get("overdue"):
        found = found.filter(OPEN, due__lte=timezone.now())
    return found


def shown(rows: Sequence[Any]) -> list[FindingShown]:
    """Findings with their age, drawn on one scale."""
    now = timezone.now()
    found = []
    for row in rows:
        is_open = row.last_event != "closed"
        end = now if is_open else row.last_at
        late = (end - row.due) // timedelta(days=1) if row.due else -1
        subject, address = _subject(row)
        found.append(
            FindingShown(
                row, is_open, row.answer is not None, None if is_open else row.last_at,
                (end - row.recorded_at) // timedelta(days=1), late, subject, address,
            )
        )  # fmt: skip
    scale = max([SHORTEST_SCALE, *(one.days for one in found)])
    for one in found:
        one.bar = _bar(one, scale)
    return found


def _bar(one: FindingShown, scale: int) -> AgeBar:
    def at(days: float) -> float:
        return min(max(days, 0) / scale, 1) * BAR_WIDTH

    age = at(one.days) or 2  # what was raised today is seen as well
    given = one.finding.due
    if given is None:
        return AgeBar(f"{age:.1f}", "", "", "")
    due = (given - one.finding.recorded_at) / timedelta(days=1)
    place = at(due)
    late = max(age - place, 0) if one.days_late >= 0 else 0
    return AgeBar(f"{age:.1f}", f"{place:.1f}" if due <= scale else "", f"{place:.1f}", f"{late:.1f}" if late else "")


def _subject(finding: Finding) -> tuple[str, str]:
    """What it is about, in words, and its page."""
    if finding.model:
        return str(finding.model.title or finding.model.name), reverse("model", args=[finding.model_id])
    if finding.model_version:
        version = finding.model_version
        text = _("%(model)s, version %(number)s") % {"model": version.model.name, "number": version.number}
        return text, reverse("model-version", args=[version.pk])
    if finding.dataset:
        return finding.dataset.name, reverse("dataset", args=[finding.dataset_id])
    assert finding.promotion is not None  # a constraint has one of the four
    release = finding.promotion.release
    text = _("%(model)s, version %(number)s in %(environment)s") % {
        "model": release.model_version.model.name, "number": release.model_version.number,
        "environment": finding.promotion.environment.name,
    }  # fmt: skip
    return text, reverse("release", args=[release.pk])


@dataclass(frozen=True, slots=True)
class MayDo:
    """What a reader may do to a finding. `why_not_close`: what stands against their closing it, else ""."""

    answer: bool
    close: bool
    reopen: bool
    closers: str
    why_not_close: str


def may_do(one: FindingShown, reader: Principal) -> MayDo:
    """For the page; the database has the last word (muniment.check_finding_event)."""
    finding = one.finding
    person = reader.kind == Principal.Kind.PERSON
    answers = finding.owner_id == reader.pk or holds(reader, *ANSWERING, namespace=finding.namespace)
    roles = closing_roles(finding)
    why = ""
    if finding.owner_id == reader.pk:
        why = _("You have to answer it; somebody else closes it.")
    elif holds_up(finding) and finding.sign_off is None and finding.recorded_by_id == reader.pk:
        why = _("You raised it and it may hold up a release; somebody else closes it.")
    return MayDo(
        answer=one.is_open and answers,
        close=one.is_open and person and not why and holds(reader, *roles, namespace=finding.namespace),
        reopen=not one.is_open and person and holds(reader, *reopening_roles(finding), namespace=finding.namespace),
        closers=", ".join(dict.fromkeys(str(role.label) for role in roles)),
        why_not_close=why if one.is_open else "",
    )


def people_of(namespace: Namespace) -> list[tuple[int, str]]:
    """Persons who hold a role there, by name: who may be asked to answer."""
    held = RoleGrant.objects.filter(
        in_force(), Q(namespace=namespace) | Q(namespace__isnull=True), principal__kind=Principal.Kind.PERSON
    )
    found = held.order_by("principal__display_name").values_list("principal_id", "principal__display_name")
    return list(dict.fromkeys(found))
