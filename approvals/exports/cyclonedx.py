"""A model version as CycloneDX 1.6 ML-BOM: the model with its card, its data, and the sign-offs as declarations.

Written as JSON by hand: cyclonedx-python-lib models neither `modelCard` nor `declarations`. Its strict validator reads
every export in the tests.
"""

import json
import uuid
from typing import Any
from urllib.parse import quote

from approvals.exports.version_facts import Data, VersionFacts, moment, plain, serving
from approvals.models import PolicyVersion, SignOff, Vote
from approvals.policy_wording import sentence
from governance.accounts.roles import Role
from lineage.exports.dataset_facts import sensitive
from lineage.exports.upstream import digest_of
from lineage.models import DatasetVersion, ModelVersion, Presence
from lineage.models.fields import DigestAlgorithm

MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.6"
SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_SERIALS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:muniment:cyclonedx")
_IRI_KEPT = "/:?#[]@!$&'()*+,;=%~-._"
_MEDIA_TYPE_SIGNS = frozenset("-+abcdefghijklmnopqrstuvwxyz0123456789./")


def bom(facts: VersionFacts) -> dict[str, Any]:
    """The document; its serial number is that of its content, so that the same record is the same document."""
    main = _model(facts)
    told = _filled(
        {
            "$schema": SCHEMA,
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "timestamp": moment(facts.told_until),
                "tools": {"components": [{"type": "application", "name": "Muniment"}]},
                "component": main,
            },
            "components": [
                *map(_dataset, facts.data),
                *map(_other_model, facts.above.model_versions),
                *map(_hidden, facts.above.hidden_digests),
            ],
            "dependencies": _dependencies(facts),
            "declarations": _declarations(facts),
            "definitions": _definitions(facts),
        }
    )
    serial = uuid.uuid5(_SERIALS, json.dumps(told, sort_keys=True))
    head = {key: told.pop(key) for key in ("$schema", "bomFormat", "specVersion")}
    return {**head, "serialNumber": f"urn:uuid:{serial}", **told}


def _filled(value: Any) -> Any:
    """Without what is empty; CycloneDX says nothing by leaving out."""
    if isinstance(value, dict):
        inner = {key: _filled(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in (None, "", [], {})}
    return [_filled(one) for one in value] if isinstance(value, list) else value


def _ref(record: DatasetVersion | ModelVersion) -> str:
    kind = "dataset-version" if isinstance(record, DatasetVersion) else "model-version"
    return f"{kind}:{record.pk}"


def _hashes(record: DatasetVersion | ModelVersion) -> list[dict[str, str]]:
    if not record.digest_value:
        return []
    return [{"alg": str(DigestAlgorithm(record.digest_algorithm).label), "content": record.digest_value}]


def _address(given: str) -> str:
    """An address as an IRI reference: blanks and what else may not stand in one are escaped."""
    return quote(given, safe=_IRI_KEPT)


def _properties(**named: Any) -> list[dict[str, str]]:
    return [
        {"name": f"muniment:{name}", "value": plain(value)} for name, value in named.items() if value not in (None, "")
    ]


# --- The model -------------------------------------------------------------------------------------------------------


def _model(facts: VersionFacts) -> dict[str, Any]:
    version, model = facts.version, facts.model
    parent = version.parent_version_id and facts.above.records.get(("model_version", version.parent_version_id))
    ancestor = None
    if isinstance(parent, ModelVersion):
        shown = parent in facts.above.model_versions
        ancestor = _other_model(parent) if shown else _hidden(digest_of(parent)) if digest_of(parent) else None
    if ancestor:
        ancestor = {key: value for key, value in ancestor.items() if key != "bom-ref"}
    said = _properties(
        risk_tier=model.risk_tier,
        intended_purpose=model.intended_purpose,
        deployment_geography=", ".join(model.deployment_geography),
        features_used=", ".join(version.features_used),
        upstream_elsewhere_without_digest=facts.above.hidden_unnamed or None,
    )
    said += [{"name": "muniment:live", "value": one} for one in serving(facts)]
    said += [{"name": f"muniment:parameter:{name}", "value": plain(v)} for name, v in sorted(facts.parameters.items())]
    said += [{"name": f"muniment:tag:{name}", "value": value} for name, value in facts.tags.items()]
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref(version),
        "supplier": {"name": version.supplier},
        "group": model.namespace.name,
        "name": model.name,
        "version": str(version.number),
        "description": facts.description or model.description,
        "hashes": _hashes(version),
        "externalReferences": [{"type": "distribution", "url": _address(version.artifact_uri)}]
        if version.artifact_uri
        else [],
        "pedigree": {
            "ancestors": [ancestor] if ancestor else [],
            "commits": [{"uid": version.code_commit}] if version.code_commit else [],
        },
        "modelCard": _card(facts),
        "properties": said,
    }


