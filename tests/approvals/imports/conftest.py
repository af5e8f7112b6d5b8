"""An import in few words."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.imports import import_inventory, prepare_import
from approvals.actions.onboarding import ask_for_window, confirm_window
from approvals.models import OnboardingWindow
from governance.accounts.models import Principal
from lineage.models import ImportDraft, InventoryImport
from tests.cast import Cast

WHY: dict[str, Any] = {"reason": "A test of imports"}


def sent(cast: Cast, content: bytes | str, *, who: Principal | None = None, **more: Any) -> ImportDraft:
    """A file that somebody sent; the owner unless said otherwise."""
    return prepare_import(
        actor=who or cast.owner, namespace=cast.retail, content=content.encode() if isinstance(content, str) else content,
        name="inventory.csv", **{"format": "csv", **more},
    )  # fmt: skip


def confirm(draft: ImportDraft, *, whole: bool = True) -> InventoryImport:
    """Bring it in, as whoever sent it."""
    return import_inventory(actor=draft.principal, draft=draft, whole=whole, **WHY)


def faults(draft: ImportDraft) -> dict[int, list[str]]:
    """Fields at fault, by row."""
    rows = draft.report["rows"]
    return {row["row"]: [one["field"] for one in row["faults"]] for row in rows if row["faults"]}


def open_window(cast: Cast, days: int = 30) -> OnboardingWindow:
    """A window in `retail` that both policy owners opened."""
    until = timezone.now() + datetime.timedelta(days=days)
    window = ask_for_window(actor=cast.policy, namespace=cast.retail, until=until, **WHY)
    confirm_window(actor=cast.policy2, window=window, **WHY)
    return window


def live(name: str = "found", *, environment: str = "production", since: str = "2024-05-01", days: int = 90) -> str:
    """A file of one model that serves already."""
    by = (timezone.now() + datetime.timedelta(days=days)).date()
    digest = "sha256:" + name.encode().hex().ljust(64, "0")[:64]
    header = "name,version_digest,live_in,live_since,govern_by\n"
    return f"{header}{name},{digest},{environment},{since},{by}\n"


@pytest.fixture
def window(cast: Cast) -> OnboardingWindow:
    """An open window."""
    return open_window(cast)


@pytest.fixture
def found(cast: Cast, window: OnboardingWindow) -> Callable[..., Any]:
    """Bring a model in as found: found("name"); the entry."""
    from approvals.models import AsFound

    def bring(name: str = "found", **more: Any) -> AsFound:
        confirm(sent(cast, live(name, **more), who=cast.admin))
        return AsFound.objects.get(model__name=name)

    return bring
