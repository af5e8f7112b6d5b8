"""Records for the rows on intake, on bringing in what exists, and on retraining envelopes."""

import datetime
from typing import Any

from django.utils import timezone

from approvals import strict_yaml
from approvals.actions.change_plans import Envelope, propose_change_plan
from approvals.actions.imports import import_inventory, prepare_import
from approvals.actions.onboarding import ask_for_window, confirm_window
from approvals.models import AsFound, ChangePlan, OnboardingWindow
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import (
    ImportDraft,
    Intake,
    IntakeDecision,
    InventoryImport,
    Model,
    ModelVersion,
    RiskQuestionSet,
    TierOverride,
)
from lineage.risk import QUESTIONS
from tests.approvals.world import World
from tests.permission_table.row import WHY


def onboarding_window(w: World) -> OnboardingWindow:
    """A window that a policy owner asked for."""
    until = timezone.now() + datetime.timedelta(days=30)
    return ask_for_window(actor=w.cast.policy, namespace=w.cast.retail, until=until, **WHY)


def entry_as_found(w: World) -> AsFound:
    """A model of its own, found in production: of the world's, the gate may have been asked."""
    window = onboarding_window(w)
    confirm_window(actor=w.cast.policy2, window=window, **WHY)
    with recorded_action(actor=w.cast.admin, **WHY):
        model = Model.objects.create(namespace=w.cast.retail, name="found-there")
        version = ModelVersion.objects.create(model=model, artifact_uri="s3://models/found")
        return AsFound.objects.create(
            window=window, model=model, model_version=version, environment=w.production, slot="champion",
            since=timezone.now() - datetime.timedelta(days=400), govern_by=timezone.now() + datetime.timedelta(days=60),
        )  # fmt: skip


def draft(w: World) -> ImportDraft:
    """A file that the owner sent, one row of it faulty."""
    return prepare_import(
        actor=w.cast.owner, namespace=w.cast.retail, content=b"name,personal_data\nfound,yes\nodd,perhaps\n",
        name="inventory.csv", format="csv",
    )  # fmt: skip


def inventory_import(w: World) -> InventoryImport:
    """What came of it."""
    return import_inventory(actor=w.cast.owner, draft=draft(w), whole=False, **WHY)


def intake(w: World, *, accepted: bool = False) -> Intake:
    """A proposal of the owner's."""
    made = actions.propose_model(
        actor=w.cast.owner, namespace=w.cast.retail, name="proposed", description="Scores", business_case="Faster",
        intended_purpose="dpv:CreditChecking", deployment_geography=["DE"], affected="Applicants",
        expected_data="Loans", owner=w.cast.owner, risk_answers=dict.fromkeys(QUESTIONS, False), **WHY,
    )  # fmt: skip
    if accepted:
        actions.decide_intake(actor=w.cast.risk2, intake=made, kind=IntakeDecision.Kind.ACCEPTED, **WHY)
    return made


def question_set(_w: World) -> RiskQuestionSet:
    """The first wording."""
    return RiskQuestionSet.objects.order_by("number")[0]


def override(w: World, *, tier: str = "low", reason: str = "Only a pilot") -> dict[str, Any]:
    """What a risk manager sends to sign another tier, password excepted."""
    shown = actions.override_statement(actor=w.cast.risk, model=w.model, tier=tier, reason=reason)
    return {"model": w.model.pk, "tier": tier, "reason": reason, "statement_digest": shown.digest}


def tier_override(w: World) -> TierOverride:
    """One that is signed."""
    return actions.override_tier(
        actor=w.cast.risk, reauthenticated_at=timezone.now(), **{**override(w), "model": w.model}
    )  # fmt: skip


def envelope_body(w: World) -> dict[str, Any]:
    """An envelope of the version as the API takes it."""
    return {
        "model_version": w.version.pk, "environment": "production", "title": "Monthly retraining",
        "bands": [{"plan": w.plan(title="The envelope's plan").pk, "metric": "accuracy", "low": "0.9"}], "uses": 3,
        "ends_at": (timezone.now() + datetime.timedelta(days=90)).isoformat(),
    }  # fmt: skip


def envelope_text(w: World) -> str:
    """The same as YAML."""
    body = {name: value for name, value in envelope_body(w).items() if name != "model_version"}
    return strict_yaml.write(body)


def change_plan(w: World) -> ChangePlan:
    """One that is proposed."""
    body = envelope_body(w)
    envelope = Envelope(
        title=body["title"], bands=body["bands"], uses=body["uses"],
        ends_at=datetime.datetime.fromisoformat(body["ends_at"]),
    )  # fmt: skip
    return propose_change_plan(
        actor=w.cast.owner, model_version=w.version, environment=w.production, envelope=envelope, **WHY
    )[0]
