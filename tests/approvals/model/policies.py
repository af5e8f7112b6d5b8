"""Who judges in histories, and what the policies of each tier may ask of them."""

from typing import Any

from tests.approvals.model.rules import Asked, Measured, NoFindings, Text

RISK, VALIDATOR, COMPLIANCE = "risk_manager", "validator", "compliance_officer"
BUSINESS, STEWARD, OWNER = "business_owner", "data_steward", "model_owner"
#: Who judges, with which roles: overlapping, so that filling places is a question.
PEOPLE: dict[str, tuple[str, ...]] = {
    "r0": (RISK, VALIDATOR),
    "r1": (RISK, COMPLIANCE, OWNER),
    "r2": (VALIDATOR, STEWARD, OWNER),
    "r3": (COMPLIANCE, BUSINESS),
    "r4": (BUSINESS, RISK),
    "r5": (STEWARD, VALIDATOR, BUSINESS),
    "r6": (RISK, STEWARD, OWNER),
    "r7": (RISK, VALIDATOR, COMPLIANCE, BUSINESS, STEWARD),
}
ROLES = (RISK, VALIDATOR, COMPLIANCE, BUSINESS, STEWARD)


def asked(key: str, role: str, *binds: str, **more: Any) -> Asked:
    """A requirement."""
    return Asked(key=key, role=role, binds=frozenset(binds), title=more.pop("title", key), **more)


_BASE = {
    one.key: one
    for one in (
        asked("risk", RISK, "subject", "data", "privacy", "use", count=2),
        asked("validator", VALIDATOR, "evidence"),
        asked("compliance", COMPLIANCE, "privacy", veto=True),
        asked("business", BUSINESS, "use"),
        asked("steward", STEWARD, "data"),
        asked("second", RISK, "subject"),
    )
}


FRESH, FRESHER, ANYBODY = Measured(150, independent=True), Measured(100, independent=True), Measured(150)


def _with(*changed: Asked, without: tuple[str, ...] = (), measured: Measured = FRESH) -> list[Text]:
    texts = {**_BASE, **{one.key: one for one in changed}}
    return [*(one for key, one in texts.items() if key not in without), measured, NoFindings()]


_VETO = asked("business", BUSINESS, "use", "evidence", veto=True)
#: What a tier's policy may ask; the first of each is in force when a history begins.
POLICIES: dict[str, list[list[Text]]] = {
    "high": [
        _with(),
        _with(asked("compliance", COMPLIANCE, "privacy", veto=False), measured=FRESHER),
        _with(asked("risk", RISK, "subject", "data", "privacy", "use", count=1), without=("second",)),
        _with(asked("second", RISK, "subject", title="Another pair of eyes"), _VETO, measured=ANYBODY),
    ],
    "medium": [
        _with(_VETO, without=("second", "steward")),
        _with(asked("validator", VALIDATOR, "evidence", "use"), without=("compliance",), measured=FRESHER),
        _with(),
    ],
}
