"""A policy version as one document: what the form, the YAML and the API write and read, the same thing each way.

    summary, requirements [{key, kind, title, params, binds}], responses {cause: {notice_hours, confirm, fallback}},
    review_days, review_grace_days

A document holds exactly what a version holds; what says nothing (an empty title, no parameters) may be left out when it
is written and is filled in when it is read. Where it holds (namespace, environment, risk tier, slot) is its place.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from approvals import strict_yaml
from approvals.models import PolicyVersion
from approvals.policies import KINDS
from approvals.responses import Cause
from approvals.strict_yaml import Path, Read

Document = dict[str, Any]

#: What a version holds beside its requirements, with what says nothing.
VERSION_FIELDS: dict[str, Any] = {"summary": "", "responses": {}, "review_days": None, "review_grace_days": None}
REQUIREMENT_FIELDS: dict[str, Any] = {"key": "", "kind": "", "title": "", "params": {}, "binds": []}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a policy holds: names, as people write them. `namespace` None: everywhere; `slot` "": every slot."""

    environment: str
    risk_tier: str
    namespace: str | None = None
    slot: str = ""


def place_of(version: PolicyVersion) -> Place:
    """The place of a version."""
    policy = version.policy
    namespace = policy.namespace.name if policy.namespace else None
    return Place(policy.environment.name, policy.risk_tier, namespace, policy.slot)


def document_of(version: PolicyVersion) -> Document:
    """What a version holds."""
    asked = sorted(version.requirements.all(), key=lambda r: r.position)
    return {
        **{name: getattr(version, name) for name in VERSION_FIELDS},
        "requirements": [{name: getattr(r, name) for name in REQUIREMENT_FIELDS} for r in asked],
    }


def to_yaml(document: Document, place: Place) -> str:
    """A document and its place as YAML; `strict_yaml.read` and `whole` give the same document again."""
    plain: dict[str, Any] = {}
    if place.namespace is not None:
        plain["namespace"] = place.namespace
    plain |= {"environment": place.environment, "risk_tier": place.risk_tier}
    if place.slot:
        plain["slot"] = place.slot
    if document.get("summary"):
        plain["summary"] = document["summary"]
    plain["requirements"] = [_requirement(one) for one in document["requirements"]]
    for name, nothing in VERSION_FIELDS.items():
        if name not in plain and document.get(name, nothing) != nothing:
            plain[name] = _responses(document[name]) if name == "responses" else document[name]
    return strict_yaml.write(plain)


def whole(value: Mapping[str, Any]) -> Document:
    """The document in what a YAML text or a body says, with what was left out filled in."""
    return {
        **{name: value.get(name, nothing) for name, nothing in VERSION_FIELDS.items()},
        "requirements": [{**REQUIREMENT_FIELDS, **one} for one in value.get("requirements", ())],
    }


#: The order people read the parts of a bound and of a response in; the database keeps none.
_PARTS = ("metric", "comparator", "threshold", "slice", "dataset_role", "notice_hours", "confirm", "fallback")


def _ordered(value: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """The same, the names in `order` first and as there, others after them by name."""
    return {
        name: value[name] for name in sorted(value, key=lambda n: (order.index(n) if n in order else len(order), n))
    }


def _requirement(one: Mapping[str, Any]) -> dict[str, Any]:
    """In the order people read it, without what says nothing."""
    kept = {name: one[name] for name, nothing in REQUIREMENT_FIELDS.items() if one.get(name, nothing) != nothing}
    if "params" in kept:
        kept["params"] = _ordered(kept["params"], [f.name for f in fields(KINDS[one["kind"]])])
        if "criteria" in kept["params"]:
            kept["params"]["criteria"] = [_ordered(bound, _PARTS) for bound in kept["params"]["criteria"]]
    return kept


def _responses(responses: Mapping[str, Any]) -> dict[str, Any]:
    return {cause: _ordered(answer, _PARTS) for cause, answer in _ordered(responses, Cause.values).items()}


def located(faults: Mapping[str, Sequence[Any]], source: Read) -> dict[str, list[str]]:
    """Sentences by field path, each with the line and column its field has in the text it came from."""
    keys = [one.get("key") if isinstance(one, Mapping) else None for one in _requirements(source.value)]
    found = {}
    for name, sentences in faults.items():
        line, column = source.place(_steps(name, keys))
        found[name] = [strict_yaml.at(line, column, sentence) for sentence in sentences]
    return found


def _requirements(value: Any) -> Sequence[Any]:
    asked = value.get("requirements") if isinstance(value, Mapping) else None
    return asked if isinstance(asked, list) else []


def _steps(name: str, keys: Sequence[Any]) -> Path:
    """`requirements[0].kind` and `requirements.risk.count` as the path of that part of the text."""
    steps: list[str | int] = [int(s[1:-1]) if s.startswith("[") else s for s in re.findall(r"\[\d+\]|[^.\[\]]+", name)]
    if steps[:1] == ["requirements"] and len(steps) > 1 and isinstance(steps[1], str):
        # A key that stands twice is at fault where it stands the second time.
        here = [index for index, key in enumerate(keys) if key == steps[1]]
        steps[1] = here[-1] if here else (int(steps[1]) - 1 if steps[1].isdigit() else 0)
        if len(steps) > 2 and steps[2] not in REQUIREMENT_FIELDS:
            steps.insert(2, "params")
    return tuple(steps)
