"""A model version as a model card: Markdown with a head of YAML, in the form of the Hugging Face Hub.

What people wrote is shown as they wrote it: every sign that Markdown or HTML would act on is escaped.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from approvals.exports.version_facts import Data, VersionFacts, moment, plain, serving
from approvals.models import SignOff, Vote
from governance.accounts.roles import Role
from lineage.exports.dataset_facts import sensitive
from lineage.exports.upstream import digest_of
from lineage.models import Presence

MEDIA_TYPE = "text/markdown; charset=utf-8"
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|!~&$])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)
_SLUG = re.compile(r"[^a-z0-9]+")


def model_card(facts: VersionFacts) -> str:
    """The document."""
    parts = [_title(facts), _summary(facts), _uses(facts), _data(facts), _sensitive(facts), _performance(facts)]
    parts += [_card(facts), _votes(facts), _keeping(facts)]
    head = yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{head}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def text(given: Any) -> str:
    """What somebody wrote, as text in Markdown: no sign of it acts, its lines stay lines."""
    said = _SIGNS.sub(r"\\\1", plain(given).replace("\r\n", "\n"))
    return _AT_START.sub(r"\1\\\2", said).replace("\n", "  \n")


def cell(given: Any) -> str:
    """As `text`, on one line."""
    return " ".join(text(given).split())


def _head(facts: VersionFacts) -> dict[str, Any]:
    """[Hugging Face Hub, model card metadata]"""
    version, model = facts.version, facts.model
    card: dict[str, Any] = version.model_card
    trained = [one for one in facts.data if one.roles]
    told: dict[str, Any] = {
        "model_name": model.name,
        "version": str(version.number),
        "tags": [f"{key}:{value}" if value else key for key, value in facts.tags.items()],
        "datasets": sorted({f"{one.version.dataset.namespace.name}/{one.version.dataset.name}" for one in trained}),
        "metrics": sorted({one["type"] for one in card.get("performance") or ()} | set(facts.metrics)),
        "digest": digest_of(version),
        "risk_tier": model.risk_tier,
        "intended_purpose": model.intended_purpose,
        "model-index": _index(facts, trained),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def _index(facts: VersionFacts, trained: Sequence[Data]) -> list[dict[str, Any]]:
    """The card's figures where the data they were measured on is on record: the test data, else the training data."""
    measured = [one for role in ("test", "validation", "training") for one in trained if role in one.roles]
    figures = facts.version.model_card.get("performance") or ()
    if not measured or not figures:
        return []
    dataset = measured[0].version
    task = str(facts.version.model_card.get("task") or "other")
    results = [
        {
            "task": {"type": _SLUG.sub("-", task.lower()).strip("-") or "other", "name": task},
            "dataset": {
                "type": f"{dataset.dataset.namespace.name}/{dataset.dataset.name}",
                "name": dataset.dataset.title or dataset.dataset.name,
                "revision": dataset.label,
            },
            "metrics": [{
                "type": one["type"],
                "value": one["value"],
                "name": f"{one['type']}, {one['slice']}" if one.get("slice") else one["type"],
            }],
        }
        for one in figures
    ]  # fmt: skip
    return [{"name": facts.model.name, "results": results}]


def _title(facts: VersionFacts) -> str:
    model, version = facts.model, facts.version
    said = [f"# {cell(model.title or model.name)}, version {version.number}"]
    said += [text(one) for one in (model.description, facts.description) if one]
    return "\n\n".join(said)


def _summary(facts: VersionFacts) -> str:
    model, version = facts.model, facts.version
    owners = {"Owner": model.owner, "Answers for its decisions": model.decision_owner}
    rows = [
        ("Name", f"{model.namespace.name}/{model.name}"),
        *((name, who.display_name) for name, who in owners.items() if who),
        ("Supplier", version.supplier),
        ("Risk tier", model.risk_tier),
        ("Serves", "; ".join(serving(facts)) or "nowhere"),
        ("Digest", digest_of(version) or "none on record"),
        ("Artifact", version.artifact_uri),
        ("Code commit", version.code_commit),
        ("Registered", moment(version.recorded_at)),
    ]
    return _table(("", ""), ((name, value) for name, value in rows if value))


def _uses(facts: VersionFacts) -> str:
    model = facts.model
    rows = [
        ("Intended purpose", model.intended_purpose),
        ("Decides in", ", ".join(model.deployment_geography)),
        ("Not to be used for", model.out_of_scope_uses),
    ]
    return _section("Use", _list(f"{name}: {text(value)}" for name, value in rows if value))


