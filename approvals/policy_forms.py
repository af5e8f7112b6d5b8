"""A policy as a form: the same document as its YAML, in fields that work without a script.

Each requirement is a row `r<n>-…`; rows stand in the order of the fields `row`. A row's kind is chosen when it is
added, so that it shows that kind's parameters alone. A hidden `given` keeps which parameters were written although they
say what leaving them out says: saved unchanged, a requirement stays the same word for word, and its votes stand.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from approvals.actions.policies import MAX_REQUIREMENTS
from approvals.documents import REQUIREMENT_FIELDS, VERSION_FIELDS, Document
from approvals.models import Aspect, Comparator, PlanKind, RequirementKind
from approvals.policies import KINDS
from approvals.policy_wording import SUBJECTS, label
from approvals.responses import CONFIRMERS, Cause, Fallback
from governance.accounts.roles import VOTING_ROLES, Role

Data = MultiValueDict[str, str]

CRITERION = ("metric", "comparator", "threshold", "slice", "dataset_role")
BLANK_BOUNDS = 2  # empty lines for more bounds
NUMBERS = tuple(name for name in VERSION_FIELDS if name.endswith("_days"))
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def data_of(document: Document) -> Data:
    """A document as the fields of the form."""
    data: Data = MultiValueDict()
    data["summary"] = document["summary"]
    for name in NUMBERS:
        data[name] = "" if document[name] is None else str(document[name])
    for cause, answer in document["responses"].items():
        data[f"on-{cause}-fallback"] = answer["fallback"]
        data[f"on-{cause}-notice_hours"] = str(answer["notice_hours"])
        data[f"on-{cause}-confirm"] = answer["confirm"] or ""
    for number, one in enumerate(document["requirements"]):
        data.appendlist("row", str(number))
        _put_row(data, f"r{number}", one)
    return data


def _put_row(data: Data, row: str, one: Mapping[str, Any]) -> None:
    for name in ("key", "kind", "title"):
        data[f"{row}-{name}"] = one[name]
    data.setlist(f"{row}-binds", list(one["binds"]))
    data[f"{row}-given"] = ",".join(sorted(one["params"]))
    for name, value in one["params"].items():
        if name == "criteria":
            for index, bound in enumerate(value):
                data[f"{row}-c{index}-given"] = ",".join(sorted(bound))
                for part in CRITERION:
                    data[f"{row}-c{index}-{part}"] = str(bound.get(part, ""))
        elif isinstance(value, list):
            data[f"{row}-{name}"] = "\n".join(value)
        elif isinstance(value, bool):
            data[f"{row}-{name}"] = "on" if value else ""
        else:
            data[f"{row}-{name}"] = "" if value is None else str(value)


def document_from(data: Data) -> Document:
    """The document the fields say. What cannot be right is left as it is: the action refuses it by name."""
    found: Document = {"summary": _lines(data.get("summary") or "")}
    for name in NUMBERS:
        found[name] = _number(data.get(name) or "")
    found["responses"] = {}
    for cause in Cause.values:
        if fallback := data.get(f"on-{cause}-fallback"):
            found["responses"][cause] = {
                "notice_hours": _number(data.get(f"on-{cause}-notice_hours") or "0"),
                "confirm": data.get(f"on-{cause}-confirm") or None,
                "fallback": fallback,
            }
    found["requirements"] = [_row(data, f"r{number}") for number in rows_of(data)]
    return found


def rows_of(data: Data) -> list[str]:
    """The numbers of the rows, in order; what is no number is no row."""
    numbers = [one for one in data.getlist("row") if one.isascii() and one.isdigit() and len(one) < 6]
    return list(dict.fromkeys(numbers))[: MAX_REQUIREMENTS + 1]


def _row(data: Data, row: str) -> dict[str, Any]:
    kind = data.get(f"{row}-kind") or ""
    one: dict[str, Any] = {**REQUIREMENT_FIELDS, "key": (data.get(f"{row}-key") or "").strip(), "kind": kind}
    one["title"] = data.get(f"{row}-title") or ""
    one["binds"] = sorted(set(data.getlist(f"{row}-binds")))
    given = (data.get(f"{row}-given") or "").split(",")
    params: dict[str, Any] = {}
    for param in fields(KINDS[kind]) if kind in KINDS else ():
        value = _param(data, row, param)
        nothing = None if param.default is MISSING else param.default
        if isinstance(nothing, tuple):
            nothing = []
        if value == nothing and type(value) is type(nothing) and param.name not in given:
            continue
        if value is None and nothing is not None:  # left empty: what leaving it out says
            continue
        params[param.name] = value
    one["params"] = params
    return one


def _param(data: Data, row: str, param: Any) -> Any:
    text = data.get(f"{row}-{param.name}") or ""
    if param.name == "criteria":
        return _bounds(data, row)
    if param.type is bool:
        return text == "on"
    if "Sequence" in str(param.type):
        return [line.strip() for line in _lines(text).split("\n") if line.strip()]
    if "int" in str(param.type):
        return _number(text)
    return text if text else (None if param.default is None or param.default is MISSING else param.default)


def _bounds(data: Data, row: str) -> list[dict[str, str]]:
    found = []
    for index in bounds_of(data, row):
        given = (data.get(f"{row}-c{index}-given") or "").split(",")
        parts = {part: (data.get(f"{row}-c{index}-{part}") or "").strip() for part in CRITERION}
        if parts["metric"] or parts["threshold"]:
            found.append({part: text for part, text in parts.items() if text or part in (*given, *CRITERION[:3])})
    return found


def bounds_of(data: Data, row: str) -> list[int]:
    """The numbers of the bounds of a row that are in the form."""
    pattern = re.compile(rf"{row}-c([0-9]{{1,3}})-metric")
    return sorted({int(match[1]) for name in data if (match := pattern.fullmatch(name))})


def _number(text: str) -> int | str | None:
    text = text.strip()
    if not text:
        return None
    return int(text) if _WHOLE.fullmatch(text) else text


def _lines(text: str) -> str:
    """A browser ends lines with two characters."""
    return text.replace("\r\n", "\n")


def changed_rows(data: Data) -> bool:
    """Carry out the button that adds, removes or moves a row; whether it was one of those."""
    act, _dash, number = (data.get("do") or "").partition("-")
    rows = rows_of(data)
    if act == "add":
        new = str(1 + max((int(one) for one in rows), default=-1))
        kind = data.get("add_kind") or ""
        data.setlist("row", [*rows, new])
        data[f"r{new}-kind"] = kind if kind in KINDS else RequirementKind.SIGNOFF.value
        if data[f"r{new}-kind"] == RequirementKind.SIGNOFF:
            data.setlist(f"r{new}-binds", ["requirement", "role", "subject"])
    elif act == "remove" and number in rows:
        data.setlist("row", [one for one in rows if one != number])
    elif act == "up" and number in rows[1:]:
        here = rows.index(number)
        rows[here - 1], rows[here] = rows[here], rows[here - 1]
        data.setlist("row", rows)
    else:
        return act == "more"
    return True


# --- For the page ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Field:
    """One field of a row: how it is asked, what stands in it."""

    name: str
    label: str
    how: str  # text, number, lines, choice, check, checks
    value: str = ""
    choices: list[tuple[str, str, bool]] = field(default_factory=list)
    required: bool = False


@dataclass(slots=True)
class Row:
    """One requirement of the form."""

    number: str
    place: int
    key: str
    kind: str
    kind_name: str
    title: str
    given: str
    fields: list[Field]
    bounds: list[dict[str, Any]] | None
    faults: list[str]


def rows(data: Data, environments: Iterable[str], faults: Mapping[str, Iterable[Any]]) -> list[Row]:
    """The rows as the page draws them, each with what was wrong with it."""
    found = []
    for place, number in enumerate(rows_of(data), start=1):
        row, kind = f"r{number}", data.get(f"r{number}-kind") or ""
        key = (data.get(f"{row}-key") or "").strip()
        name = f"requirements.{key or place}"
        mine = [str(s) for path, said in faults.items() if path == name or path.startswith(name + ".") for s in said]
        params = fields(KINDS[kind]) if kind in KINDS else ()
        asked = [_field(data, row, p, environments) for p in params if p.name != "criteria"]
        if kind == RequirementKind.SIGNOFF:
            held = data.getlist(f"{row}-binds")
            asked.append(Field(f"{row}-binds", label("binds"), "checks", choices=_choices(Aspect.choices, held)))
        found.append(Row(
            number, place, key, kind, str(RequirementKind(kind).label) if kind in KINDS else kind,
            data.get(f"{row}-title") or "", data.get(f"{row}-given") or "", asked,
            _bound_rows(data, row) if any(p.name == "criteria" for p in params) else None, mine,
        ))  # fmt: skip
    return found


def _field(data: Data, row: str, param: Any, environments: Iterable[str]) -> Field:
    value = data.get(f"{row}-{param.name}")
    default = "" if param.default in (MISSING, None) or isinstance(param.default, bool | tuple) else str(param.default)
    made = Field(f"{row}-{param.name}", label(param.name), "text", default if value is None else value,
                 required=param.default is MISSING)  # fmt: skip
    choices: dict[str, Iterable[tuple[str, Any]]] = {
        "role": [(role.value, role.label) for role in Role if role in VOTING_ROLES],
        "plan_kind": PlanKind.choices,
        "subject": list(SUBJECTS.items()),
        "environment": [("", _("nowhere in particular")), *((name, name) for name in environments)],
    }
    if param.name in choices:
        made.how, made.choices = "choice", _choices(choices[param.name], [made.value])
    elif param.type is bool:
        made.how = "check"
    elif "Sequence" in str(param.type):
        made.how = "lines"
    elif "int" in str(param.type):
        made.how = "number"
    return made


def _bound_rows(data: Data, row: str) -> list[dict[str, Any]]:
    have = bounds_of(data, row)
    filled = [n for n in have if data.get(f"{row}-c{n}-metric") or data.get(f"{row}-c{n}-threshold")]
    blank = [1 + max(have, default=-1) + n for n in range(BLANK_BOUNDS)]
    made = []
    for index in [*filled, *blank]:
        name = f"{row}-c{index}"
        parts: dict[str, Any] = {part: data.get(f"{name}-{part}") or "" for part in CRITERION}
        parts["comparators"] = _choices(Comparator.choices, [parts["comparator"] or "ge"])
        made.append({"name": name, "given": data.get(f"{name}-given") or "", **parts})
    return made


def response_rows(data: Data) -> list[dict[str, Any]]:
    """One line per cause."""
    nothing = ("", _("keep serving, flagged (not named)"))
    return [
        {
            "name": f"on-{cause.value}",
            "cause": cause.label,
            "fallbacks": _choices([nothing, *Fallback.choices], [data.get(f"on-{cause.value}-fallback") or ""]),
            "notice_hours": data.get(f"on-{cause.value}-notice_hours") or "",
            "confirms": _choices(
                [("", _("nobody")), *((role, Role(role).label) for role in sorted(CONFIRMERS))],
                [data.get(f"on-{cause.value}-confirm") or ""],
            ),
        }
        for cause in Cause
    ]  # fmt: skip


def _choices(choices: Iterable[tuple[str, Any]], chosen: Iterable[str]) -> list[tuple[str, str, bool]]:
    held = set(chosen)
    return [(value, str(text), value in held) for value, text in choices]
