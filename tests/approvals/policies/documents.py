"""Policies made up by hypothesis: requirements of every kind, and responses."""

from typing import Any

from hypothesis import strategies as st

from approvals.models import Aspect, PlanKind
from approvals.policies import KINDS
from approvals.responses import CONFIRMERS, Cause, Fallback

ROLES = sorted(["data_steward", "validator", "risk_manager", "compliance_officer", "business_owner", "policy_owner"])
NUMBERS = st.sampled_from(["0", "0.5", "0.50", "0.9", "1", "-3.25", "1e2", "100"])


def criteria() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Bounds on few metrics, so that they meet; some contradict each other."""
    return st.lists(
        st.fixed_dictionaries(
            {"metric": st.sampled_from(["auc", "gap"]), "comparator": st.sampled_from(["ge", "gt", "le", "lt", "eq"]),
             "threshold": NUMBERS},
            optional={"slice": st.sampled_from(["", "women"]), "dataset_role": st.sampled_from(["", "test"])},
        ), max_size=3,
    )  # fmt: skip


PARAMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "artifact": st.fixed_dictionaries({}, optional={"code_commit": st.booleans(), "attestation": st.booleans()}),
    "provenance": st.just({}),
    "terms": st.just({}),
    "sensitivity": st.fixed_dictionaries(
        {}, optional={"forbidden_categories": st.lists(st.sampled_from(["pd:Health", "pd:Income"]), max_size=2, unique=True)}
    ),
    "evidence": st.fixed_dictionaries(
        {"plan_kind": st.sampled_from(PlanKind.values[:2])},
        optional={
            "subject": st.sampled_from(["model", "data"]), "independent": st.booleans(),
            "max_age_days": st.sampled_from([None, 1, 90, 3650]),
            "trusted_reporters": st.lists(st.sampled_from(["lab", "scanner"]), max_size=2, unique=True),
            "criteria": criteria(),
        },
    ),
    "signoff": st.fixed_dictionaries(
        {"role": st.sampled_from(ROLES[:3])}, optional={"count": st.integers(1, 3), "veto": st.booleans()}
    ),
    "findings": st.just({}),
}  # fmt: skip


@st.composite
def requirements(draw: st.DrawFn, *, least: int = 0, most: int = 4) -> list[dict[str, Any]]:
    """Requirements with keys of their own; a key mostly has the same kind, so that two policies can be compared."""
    keys = draw(st.lists(st.sampled_from([*KINDS, "extra"]), unique=True, min_size=least, max_size=most))
    made = []
    for key in keys:
        kind = key if key in KINDS else draw(st.sampled_from(["signoff", "artifact"]))
        binds = draw(st.lists(st.sampled_from(Aspect.values), unique=True, min_size=1)) if kind == "signoff" else []
        made.append({"key": key, "kind": kind, "params": draw(PARAMS[kind]), "binds": sorted(binds)})
    return made


@st.composite
def response(draw: st.DrawFn) -> dict[str, Any]:
    hours = draw(st.sampled_from([0, 24, 72]))
    confirm = draw(st.sampled_from([None, *sorted(CONFIRMERS)[:2]])) if hours else None
    return {"notice_hours": hours, "confirm": confirm, "fallback": draw(st.sampled_from(Fallback.values))}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy as `muniment.looser_than` reads it."""
    causes = draw(st.lists(st.sampled_from(Cause.values[:2]), unique=True))
    days = draw(st.sampled_from([None, 30, 90]))
    return {
        "requirements": draw(requirements()),
        "responses": {cause: draw(response()) for cause in causes},
        "review_days": days,
        "review_grace_days": draw(st.sampled_from([None, 0, 7])) if days else None,
    }
