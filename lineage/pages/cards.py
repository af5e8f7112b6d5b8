"""A model card as lines that people read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

TITLES = {
    "approach": _("Approach"),
    "task": _("Task"),
    "architecture": _("Architecture"),
    "inputs": _("Inputs"),
    "outputs": _("Outputs"),
    "performance": _("Performance"),
    "limitations": _("Limitations"),
    "tradeoffs": _("Trade-offs"),
    "fairness": _("Fairness"),
    "oversight": _("Oversight"),
    "autonomy_type": _("Acts without a person"),
    "decision_thresholds": _("Decision thresholds"),
}


class Part(NamedTuple):
    """A part of the card with its title."""

    title: Any
    lines: list[str]


def shown(card: Mapping[str, Any]) -> list[Part]:
    """The parts in the order of TITLES; parts of older records that bear another name come last."""
    known = [name for name in TITLES if name in card]
    rest = [name for name in card if name not in TITLES]
    return [Part(TITLES.get(name, name), _lines(card[name])) for name in (*known, *rest)]


def _lines(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_line(one) for one in value]
    if isinstance(value, Mapping):
        return [f"{key}: {one}" for key, one in value.items()]
    return [str(value)]


def _line(one: Any) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    if "type" in one and "value" in one:  # a measurement
        said = f"{one['type']} {one['value']}"
        if isinstance(bounds := one.get("confidence_interval"), Mapping):
            said += f" ({bounds.get('lower')} – {bounds.get('upper')})"
        return f"{said}, {one['slice']}" if one.get("slice") else said
    return "; ".join(str(inner) for inner in one.values())
