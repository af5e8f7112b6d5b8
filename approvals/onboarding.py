"""Reading onboarding windows and what was brought in as found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from approvals.models import AsFound, OnboardingWindow
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces


def open_window(namespace: Namespace) -> OnboardingWindow | None:
    """The window that is open in a namespace now; None: nothing comes in as found there."""
    return (
        OnboardingWindow.objects.filter(
            namespace=namespace, confirmation__isnull=False, closure__isnull=True, until__gt=timezone.now()
        )
        .select_related("confirmation")
        .order_by("-id")
        .first()
    )


def as_found(principal: Principal, *, at: datetime | None = None) -> QuerySet[AsFound]:
    """What serves as found now, or did at a moment (from being on record to its end), where the principal may read."""
    found = AsFound.objects.filter(model__namespace__in=readable_namespaces(principal))
    if at is None:
        found = found.filter(end__isnull=True)
    else:
        found = found.filter(recorded_at__lte=at).filter(Q(end__isnull=True) | Q(end__ended_at__gt=at))
    return found.select_related(
        "model__namespace", "model_version", "environment", "recorded_by", "end", "window"
    ).order_by("model__name", "environment__order", "slot", "id")


@dataclass(frozen=True, slots=True)
class FoundLive:
    """An entry as found, as `/live` shows what serves: without release, promotion and signatures, for it has none."""

    entry: AsFound
    at: datetime | None = None

    @property
    def as_row(self) -> dict[str, Any]:
        """The fields of a row of `/live`."""
        version = self.entry.model_version
        end = getattr(self.entry, "end", None)
        now = self.at is None
        return {
            "namespace": self.entry.model.namespace.name,
            "model": self.entry.model.name,
            "environment": self.entry.environment.name,
            "slot": self.entry.slot,
            "version": version.number,
            "model_version": version.pk,
            "digest": f"{version.digest_algorithm}:{version.digest_value}" if version.digest_value else "",
            "promotion": None,
            "release": None,
            "as_found": self.entry.pk,
            "started_at": self.entry.since,
            "ended_at": end.ended_at if end else None,
            "signed_by": [],
            "kind": "as_found",
            "review_overdue": False if now else None,
            "may_serve": self.entry.govern_by > timezone.now() if now else None,
            "serve_until": self.entry.govern_by,
            "notices": [],
            "fallback": None,
            "attention": [],
        }
