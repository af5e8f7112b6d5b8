"""A retraining envelope on a page: begun from what a version is; form and YAML are read into the API's body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from approvals import strict_yaml
from approvals.actions.change_plans import Envelope
from approvals.api.change_plans import ChangePlanWriteSerializer
from approvals.api.policies import environment_named
from approvals.api.yaml_bodies import named_where_it_stands
from approvals.models import Environment, Plan, PlanKind, Requirement, RequirementKind, Slot
from approvals.queries import policy_version_in
from governance import errors
from governance.api.errors import flat
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


def draft_of(version: ModelVersion) -> dict[str, Any]:
    """An envelope to begin with: the version's parameters as they are, a band for each criterion of its plans, every
    signature of the policy in force for the last environment kept."""
    environment = Environment.objects.order_by("-order").first()
    kinds = (PlanKind.PERFORMANCE, PlanKind.FAIRNESS, PlanKind.DRIFT)
    bands = []
    for plan in plans_of(version).filter(kind__in=kinds).prefetch_related("criteria")[:SHOWN_PLANS]:
        for one in plan.criteria.all():
            limit = "low" if one.comparator in ("ge", "gt", "eq") else "high"
            band: dict[str, Any] = {"plan": plan.pk, "metric": one.metric, limit: format(one.threshold, "f")}
            bands.append({**band, **({"slice": one.slice} if one.slice else {})})
    ends = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=365)
    return {
        "environment": environment.name if environment else "",
        "title": f"Retraining of {version.model.name}",
        "parameters": {name: {"one_of": [_plain(value)]} for name, value in sorted(version.parameters.items())},
        "new_data": True,
        "bands": bands,
        "keeps": [one.key for one in signatures_asked(version, environment)],
        "uses": MONTHS_AHEAD,
        "ends_at": ends.isoformat(),
    }


def plans_of(version: ModelVersion) -> QuerySet[Plan]:
    """The plans that a band may be on, newest first: on the model, and on what the version was trained on."""
    trained_on = Q(dataset__versions__input_of__run=version.source_run, dataset__versions__input_of__role="training")
    return Plan.objects.filter(Q(model=version.model) | trained_on).distinct().order_by("-pk")


def signatures_asked(
    version: ModelVersion, environment: Environment | None, slot: str = Slot.CHAMPION
) -> list[Requirement]:
    """The signatures that the policy in force for a place asks for, in its order."""
    policy = policy_version_in(environment, version.model, slot) if environment else None
    return list(
        Requirement.objects.filter(policy_version=policy, kind=RequirementKind.SIGNOFF).order_by("position")
        if policy
        else ()
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
        return _checked(source.value, version)


def checked_draft(document: Mapping[str, Any], version: ModelVersion) -> Draft:
    """What the fields of the form say.

    Raises:
        errors.Invalid: each fault by the path of its field.
    """
    try:
        return _checked(document, version)
    except ValidationError as wrong:
        faults: dict[str, list[str]] = {}
        for path, sentence in flat(wrong.detail):
            faults.setdefault(path, []).append(sentence)
        raise errors.Invalid(_("Mend what is named. Nothing was written."), errors=faults) from wrong


def _checked(document: Any, version: ModelVersion) -> Draft:
    """Raises ValidationError, which names fields as the API does."""
    body = {**document, "model_version": version.pk} if isinstance(document, Mapping) else document
    serializer = ChangePlanWriteSerializer(data=body)
    serializer.is_valid(raise_exception=True)
    data = dict(serializer.validated_data)
    data.pop("model_version")
    reason = str(data.pop("reason", "") or "")
    environment = environment_named(data.pop("environment"))
    return Draft(environment, Slot(data.pop("slot")), Envelope(**data), reason)
