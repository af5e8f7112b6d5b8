"""Reported metrics of versions side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from lineage.models import ModelVersion

COMPARED = 4  # versions; more columns than a page is wide compare nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """Versions as columns (newest first) and metrics as rows, each with its value per version or ""."""

    versions: list[ModelVersion]
    rows: list[tuple[str, list["Cell"]]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one version; `label` says on a phone, where columns have no heads, which version."""

    label: str
    value: str


def compared(versions: Sequence[ModelVersion]) -> Comparison:
    """The newest versions' metrics, by name."""
    shown = list(versions[:COMPARED])
    names = sorted({name for v in shown for name in v.metrics})
    rows = [(name.replace("_", " "), [_cell(v, name) for v in shown]) for name in names]
    return Comparison(shown, rows)


def _cell(version: ModelVersion, name: str) -> Cell:
    return Cell(_("Version %(number)s") % {"number": version.number}, _number(version.metrics.get(name)))


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
