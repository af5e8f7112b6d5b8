"""What a policy asks, in sentences; and what one version changes against another, field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from approvals.documents import VERSION_FIELDS, Document
from approvals.models import Aspect, Comparator, PlanKind, RequirementKind
from approvals.responses import Cause, Fallback
from governance.accounts.roles import Role

LABELS: dict[str, Any] = {
    "kind": gettext_lazy("kind"),
    "title": gettext_lazy("title"),
    "binds": gettext_lazy("votes are void when this changes"),
    "code_commit": gettext_lazy("the commit of its training code is on record"),
    "attestation": gettext_lazy("an attestation is attached"),
    "forbidden_categories": gettext_lazy("categories that must be absent or treated"),
    "plan_kind": gettext_lazy("evidence on"),
    "subject": gettext_lazy("measured on"),
    "environment": gettext_lazy("while it served in"),
    "independent": gettext_lazy("its reporter had no hand in the model"),
    "max_age_days": gettext_lazy("at most so many days old"),
    "trusted_reporters": gettext_lazy("reporters whose word counts without values"),
    "criteria": gettext_lazy("bounds"),
    "role": gettext_lazy("role"),
    "count": gettext_lazy("persons"),
    "veto": gettext_lazy("one rejection closes the gate"),
    "veto_lift_hours": gettext_lazy("hours until the head of the role may lift a veto"),
    "summary": gettext_lazy("summary"),
    "responses": gettext_lazy("changes under a live model"),
    "review_days": gettext_lazy("reviewed every so many days"),
    "review_grace_days": gettext_lazy("days of grace for a review"),
}
SUBJECTS: dict[str, Any] = {
    "model": gettext_lazy("the model version"),
    "data": gettext_lazy("each training dataset"),
    "promotion": gettext_lazy("the version while it served"),
}


def label(name: str) -> str:
    """A field's name as people read it."""
    return str(LABELS.get(name, name.replace("_", " ")))


def sentence(one: Mapping[str, Any]) -> str:
    """What one requirement asks."""
    params = one["params"]
    parts = {
        RequirementKind.ARTIFACT: _artifact,
        RequirementKind.SENSITIVITY: _sensitivity,
        RequirementKind.EVIDENCE: _evidence,
        RequirementKind.SIGNOFF: _sign_off,
    }
    if one["kind"] in parts:
        return parts[one["kind"]](params)
    return {
        "provenance": _("All training data, and everything above it, says where it comes from."),
        "terms": _("The terms of all data are in force and permit the purpose and the place of use."),
        "findings": _("No blocking finding is open on the model, its data or its live versions."),
    }.get(one["kind"], str(one["kind"]))


def _artifact(params: Mapping[str, Any]) -> str:
    also = [label(name) for name in ("code_commit", "attestation") if params.get(name)]
    return _("The artifact's digest is on record%(also)s.") % {"also": "".join(f", {one}" for one in also)}


def _sensitivity(params: Mapping[str, Any]) -> str:
    said = _("All data was reviewed for sensitive data, and what it holds is lawful.")
    if params.get("forbidden_categories"):
        names = ", ".join(params["forbidden_categories"])
        said += " " + _("Absent or treated: %(names)s.") % {"names": names}
    return said


def _evidence(params: Mapping[str, Any]) -> str:
    said = _("Good evidence on %(kind)s, measured on %(subject)s") % {
        "kind": shown("plan_kind", params.get("plan_kind")),
        "subject": shown("subject", params.get("subject", "model")),
    }
    if params.get("environment"):
        said += " " + _("in %(place)s") % {"place": params["environment"]}
    if params.get("independent"):
        said += ", " + _("by someone who had no hand in the model")
    if params.get("max_age_days") is not None:
        said += ", " + ngettext("at most %(n)d day old", "at most %(n)d days old", params["max_age_days"]) % {
            "n": params["max_age_days"]
        }
    if params.get("criteria"):
        said += ": " + shown("criteria", params["criteria"])
    if params.get("trusted_reporters"):
        said += ". " + _("The word of %(names)s counts.") % {"names": ", ".join(params["trusted_reporters"])}
    return said.rstrip(".") + "."


def _sign_off(params: Mapping[str, Any]) -> str:
    count, role = params.get("count", 1), shown("role", params.get("role"))
    said = ngettext("%(n)s person signs as %(role)s.", "%(n)s persons sign as %(role)s.", count) % {
        "n": count,
        "role": role,
    }
    if params.get("veto"):
        said += " " + _("One rejection closes the gate.")
    return said


