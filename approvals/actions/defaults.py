"""The environments and policies of a first start: a beginning that policy owners replace by versions of their own.

high: independent validator, data steward, business owner, two risk managers, compliance with veto. medium: validator,
steward, risk. low: automatic evidence, risk. Staging asks for the same facts and evidence, and for no signatures.
"""

from typing import Any

from approvals.actions.policies import check_requirements, write_version
from approvals.models import Environment, Policy, PolicyPublication, PolicyVersion
from approvals.responses import checked_responses
from governance.accounts.models import Principal
from governance.unit_of_work import action
from lineage.models import RiskTier

ENVIRONMENTS: tuple[dict[str, Any], ...] = (
    {"name": "staging", "order": 1, "live_traffic": False, "mlflow_aliases": ["staging"], "mlflow_stages": ["staging"]},
    {
        "name": "production", "order": 2, "live_traffic": True,
        "mlflow_aliases": ["champion", "production"], "mlflow_stages": ["production"],
    },
)  # fmt: skip

#: Days that evidence counts, per tier (contracts/gate.md, rule 8).
MAX_AGE = {RiskTier.HIGH: 90, RiskTier.MEDIUM: 180, RiskTier.LOW: 365}

#: Days after which what is live is reviewed, and days of grace before it is overdue. "At least annually" is what
#: supervisors ask of models that matter (SR 11-7, section V); a low tier says nothing, and a policy owner may.
REVIEW = {RiskTier.HIGH: (365, 30), RiskTier.MEDIUM: (730, 30), RiskTier.LOW: (None, None)}

#: What a vote of each role is about; its staleness follows from it (contracts/gate.md, rule 7).
BINDS = {
    "validator": ["subject", "data", "use", "evidence", "requirement", "role"],
    "data_steward": ["subject", "data", "privacy", "requirement", "role"],
    "business_owner": ["subject", "use", "requirement", "role"],
    "risk_manager": ["subject", "data", "use", "evidence", "requirement", "role"],
    "compliance_officer": ["subject", "data", "privacy", "use", "requirement", "role"],
}


def _facts() -> list[dict[str, Any]]:
    return [
        {"key": "artifact", "kind": "artifact", "title": "Artifact identified by its digest"},
        {"key": "provenance", "kind": "provenance", "title": "Origin of all data on record"},
        {"key": "terms", "kind": "terms", "title": "Terms of all data permit the purpose"},
        {"key": "sensitive-data", "kind": "sensitivity", "title": "Sensitive data reviewed and lawful"},
        {"key": "findings", "kind": "findings", "title": "No open blocking finding"},
    ]


def _evidence(kind: str, tier: RiskTier, *, independent: bool = False) -> dict[str, Any]:
    params: dict[str, Any] = {"plan_kind": kind, "max_age_days": MAX_AGE[tier]}
    title = f"Evidence on {kind}"
    if independent:
        params["independent"] = True
        title = f"Independent evidence on {kind}"
    return {"key": f"evidence-{kind.replace('_', '-')}", "kind": "evidence", "title": title, "params": params}


def _sign_off(key: str, role: str, title: str, *, count: int = 1, veto: bool = False) -> dict[str, Any]:
    params: dict[str, Any] = {"role": role, "count": count, "veto": veto}
    return {"key": key, "kind": "signoff", "title": title, "params": params, "binds": BINDS[role]}


_VALIDATOR = _sign_off("validator", "validator", "Independent validator")
_STEWARD = _sign_off("data-steward", "data_steward", "Data steward")
_RISK = _sign_off("risk", "risk_manager", "Risk manager")

SIGNATURES: dict[RiskTier, list[dict[str, Any]]] = {
    RiskTier.HIGH: [
        _VALIDATOR,
        _STEWARD,
        _sign_off("business-owner", "business_owner", "Business owner"),
        _sign_off("risk", "risk_manager", "Two risk managers", count=2),
        _sign_off("compliance", "compliance_officer", "Compliance, with veto", veto=True),
    ],
    RiskTier.MEDIUM: [_VALIDATOR, _STEWARD, _RISK],
    RiskTier.LOW: [_RISK],
}
EVIDENCE: dict[RiskTier, list[dict[str, Any]]] = {
    RiskTier.HIGH: [
        _evidence("performance", RiskTier.HIGH, independent=True),
        _evidence("fairness", RiskTier.HIGH),
    ],
    RiskTier.MEDIUM: [_evidence("performance", RiskTier.MEDIUM)],
    RiskTier.LOW: [_evidence("performance", RiskTier.LOW)],
}


def _response(fallback: str, hours: int = 0, confirm: str | None = None) -> dict[str, Any]:
    return {"notice_hours": hours, "confirm": confirm, "fallback": fallback}


#: What is done when a fact changes under what is live. The more a model decides about people, the sooner it stops. What
#: decides about nobody (staging) keeps serving, flagged.
RESPONSES: dict[RiskTier, dict[str, Any]] = {
    RiskTier.HIGH: {
        "terms_withdrawn": _response("last_good"),
        "terms_narrowed": _response("last_good", 24, "compliance_officer"),
        "flag_raised": _response("last_good", 72, "compliance_officer"),
        "source_recalled": _response("last_good"),
        "evidence_failed": _response("last_good", 72, "risk_manager"),
        "finding_raised": _response("last_good", 24, "risk_manager"),
        "review_overdue": _response("stop", 168, "risk_manager"),
        "digest_contradicted": _response("last_good", 24, "risk_manager"),
        "lineage_corrected": _response("last_good", 72, "risk_manager"),
        "use_changed": _response("stop", 72, "compliance_officer"),
    },
    RiskTier.MEDIUM: {
        "terms_withdrawn": _response("last_good", 24, "compliance_officer"),
        "terms_narrowed": _response("last_good", 72, "compliance_officer"),
        "flag_raised": _response("last_good", 168, "data_steward"),
        "source_recalled": _response("last_good"),
        "evidence_failed": _response("last_good", 168, "risk_manager"),
        "finding_raised": _response("last_good", 72, "risk_manager"),
        "review_overdue": _response("stop", 336, "risk_manager"),
        "digest_contradicted": _response("last_good", 72, "risk_manager"),
        "lineage_corrected": _response("last_good", 168, "risk_manager"),
        "use_changed": _response("stop", 168, "compliance_officer"),
    },
    RiskTier.LOW: {
        "terms_withdrawn": _response("last_good", 72, "compliance_officer"),
        "source_recalled": _response("last_good", 24, "risk_manager"),
        "digest_contradicted": _response("last_good", 72, "risk_manager"),
    },
}


@action
def load_default_policies(*, actor: Principal, reason: str) -> list[PolicyVersion]:
    """Make the default environments and publish the default policies, where absent. Under the owner's login.

    Returns:
        the policy versions that are new.
    """
    made = []
    for fields in ENVIRONMENTS:
        environment = Environment.objects.filter(name=fields["name"]).first() or Environment.objects.create(**fields)
        for tier in RiskTier:
            if Policy.objects.filter(environment=environment, risk_tier=tier, namespace=None).exists():
                continue
            signatures = SIGNATURES[tier] if environment.live_traffic else []
            version = write_version(
                environment, tier, None, check_requirements([*_facts(), *EVIDENCE[tier], *signatures]),
                "Default of a first start", checked_responses(RESPONSES[tier] if environment.live_traffic else {}), "",
                *(REVIEW[tier] if environment.live_traffic else (None, None)),
            )  # fmt: skip
            PolicyPublication.objects.create(policy_version=version)
            made.append(version)
    return made
