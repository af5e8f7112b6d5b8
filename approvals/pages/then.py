"""How the past is shown: cells and tables of what belonged to a record then."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import JSONField, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.audience import OF_ANOTHER
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import ModelVersion

SHOWN = 100  # rows of one section; what is older is counted out by "more"


@dataclass(frozen=True, slots=True)
class Value:
    """One cell: what kind of thing it is, so that the page can draw moments and digests as it does everywhere."""

    text: Any
    kind: str = "text"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of what belonged to the record then."""

    title: Any
    headers: Sequence[Any]
    rows: list[list[Value]]
    more: bool = False


def fields_of(record: Any, reader: Principal) -> list[tuple[Any, Value]]:
    """Every field that said something, by its name for people; a version of a namespace not read without its name."""
    found = []
    for one in record._meta.concrete_fields:
        value = getattr(record, one.name)
        if one.name == "id" or value in (None, "", [], {}):
            continue
        elsewhere = isinstance(value, ModelVersion) and not _reads(reader, value.model.namespace_id)
        found.append((one.verbose_name, Value(OF_ANOTHER) if elsewhere else shown(record, one, value)))
    return found


def _reads(reader: Principal, namespace: int) -> bool:
    return readable_namespaces(reader).filter(pk=namespace).exists()


def shown(record: Any, one: Any, value: Any) -> Value:
    """One field's value as the page shows it."""
    if isinstance(value, datetime):
        return Value(value, "moment")
    if isinstance(one, JSONField):
        return Value(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str), "json")
    if isinstance(value, ModelVersion):
        return Value(f"{value.model.name} {value.number}")
    if isinstance(value, bool):
        return Value(_("yes") if value else _("no"))
    if isinstance(value, list):
        return Value(", ".join(map(str, value)), "list")
    if one.choices:
        return Value(getattr(record, f"get_{one.name}_display")())
    if one.name in ("digest_value", "statement_digest"):
        return Value(value, "digest")
    return Value(value)


def section(title: Any, rows: QuerySet[Any], **columns: Callable[[Any], Any]) -> Section:
    """A table of the newest rows; each column says how it is read off a row."""
    found = list(rows.order_by("-pk")[: SHOWN + 1])
    cells = [[_cell(read(row)) for read in columns.values()] for row in found[:SHOWN]]
    return Section(title, [_HEADERS[name] for name in columns], cells, len(found) > SHOWN)


def _cell(value: Any) -> Value:
    if isinstance(value, Value):
        return value
    if isinstance(value, datetime):
        return Value(value, "moment")
    if isinstance(value, bool):
        return Value(_("yes") if value else _("no"))
    return Value("" if value is None else value)


_HEADERS: dict[str, Any] = {
    "what": gettext_lazy("What"), "who": gettext_lazy("Who"), "at": gettext_lazy("When"), "why": gettext_lazy("Why"),
    "number": gettext_lazy("Number"), "label": gettext_lazy("Version"), "digest": gettext_lazy("Digest"),
    "licence": gettext_lazy("Licence"), "basis": gettext_lazy("Legal basis"), "since": gettext_lazy("From"),
    "until": gettext_lazy("Until"), "withdrawn": gettext_lazy("Withdrawn"), "column": gettext_lazy("Column"),
    "category": gettext_lazy("Category"), "present": gettext_lazy("Present"), "treatment": gettext_lazy("Treatment"),
    "assessment": gettext_lazy("Answered as"), "severity": gettext_lazy("Severity"), "blocks": gettext_lazy("Blocks"),
    "state": gettext_lazy("State then"), "environment": gettext_lazy("Environment"), "slot": gettext_lazy("Slot"),
    "vote": gettext_lazy("Vote"), "requirement": gettext_lazy("Requirement"), "comment": gettext_lazy("Comment"),
    "role": gettext_lazy("Role"), "plan": gettext_lazy("Plan"), "kind": gettext_lazy("Kind"),
    "units": gettext_lazy("Units"), "estimate": gettext_lazy("Difference"), "interval": gettext_lazy("Interval"),
    "p_value": gettext_lazy("p-value"), "metric": gettext_lazy("Metric"), "better": gettext_lazy("Better"),
    "margin": gettext_lazy("Margin"),
}  # fmt: skip


def link(text: Any, page: str, id: int, moment: datetime) -> Value:
    """To another record as it was at the same moment."""
    return Value(text, address=f"{reverse(f'{page}-as-it-was', args=[id])}?at={moment.isoformat()}".replace("+", "%2B"))


def digest_of(row: Any) -> Value:
    return Value(f"{row.digest_algorithm}:{row.digest_value}", "digest") if row.digest_value else Value("")