def _data(facts: VersionFacts) -> str:
    trained = [one for one in facts.data if one.roles]
    rows = [
        (
            f"{one.version.dataset.namespace.name}/{one.version.dataset.name}",
            one.version.label,
            ", ".join(one.roles),
            one.terms.licence if one.terms else "no terms in force",
            digest_of(one.version) or "none on record",
        )
        for one in trained
    ]
    further = len(facts.data) - len(trained)
    hidden = len(facts.above.hidden_digests) + facts.above.hidden_unnamed
    notes = [f"{further} more dataset versions lie upstream of these."] if further else []
    notes += [f"{hidden} records upstream lie in namespaces that the reader may not read."] if hidden else []
    said = _table(("Dataset", "Version", "Role", "Licence", "Digest"), rows) if rows else "No data is on record."
    return _section("Data it was made from", "\n\n".join([said, *notes]))


def _sensitive(facts: VersionFacts) -> str:
    """What the data holds, upstream data too. Nobody asked is said as such."""
    lines = [
        f"{cell(one.version.dataset.name)} {cell(one.version.label)}: {cell(sensitive(flag))}"
        for one in facts.data
        for flag in one.flags
        if flag.present != Presence.NO
    ]
    lines += [
        f"{cell(one.version.dataset.name)} {cell(one.version.label)}: nobody has answered yet"
        for one in facts.data
        if not one.flags
    ]
    return _section("Sensitive data", _list(lines) or ("None, as answered on record." if facts.data else ""))


def _performance(facts: VersionFacts) -> str:
    figures = [
        (one["type"], one["value"], one.get("slice", ""), _interval(one.get("confidence_interval")))
        for one in facts.version.model_card.get("performance") or ()
    ]
    told = {one[0] for one in figures}
    figures += [(name, value, "", "") for name, value in sorted(facts.metrics.items()) if name not in told]
    measured = [
        (
            item.plan.title or item.plan.kind, value.metric, plain(value.value), value.slice or value.dataset_role,
            item.verdict, moment(item.recorded_at),
        )
        for item in facts.evidence
        for value in sorted(item.values.all(), key=lambda value: value.pk)
    ]  # fmt: skip
    parts = []
    if figures:
        parts += ["As reported by its makers:", _table(("Metric", "Value", "Slice", "Interval"), figures)]
    if measured:
        head = ("Plan", "Metric", "Value", "On", "Verdict", "Recorded")
        parts += [
            "Measured under plans locked before; the verdict is the database's:",
            _table(head, measured),
        ]
    return _section("Performance", "\n\n".join(parts))


def _interval(bounds: Any) -> str:
    return f"{plain(bounds['lower'])} to {plain(bounds['upper'])}" if bounds else ""


def _card(facts: VersionFacts) -> str:
    """The other parts of the card, under the names people know."""
    card: dict[str, Any] = facts.version.model_card
    titles = {
        "approach": "Approach", "task": "Task", "architecture": "Architecture", "inputs": "Inputs",
        "outputs": "Outputs",
        "limitations": "Limitations", "tradeoffs": "Trade-offs", "fairness": "Fairness", "oversight": "Human oversight",
        "autonomy_type": "Acts without a person", "decision_thresholds": "Decision thresholds",
    }  # fmt: skip
    return "\n\n".join(_section(title, _told(card[part])) for part, title in titles.items() if card.get(part))


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return _list(f"{cell(name)}: {cell(one)}" for name, one in sorted(value.items()))
    if not isinstance(value, list):
        return text(value)
    return _list(
        "; ".join(f"{cell(key.replace('_', ' '))}: {cell(inner)}" for key, inner in one.items())
        if isinstance(one, dict)
        else cell(one)
        for one in value
    )


def _votes(facts: VersionFacts) -> str:
    rows = [
        (
            vote.requirement.key, f"{vote.release.environment.name}, {vote.release.slot}", _vote(vote),
            vote.printed_name, str(Role(vote.role_grant.role).label), moment(vote.signed_at), vote.meaning,
        )
        for vote in facts.votes
    ]  # fmt: skip
    if not rows:
        return _section("Approvals", "Nobody has signed.")
    head = ("Requirement", "For", "Vote", "Name", "Role", "Signed", "Meaning")
    note = "Whether a signature counts today is for the gate to say: it is void when what was signed has changed."
    return _section("Approvals", f"{_table(head, rows)}\n\n{note}")


def _vote(vote: SignOff) -> str:
    said = "approved" if vote.vote == Vote.APPROVE else "rejected"
    said += f", taken back {moment(vote.withdrawal.recorded_at)}" if hasattr(vote, "withdrawal") else ""
    return said + (f", lifted {moment(vote.lift.recorded_at)}" if hasattr(vote, "lift") else "")


def _keeping(facts: VersionFacts) -> str:
    return (
        f"---\n\nWritten by Muniment from its record of model version {facts.version.pk} as of"
        f" {moment(facts.told_until)}. The record is the source; this is a copy of it."
    )


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    told = [head, ["---"] * len(head), *([cell(one) for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in told)
