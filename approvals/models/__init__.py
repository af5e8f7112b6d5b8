"""What the rows are. Source terms stand in the fields' help texts, in brackets."""

from approvals.models.checks import BaselineReason, DataCheck, ExpectationPlan
from approvals.models.environments import Environment, ObserveOnlyChange, ObserveOnlyConfirmation, Slot
from approvals.models.evidence import Claim, Evidence, EvidenceAnswer, EvidenceSource, EvidenceValue, Verdict
from approvals.models.findings import Finding, FindingEvent
from approvals.models.onboarding import (
    AsFound,
    AsFoundEnd,
    OnboardingClosure,
    OnboardingConfirmation,
    OnboardingWindow,
)
from approvals.models.plans import Comparator, Plan, PlanCriterion, PlanKind
from approvals.models.policies import (
    Aspect,
    Policy,
    PolicyLapse,
    PolicyPublication,
    PolicyVersion,
    Requirement,
    RequirementKind,
)
from approvals.models.promotions import GateDecision, LiveSlot, Promotion, PromotionEnd, RefusedAttempt
from approvals.models.releases import (
    OVERSEEING_CONFLICTS,
    ConflictOfInterest,
    ReauthenticationMethod,
    Release,
    ReleaseClosure,
    SignOff,
    SignOffWithdrawal,
    VetoLift,
    Vote,
)
from approvals.models.serving import ServingNotice, ServingNoticeEnd

__all__ = [
    "OVERSEEING_CONFLICTS",
    "AsFound",
    "AsFoundEnd",
    "Aspect",
    "BaselineReason",
    "Claim",
    "Comparator",
    "ConflictOfInterest",
    "DataCheck",
    "Environment",
    "Evidence",
    "EvidenceAnswer",
    "EvidenceSource",
    "EvidenceValue",
    "ExpectationPlan",
    "Finding",
    "FindingEvent",
    "GateDecision",
    "LiveSlot",
    "ObserveOnlyChange",
    "ObserveOnlyConfirmation",
    "OnboardingClosure",
    "OnboardingConfirmation",
    "OnboardingWindow",
    "Plan",
    "PlanCriterion",
    "PlanKind",
    "Policy",
    "PolicyLapse",
    "PolicyPublication",
    "PolicyVersion",
    "Promotion",
    "PromotionEnd",
    "ReauthenticationMethod",
    "RefusedAttempt",
    "Release",
    "ReleaseClosure",
    "Requirement",
    "RequirementKind",
    "ServingNotice",
    "ServingNoticeEnd",
    "SignOff",
    "SignOffWithdrawal",
    "Slot",
    "Verdict",
    "VetoLift",
    "Vote",
]