def _card(facts: VersionFacts) -> dict[str, Any]:
    version, model = facts.version, facts.model
    card: dict[str, Any] = version.model_card
    approach = card.get("approach")
    uses = [model.intended_purpose, model.out_of_scope_uses and f"Out of scope: {model.out_of_scope_uses}"]
    ethics = [{"name": "Human oversight", "mitigationStrategy": card["oversight"]}] if card.get("oversight") else []
    thresholds = card.get("decision_thresholds") or {}
    said = _properties(autonomy_type=card.get("autonomy_type"))
    said += [
        {"name": f"muniment:decision_threshold:{name}", "value": plain(v)} for name, v in sorted(thresholds.items())
    ]
    return {
        "modelParameters": {
            "approach": {"type": approach},
            "task": card.get("task"),
            "modelArchitecture": card.get("architecture"),
            "datasets": [{"ref": _ref(one.version)} for one in facts.data if one.roles],
            "inputs": _formats(card.get("inputs")),
            "outputs": _formats(card.get("outputs")),
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(facts)},
        "considerations": {
            "useCases": [one for one in uses if one],
            "technicalLimitations": _texts(card.get("limitations")),
            "performanceTradeoffs": _texts(card.get("tradeoffs")),
            "ethicalConsiderations": ethics,
            "fairnessAssessments": _fairness(card.get("fairness")),
        },
        "properties": said,
    }


def _texts(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _formats(given: Any) -> list[dict[str, str]]:
    """CycloneDX has a format alone: what the record says of an input stands there whole."""
    rows = [{"name": given}] if isinstance(given, str) else given or ()
    return [
        {"format": ", ".join(one[key] for key in ("name", "format", "description") if one.get(key))} for one in rows
    ]


def _fairness(given: Any) -> list[dict[str, str]]:
    rows = [{"group_at_risk": given}] if isinstance(given, str) else given or ()
    names = {
        "group_at_risk": "groupAtRisk",
        "benefits": "benefits",
        "harms": "harms",
        "mitigation": "mitigationStrategy",
    }
    return [{names[key]: value for key, value in one.items()} for one in rows]


def _metrics(facts: VersionFacts) -> list[dict[str, Any]]:
    """As the card says, then what was reported at registration under another name; measured ones are evidence."""
    found = []
    for one in facts.version.model_card.get("performance") or ():
        bounds = one.get("confidence_interval") or {}
        interval = {"lowerBound": plain(bounds.get("lower")), "upperBound": plain(bounds.get("upper"))}
        found.append(
            {
                "type": one["type"],
                "value": plain(one["value"]),
                "slice": one.get("slice"),
                "confidenceInterval": interval,
            }
        )
    told = {one["type"] for one in found}
    reported = sorted(facts.metrics.items())
    return found + [{"type": name, "value": plain(value)} for name, value in reported if name not in told]


# --- What it was made from -------------------------------------------------------------------------------------------


def _dataset(data: Data) -> dict[str, Any]:
    version, terms = data.version, data.terms
    dataset = version.dataset
    present = [one for one in data.flags if one.present != Presence.NO]
    people = {"owners": dataset.owner, "stewards": dataset.steward}
    media_type = version.format.lower()
    content = {
        "type": "dataset",
        "name": f"{dataset.name} {version.label}",
        "contents": {"url": _address(version.location) if version.location else None},
        "classification": _classification(data),
        "sensitiveData": [sensitive(one) for one in present],
        "governance": {kind: [{"contact": {"name": who.display_name}}] for kind, who in people.items() if who},
    }
    return {
        "type": "data",
        "mime-type": media_type if "/" in media_type and _MEDIA_TYPE_SIGNS.issuperset(media_type) else None,
        "bom-ref": _ref(version),
        "group": dataset.namespace.name,
        "name": dataset.name,
        "version": version.label,
        "description": dataset.description,
        "hashes": _hashes(version),
        "licenses": [{"expression": terms.licence}] if terms else [],
        "data": [content],
        "properties": _properties(
            source=version.source,
            origin=version.origin,
            origin_geography=version.origin_geography,
            rows=version.rows,
            bytes=version.bytes,
            roles=", ".join(data.roles),
            terms=f"number {terms.number}" if terms else "none in force",
            permitted_purposes=", ".join(terms.permitted_purposes) if terms else None,
        ),
    }


def _classification(data: Data) -> str:
    if not data.flags or any(one.present == Presence.UNKNOWN for one in data.flags):
        return "sensitive data: unknown"
    return "sensitive data: " + ("yes" if any(one.present == Presence.YES for one in data.flags) else "no")


def _other_model(version: ModelVersion) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref(version),
        "supplier": {"name": version.supplier},
        "group": version.model.namespace.name,
        "name": version.model.name,
        "version": str(version.number),
        "hashes": _hashes(version),
    }


