"""A retraining envelope as a form: the same document as its YAML, in fields that work without a script.

Parameters are rows `p<n>-…` in the order of the fields `parameter`, bands rows `b<n>-…` in the order of `band`. A
parameter that stays as it is in the base version is no part of the document. Values that a parameter may take stand one
a line, as YAML writes them: 7 is a number, '7' a text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from approvals import strict_yaml
from approvals.models import Environment, Plan, Requirement, Slot
from governance import errors

Data = MultiValueDict[str, str]

PARAMETERS, BANDS = "parameter", "band"
MAX_ROWS = {PARAMETERS: 100, BANDS: 50}
LIMITS = ("low", "high", "change_low", "change_high")
DATASET_ROLES = ("training", "validation", "test", "baseline")
BAND_DEFAULTS = {"whole_interval": False, "independent": True}
MOMENT = "%Y-%m-%dT%H:%M:%S"


def data_of(document: Mapping[str, Any], known: Iterable[str] = ()) -> Data:
    """A document as the fields of the form; a row more for each parameter of the base version that it does not name."""
    data: Data = MultiValueDict()
    for name in ("environment", "slot", "title", "description", "reason", "uses"):
        data[name] = str(document.get(name) or "")
    data["ends_at"] = _clock(document.get("ends_at"))
    data["new_data"] = "on" if document.get("new_data") else ""
    data["code_commits"] = "\n".join(map(str, document.get("code_commits") or ()))
    data.setlist("keeps", [str(one) for one in document.get("keeps") or ()])
    varying = document.get("parameters") or {}
    for number, name in enumerate(dict.fromkeys([*varying, *sorted(known)])):
        data.appendlist(PARAMETERS, str(number))
        _put_parameter(data, f"p{number}", name, varying.get(name))
    for number, band in enumerate(document.get("bands") or ()):
        data.appendlist(BANDS, str(number))
        _put_band(data, f"b{number}", band)
    return data


def _put_parameter(data: Data, row: str, name: str, spec: Mapping[str, Any] | None) -> None:
    data[f"{row}-name"] = name
    data[f"{row}-how"] = "" if spec is None else "one_of" if "one_of" in spec else "between"
    spec = spec or {}
    for limit in ("min", "max"):
        data[f"{row}-{limit}"] = str(spec.get(limit, ""))
    data[f"{row}-one_of"] = "\n".join(_scalar(one) for one in spec.get("one_of") or ())


def _put_band(data: Data, row: str, band: Mapping[str, Any]) -> None:
    for name in ("plan", "metric", "slice", "dataset_role", *LIMITS):
        data[f"{row}-{name}"] = str(band[name]) if band.get(name) is not None else ""
    for name, default in BAND_DEFAULTS.items():
        data[f"{row}-{name}"] = "on" if band.get(name, default) else ""


def document_from(data: Data) -> dict[str, Any]:
    """The document the fields say. What cannot be right is left as it is: whoever reads it refuses it by name.

    Raises:
        errors.Invalid: a parameter that is named twice, values that YAML has two readings of.
    """
    found: dict[str, Any] = {name: data.get(name) or "" for name in ("environment", "title")}
    if slot := data.get("slot"):
        found["slot"] = slot
    if description := (data.get("description") or "").replace("\r\n", "\n"):
        found["description"] = description
    faults: dict[str, list[Any]] = {}
    found["parameters"] = {}
    for number in rows_of(data, PARAMETERS):
        name, spec = (data.get(f"p{number}-name") or "").strip(), _spec(data, f"p{number}", faults)
        if spec is None:
            continue
        if name in found["parameters"]:
            faults.setdefault(f"parameters.{name}", []).append(_("This parameter stands here twice."))
        found["parameters"][name] = spec
    found["code_commits"] = _lines(data.get("code_commits"))
    found["new_data"] = data.get("new_data") == "on"
    found["bands"] = [_band(data, f"b{number}") for number in rows_of(data, BANDS)]
    found["keeps"] = list(dict.fromkeys(data.getlist("keeps")))
    found["uses"] = _number(data.get("uses"))
    found["ends_at"] = _moment(data.get("ends_at"))
    if faults:
        raise errors.Invalid(_("Mend what is named. Nothing was written."), errors=faults)
    return found


def _spec(data: Data, row: str, faults: dict[str, list[Any]]) -> dict[str, Any] | None:
    how = data.get(f"{row}-how") or ""
    if how == "between":
        limits = {limit: (data.get(f"{row}-{limit}") or "").strip() for limit in ("min", "max")}
        return {limit: text for limit, text in limits.items() if text}
    if how == "one_of":
        lines = _lines(data.get(f"{row}-one_of"))
        try:
            return {"one_of": strict_yaml.read("\n".join(f"- {line}" for line in lines) or "[]").value}
        except errors.Invalid as wrong:
            path = f"parameters.{data.get(f'{row}-name') or row}.one_of"
            faults.setdefault(path, []).extend(sentence for said in wrong.errors.values() for sentence in said)
            return {"one_of": lines}
    return None


def _band(data: Data, row: str) -> dict[str, Any]:
    band: dict[str, Any] = {
        "plan": _number(data.get(f"{row}-plan")),
        "metric": (data.get(f"{row}-metric") or "").strip(),
    }
    for name in ("slice", "dataset_role", *LIMITS):
        if text := (data.get(f"{row}-{name}") or "").strip():
            band[name] = text
    for name, default in BAND_DEFAULTS.items():
        if (data.get(f"{row}-{name}") == "on") != default:
            band[name] = not default
    return band


def rows_of(data: Data, kind: str) -> list[str]:
    """The numbers of the rows of a kind, in order; what is no number is no row."""
    numbers = [one for one in data.getlist(kind) if one.isascii() and one.isdigit() and len(one) < 6]
    return list(dict.fromkeys(numbers))[: MAX_ROWS[kind] + 1]


def changed_rows(data: Data) -> bool:
    """Carry out the button that adds or removes a row, or reads the form again; whether it was one of those."""
    act, _dash, what = (data.get("do") or "").partition("-")
    kind, _dash, number = what.partition("-")
    if act == "add" and kind in MAX_ROWS:
        rows = rows_of(data, kind)
        new = str(1 + max((int(one) for one in rows), default=-1))
        data.setlist(kind, [*rows, new])
        if kind == PARAMETERS:
            data[f"p{new}-how"] = "between"
        else:
            data[f"b{new}-independent"] = "on"
    elif act == "remove" and kind in MAX_ROWS:
        data.setlist(kind, [one for one in rows_of(data, kind) if one != number])
    else:
        return act == "more"
    return True


def _scalar(value: Any) -> str:
    """One value as YAML writes it on a line."""
    text = strict_yaml.write([value]).removeprefix("- ").rstrip("\n")
    return json.dumps(value, ensure_ascii=False, default=str) if "\n" in text else text


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _number(text: str | None) -> int | str:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


def _clock(moment: Any) -> str:
    """A moment as the browser's own control writes it, in UTC; what is none stays empty."""
    try:
        found = datetime.fromisoformat(str(moment or ""))
    except ValueError:
        return ""
    return found.astimezone(UTC).strftime(MOMENT) if found.tzinfo else ""