def shown(name: str, value: Any) -> str:
    """A field's value as people read it."""
    if value is None or value in ("", [], {}):
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    choices: dict[str, Any] = {"role": Role, "plan_kind": PlanKind, "kind": RequirementKind}
    if name in choices and value in choices[name].values:
        return str(choices[name](value).label)
    if name == "subject":
        return str(SUBJECTS.get(value, value))
    if name == "binds":
        return ", ".join(str(Aspect(one).label) if one in Aspect.values else one for one in value)
    if name == "criteria":
        return "; ".join(_bound(one) for one in value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _bound(one: Mapping[str, Any]) -> str:
    comparator = one.get("comparator", "")
    sign = str(Comparator(comparator).label) if comparator in Comparator.values else comparator
    where = ", ".join(part for part in (one.get("slice", ""), one.get("dataset_role", "")) if part)
    return f"{one.get('metric', '')} {sign} {one.get('threshold', '')}" + (f" ({where})" if where else "")


def responses(document: Document) -> list[tuple[str, str]]:
    """Cause and answer, in the order of the causes; those that keep serving, named or not, are one line at the end."""
    keeps = response_sentence(None)
    found = [(cause, says) for cause, says in _answers(document) if says != keeps]
    rest = _("anything else") if found else _("any of them")
    return found if len(found) == len(Cause) else [*found, (rest, keeps)]


def _answers(document: Document) -> list[tuple[str, str]]:
    given = document.get("responses") or {}
    return [(str(cause.label), response_sentence(given.get(cause.value))) for cause in Cause]


def response_sentence(answer: Mapping[str, Any] | None) -> str:
    """What is done when a fact of one kind changes under a live model."""
    if not answer or answer.get("fallback") == Fallback.KEEP:
        return _("The same version keeps serving, flagged.")
    then = {
        Fallback.LAST_GOOD.value: _("the last good version serves"),
        Fallback.STOP.value: _("nothing serves"),
    }.get(str(answer.get("fallback")), str(answer.get("fallback")))
    hours = answer.get("notice_hours", 0)
    if not hours:
        return _("At once %(then)s.") % {"then": then}
    said = ngettext("After %(n)s hour %(then)s", "After %(n)s hours %(then)s", hours) % {"n": hours, "then": then}
    if answer.get("confirm"):
        said += _(", unless a %(role)s confirms") % {"role": shown("role", answer["confirm"])}
    return said + "."


@dataclass(frozen=True, slots=True)
class Changed:
    """A field: its name, what it was and what it will be."""

    name: str
    before: str
    after: str


@dataclass(slots=True)
class Change:
    """What becomes of one requirement (or, with an empty key, of the version itself): added, removed, changed, same."""

    key: str
    what: str
    title: str
    says: str
    before: str = ""
    fields: list[Changed] = field(default_factory=list)


def difference(active: Document | None, draft: Document) -> list[Change]:
    """What a draft changes against the version in force: removed, changed, added, then what stays the same."""
    before = {one["key"]: one for one in (active or {"requirements": []})["requirements"]}
    found = []
    for one in draft["requirements"]:
        was = before.pop(one["key"], None)
        change = Change(one["key"], "added" if was is None else "same", one["title"] or one["key"], sentence(one))
        if was is not None and (fields := _fields(was, one)):
            change.what, change.fields, change.before = "changed", fields, sentence(was)
        found.append(change)
    found += [Change(key, "removed", one["title"] or key, sentence(one)) for key, one in before.items()]
    if active is not None:  # what has to be decided comes first
        found.sort(key=lambda change: ("removed", "changed", "added", "same").index(change.what))
    return found


def version_changes(active: Document | None, draft: Document) -> list[Changed]:
    """What a draft changes beside its requirements."""
    if active is None:
        return []
    found = [
        Changed(label(name), shown(name, active[name]), shown(name, draft[name]))
        for name in VERSION_FIELDS
        if name not in ("responses", "summary") and active[name] != draft[name]
    ]
    pairs = zip(_answers(active), _answers(draft), strict=True)
    return found + [Changed(cause, was, will) for (cause, was), (_cause, will) in pairs if was != will]


def _fields(was: Mapping[str, Any], will: Mapping[str, Any]) -> list[Changed]:
    found = [
        Changed(label(name), shown(name, was[name]), shown(name, will[name]))
        for name in ("kind", "title", "binds")
        if was[name] != will[name]
    ]
    for name in sorted({*was["params"], *will["params"]}):
        one, other = was["params"].get(name), will["params"].get(name)
        if one != other:
            found.append(Changed(label(name), shown(name, one), shown(name, other)))
    return found
