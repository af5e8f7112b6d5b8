"""Terms as an ODRL policy [ODRL 2.2, JSON-LD], for systems that enforce or compare policies."""

from datetime import UTC, datetime
from typing import Any

from lineage.models import CollectionTerms
from lineage.terms import kept_until
from lineage.vocabularies.standard import IRI_PREFIXES

CONTEXT: list[Any] = [
    "http://www.w3.org/ns/odrl.jsonld",
    {"dpv": "https://w3id.org/dpv#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#", "dct": "http://purl.org/dc/terms/"},
]  # fmt: skip
LOCATIONS = "https://w3id.org/dpv/loc#"


def odrl(terms: CollectionTerms) -> dict[str, Any]:
    """The policy. Nothing permitted is no permission at all; a withdrawal is the end of every permission.

    What is forbidden is forbidden with everything narrower (operator isA); what is permitted, only where the terms say
    so (isA), else by name (isAnyOf).
    """
    target = f"urn:muniment:dataset:{terms.dataset_id}"
    period = _period(terms)
    policy: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "Set",
        "uid": f"urn:muniment:terms:{terms.pk}",
        "dct:license": terms.licence,
        "dct:identifier": terms.number,
    }
    if terms.legal_basis:
        policy["dpv:hasLegalBasis"] = [_iri(one) for one in (terms.legal_basis, terms.special_condition) if one]
    if terms.controller:
        policy["dpv:hasDataController"] = terms.controller
    permission, prohibition = [], []
    if terms.permitted_purposes:
        limits = [_purposes(terms), *period]
        if terms.permitted_geographies:
            limits.append(_places("isAnyOf", terms.permitted_geographies))
        use: dict[str, Any] = {"target": target, "action": "use", "constraint": limits}
        if end := kept_until(terms):
            use["duty"] = [{"action": "delete", "constraint": [_moment("lteq", end)]}]
        permission.append(use)
    if terms.permitted_storage_geographies:
        place = _places("isAnyOf", terms.permitted_storage_geographies)
        permission.append({"target": target, "action": "archive", "constraint": [place, *period]})
    for one in terms.forbidden_purposes:
        refused = {"leftOperand": "purpose", "operator": "isA", "rightOperand": {"@id": _iri(one)}}
        prohibition.append({"target": target, "action": "use", "constraint": [refused]})
    for action, places in (
        ("use", terms.forbidden_geographies), ("archive", terms.forbidden_storage_geographies),
    ):  # fmt: skip
        if places:
            prohibition.append({"target": target, "action": action, "constraint": [_places("isAnyOf", places)]})
    return policy | {
        key: rules for key, rules in (("permission", permission), ("prohibition", prohibition)) if rules
    }  # fmt: skip


def _purposes(terms: CollectionTerms) -> dict[str, Any]:
    if not terms.permits_narrower:
        ids = [{"@id": _iri(one)} for one in terms.permitted_purposes]
        return {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": ids}
    either = [
        {"leftOperand": "purpose", "operator": "isA", "rightOperand": {"@id": _iri(one)}}
        for one in terms.permitted_purposes
    ]
    return either[0] if len(either) == 1 else {"or": either}


def _places(operator: str, places: list[str]) -> dict[str, Any]:
    return {
        "leftOperand": "spatial", "operator": operator, "rightOperand": [{"@id": LOCATIONS + one} for one in places],
    }  # fmt: skip


def _period(terms: CollectionTerms) -> list[dict[str, Any]]:
    found = [_moment("gteq", terms.effective_from)]
    withdrawal = getattr(terms, "withdrawal", None)
    ends = [at for at in (terms.effective_to, withdrawal.recorded_at if withdrawal else None) if at]
    return [*found, _moment("lt", min(ends))] if ends else found


def _moment(operator: str, at: datetime) -> dict[str, Any]:
    value = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {
        "leftOperand": "dateTime", "operator": operator, "rightOperand": {"@value": value, "@type": "xsd:dateTime"},
    }  # fmt: skip


def _iri(term: str) -> str:
    """The full IRI of a published term; a URN for one of the house's own."""
    for iri, prefix in IRI_PREFIXES.items():
        if term.startswith(prefix):
            return iri + term.removeprefix(prefix)
    return f"urn:muniment:term:{term}"