def _hidden(digest: str) -> dict[str, Any]:
    """Something of a namespace that the reader does not read: its bytes have a name, nothing else of it is told."""
    algorithm, _colon, value = digest.partition(":")
    return {
        "type": "file",
        "bom-ref": f"digest:{digest}",
        "name": digest,
        "hashes": [{"alg": str(DigestAlgorithm(algorithm).label), "content": value}],
    }


def _dependencies(facts: VersionFacts) -> list[dict[str, Any]]:
    """Who was made from whom: through the runs, and a model from its parent."""
    up, version = facts.above, facts.version
    records = {("model_version", version.pk): version, **up.records}
    shown_records: list[DatasetVersion | ModelVersion] = [*up.dataset_versions, *up.model_versions, version]
    shown = {_ref(one) for one in shown_records}

    def ref(kind: str, id: int | None) -> str | None:
        record = records.get((kind, id or 0))
        if record is None:
            return None
        if (name := _ref(record)) in shown:
            return name
        return f"digest:{digest_of(record)}" if digest_of(record) else None

    made: dict[int, set[str | None]] = {}
    for out in up.outputs:
        made.setdefault(out.run_id, set()).add(
            ref("dataset_version", out.dataset_version_id) or ref("model_version", out.model_version_id)
        )
    below: dict[str, set[str]] = {name: set() for name in shown}
    models: list[ModelVersion] = [version, *up.model_versions]
    for one in models:
        if one.source_run_id:
            made.setdefault(one.source_run_id, set()).add(_ref(one))
        if parent := ref("model_version", one.parent_version_id):
            below[_ref(one)].add(parent)
    for link in up.inputs:
        source = ref("dataset_version", link.dataset_version_id) or ref("model_version", link.model_version_id)
        for name in made.get(link.run_id, ()):
            if source and name in below and source != name:
                below[name].add(source)
    return [{"ref": name, "dependsOn": sorted(found)} for name, found in sorted(below.items()) if found]


# --- What was shown and who signed -----------------------------------------------------------------------------------