def _moment(text: str | None) -> str:
    """What was typed as UTC, as the API takes it."""
    try:
        return datetime.fromisoformat((text or "").strip()).replace(tzinfo=UTC).isoformat()
    except ValueError:
        return text or ""


# --- For the page ---------------------------------------------------------------------------------------------------

Choices = list[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter of the form; `base`: its value in the base version."""

    number: str
    name: str
    base: str
    known: bool
    how: Choices
    min: str
    max: str
    one_of: str
    faults: list[str]


@dataclass(frozen=True, slots=True)
class BandRow:
    """One band of the form."""

    number: str
    place: int
    plans: Choices
    roles: Choices
    values: dict[str, str]
    faults: list[str]


def parameter_rows(data: Data, base: Mapping[str, Any], faults: Mapping[str, Sequence[Any]]) -> list[ParameterRow]:
    """The parameters as the page draws them, each with what was wrong with it."""
    ways = [("", _("stays as it is")), ("between", _("between limits")), ("one_of", _("one of these values"))]
    found = []
    for number in rows_of(data, PARAMETERS):
        row = f"p{number}"
        name = (data.get(f"{row}-name") or "").strip()
        found.append(ParameterRow(
            number, name, _scalar(base[name]) if name in base else "", name in base,
            choices(ways, data.get(f"{row}-how")), data.get(f"{row}-min") or "", data.get(f"{row}-max") or "",
            data.get(f"{row}-one_of") or "", _under(faults, f"parameters.{name}"),
        ))  # fmt: skip
    return found


def band_rows(data: Data, plans: Iterable[Plan], faults: Mapping[str, Sequence[Any]]) -> list[BandRow]:
    """The bands as the page draws them."""
    known = {"": "–", **{str(plan.pk): str(plan) for plan in plans}}
    roles = [("", _("any")), *((role, role) for role in DATASET_ROLES)]
    found = []
    for place, number in enumerate(rows_of(data, BANDS)):
        row = f"b{number}"
        plan = data.get(f"{row}-plan") or ""
        offered = known if plan in known else {**known, plan: _("%(plan)s (none of this model)") % {"plan": plan}}
        names = ("metric", "slice", *LIMITS, *BAND_DEFAULTS)
        found.append(BandRow(
            number, place + 1, choices(offered.items(), plan), choices(roles, data.get(f"{row}-dataset_role")),
            {name: data.get(f"{row}-{name}") or "" for name in names}, _under(faults, f"bands[{place}]"),
        ))  # fmt: skip
    return found


def signatures(data: Data, asked: Iterable[Requirement]) -> Choices:
    """The signatures that the policy in force asks for, and which of them remain; what it does not ask for is shown."""
    known = [(one.key, one.title or one.key) for one in asked]
    kept = data.getlist("keeps")
    others = [(key, _("%(key)s (not asked for there)") % {"key": key}) for key in kept if key not in dict(known)]
    return [(key, text, key in kept) for key, text in [*known, *others]]


def places(data: Data, environments: Iterable[Environment]) -> tuple[Choices, Choices]:
    """Environments and slots."""
    names = [(one.name, one.name) for one in environments]
    return choices(names, data.get("environment")), choices(Slot.choices, data.get("slot") or Slot.CHAMPION)


def choices(known: Iterable[tuple[str, Any]], chosen: str | None) -> Choices:
    """What may be chosen, with what is."""
    return [(value, str(text), value == (chosen or "")) for value, text in known]


def _under(faults: Mapping[str, Sequence[Any]], path: str) -> list[str]:
    return [
        str(one)
        for name, said in faults.items()
        if name == path or name.startswith((f"{path}.", f"{path}["))
        for one in said
    ]
