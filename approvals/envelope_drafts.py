"""A retraining envelope as YAML on a page: written from what a version is, read into what the API's body would be."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from approvals import strict_yaml
from approvals.actions.change_plans import Envelope
from approvals.api.change_plans import ChangePlanWriteSerializer
from approvals.api.policies import environment_named
from approvals.api.yaml_bodies import named_where_it_stands
from approvals.models import Environment, Plan, PlanKind, Requirement, RequirementKind, Slot
from approvals.queries import policy_version_in
from lineage.models import ModelVersion

MONTHS_AHEAD = 12
SHOWN_PLANS = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written."""

    environment: Environment
    slot: Slot
    envelope: Envelope
    reason: str


def draft_of(version: ModelVersion) -> str:
    """YAML to begin with: the version's parameters as they are, a band for each criterion of its plans, every signature
    of the policy in force for the last environment kept."""
    environment = Environment.objects.order_by("-order").first()
    named = environment.name if environment else ""
    trained_on = Q(dataset__versions__input_of__run=version.source_run, dataset__versions__input_of__role="training")
    plans = Plan.objects.filter(
        Q(model=version.model) | trained_on, kind__in=(PlanKind.PERFORMANCE, PlanKind.FAIRNESS, PlanKind.DRIFT)
    ).distinct()
    bands = []
    for plan in plans.prefetch_related("criteria").order_by("-pk")[:SHOWN_PLANS]:
        for one in plan.criteria.all():
            limit = "low" if one.comparator in ("ge", "gt", "eq") else "high"
            band: dict[str, Any] = {"plan": plan.pk, "metric": one.metric, limit: format(one.threshold, "f")}
            bands.append({**band, **({"slice": one.slice} if one.slice else {})})
    policy = policy_version_in(environment, version.model) if environment else None
    keeps = Requirement.objects.filter(policy_version=policy, kind=RequirementKind.SIGNOFF).order_by("position")
    ends = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=365)
    return strict_yaml.write(
        {
            "environment": named,
            "title": f"Retraining of {version.model.name}",
            "parameters": {name: {"one_of": [_plain(value)]} for name, value in sorted(version.parameters.items())},
            "new_data": True,
            "bands": bands,
            "keeps": list(keeps.values_list("key", flat=True)),
            "uses": MONTHS_AHEAD,
            "ends_at": ends.isoformat(),
        }
    )


def _plain(value: Any) -> Any:
    """As text what YAML would not keep digit for digit."""
    return str(value) if isinstance(value, float) else value


def read_draft(text: str | bytes, version: ModelVersion) -> Draft:
    """What a text says. The version is the page's.

    Raises:
        errors.Invalid: each fault with its line and column. errors.TooLarge: too long a text.
    """
    source = strict_yaml.read(text)
    with named_where_it_stands(source):
        body = {**source.value, "model_version": version.pk} if isinstance(source.value, dict) else source.value
        serializer = ChangePlanWriteSerializer(data=body)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        data.pop("model_version")
        reason = str(data.pop("reason", "") or "")
        environment = environment_named(data.pop("environment"))
        return Draft(environment, Slot(data.pop("slot")), Envelope(**data), reason)