def _declarations(facts: VersionFacts) -> dict[str, Any]:
    """Evidence as evidence, each vote as a claim with the signer's attestation of it.

    Whether a vote counts today is the gate's to say; here stands what was signed, taken back and lifted.
    """
    seen = {vote.recorded_by_id: vote for vote in facts.votes}
    return {
        "assessors": [
            {
                "bom-ref": f"assessor:{who}",
                "thirdParty": False,
                "organization": {"name": facts.model.namespace.name, "contact": [{"name": seen[who].printed_name}]},
            }
            for who in sorted(seen)
        ],
        "attestations": [_attestation(vote) for vote in facts.votes],
        "claims": [_claim(vote, facts) for vote in facts.votes],
        "evidence": [_evidence(one) for one in facts.evidence],
    }


def _attestation(vote: SignOff) -> dict[str, Any]:
    approves = vote.vote == Vote.APPROVE
    state = "approved" if approves else "rejected"
    for name, word in (("withdrawal", "taken back"), ("lift", "lifted")):
        if hasattr(vote, name):
            state += f", {word} {moment(getattr(vote, name).recorded_at)}"
    stands = not hasattr(vote, "withdrawal") and not hasattr(vote, "lift")
    role = Role(vote.role_grant.role).label
    mapped = {
        "requirement": f"requirement:{vote.requirement_id}",
        ("claims" if approves else "counterClaims"): [f"claim:{vote.pk}"],
        "conformance": {"score": 1 if approves and stands else 0, "rationale": vote.comment or vote.meaning},
    }
    where = f"{vote.release.environment.name}, {vote.release.slot}"
    who = f"{vote.printed_name} ({role})"
    return {
        "summary": f"{who} {state}: {vote.requirement.key}, {where}, signed {moment(vote.signed_at)}",
        "assessor": f"assessor:{vote.recorded_by_id}",
        "map": [mapped],
    }


def _claim(vote: SignOff, facts: VersionFacts) -> dict[str, Any]:
    here = {one.pk for one in facts.evidence}
    return {
        "bom-ref": f"claim:{vote.pk}",
        "target": _ref(facts.version),
        "predicate": vote.statement,
        "reasoning": vote.meaning,
        "evidence": [f"evidence:{one}" for one in vote.evidence_seen if one in here],
    }


def _evidence(one: Any) -> dict[str, Any]:
    values = [
        _filled({
            "metric": value.metric, "value": plain(value.value), "slice": value.slice, "unit": value.unit,
            "dataset_role": value.dataset_role, "from": plain(value.ci_low), "to": plain(value.ci_high),
        })
        for value in sorted(one.values.all(), key=lambda value: value.pk)
    ]  # fmt: skip
    told = {"verdict": one.verdict, "subject_digest": one.subject_digest, "tool": one.tool, "values": values}
    attached = {"contentType": "application/json", "content": json.dumps(_filled(told), ensure_ascii=False)}
    return {
        "bom-ref": f"evidence:{one.pk}",
        "propertyName": f"muniment:{one.plan.kind}",
        "data": [{"name": one.plan.title or one.plan.kind, "contents": {"attachment": attached}}],
        "created": moment(one.recorded_at),
        "expires": moment(one.valid_until) if one.valid_until else None,
        "author": {"name": one.recorded_by.display_name},
    }


def _definitions(facts: VersionFacts) -> dict[str, Any]:
    """The policies that asked for the votes, with the requirements that were answered."""
    asked: dict[int, dict[str, Any]] = {}
    versions: dict[int, PolicyVersion] = {}
    for vote in facts.votes:
        requirement = vote.requirement
        versions[requirement.policy_version_id] = requirement.policy_version
        asked[requirement.pk] = {
            "policy": requirement.policy_version_id,
            "told": {
                "bom-ref": f"requirement:{requirement.pk}",
                "identifier": requirement.key,
                "text": sentence({"kind": requirement.kind, "params": requirement.params}),
            },
        }
    return {
        "standards": [
            {
                "bom-ref": f"policy-version:{pk}",
                "name": str(version.policy),
                "version": str(version.number),
                "requirements": [one["told"] for _pk, one in sorted(asked.items()) if one["policy"] == pk],
            }
            for pk, version in sorted(versions.items())
        ]
    }
