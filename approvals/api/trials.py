"""End points of trials: locked with their plan, assigned by a published rule, counted, looked at, concluded."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import (
    Counted,
    accept_deviation,
    lock_trial,
    look_at_trial,
    record_counts,
    record_deviation,
)
from approvals.api.fields import ActSerializer, ReasonedActSerializer, recorded
from approvals.api.policies import environment_named
from approvals.api.serializers_trials import (
    AcceptanceSerializer,
    AssignmentSerializer,
    AssignmentsSerializer,
    AssignQuery,
    AssignWriteSerializer,
    CountsWriteSerializer,
    DeviationWriteSerializer,
    OfTrialFilters,
    TrialConclusionSerializer,
    TrialCountFilters,
    TrialCountSerializer,
    TrialDeviationSerializer,
    TrialFilters,
    TrialLookSerializer,
    TrialSerializer,
    TrialWriteSerializer,
)
from approvals.models import Arm, Better, MetricKind, Trial, TrialConclusion, TrialCount, TrialDeviation, TrialLook
from approvals.trials import assignment
from approvals.trials.design import Design, Guardrail
from governance import errors
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.serializers import ActReceiptSerializer, ReceiptSerializer
from governance.api.views import RecordViewSet, readable, resolve
from governance.unit_of_work import receipts
from lineage.models import Model


class CountedSerializer(serializers.Serializer[Any]):
    """What became of one count, in the order they were sent."""

    id = serializers.IntegerField(help_text=gettext_lazy("The record's id."))
    created = serializers.BooleanField(help_text=gettext_lazy("false: it stood there already with the same numbers."))
    receipt = ReceiptSerializer()


class CountsSerializer(serializers.Serializer[Any]):
    """What became of all of them."""

    created = serializers.IntegerField(help_text=gettext_lazy("How many are new."))
    receipt = ActReceiptSerializer(allow_null=True, help_text=gettext_lazy("null: nothing was new."))
    results = CountedSerializer(many=True)


class TrialViewSet(RecordViewSet):
    """Trials: A/B tests of a challenger against a champion, planned and locked before they begin."""

    collection = "trials"
    model = Trial
    orderings = ("id", "recorded_at")
    search_fields = ("plan__title", "hypothesis", "metric")
    serializer_class = TrialSerializer
    create_serializer_class = TrialWriteSerializer
    filter_class = TrialFilters
    related = ("plan__namespace", "environment")

    def queryset_for(self, principal: Principal) -> QuerySet[Trial]:
        """With their guardrails."""
        return readable(Trial, principal).prefetch_related("guardrails")

    def create(self, request: Request) -> Response:
        """Lock a trial together with its plan; the sample size is worked out. The same trial again answers 200."""
        data = self.read(TrialWriteSerializer)
        reason = self.reason(data)
        models = readable(Model, self.principal).select_related("namespace")
        model = resolve(models, data.pop("model"), field="model")
        about: dict[str, Any] = {"title": data.pop("title"), "description": data.pop("description")}
        if (owner := data.pop("owner", None)) is not None:
            about["owner"] = resolve(readable_principals(self.principal).filter(is_active=True), owner, field="owner")
        trial, created = lock_trial(
            actor=self.principal, reason=reason, model=model, environment=environment_named(data.pop("environment")),
            design=design_of(data), **about,
        )  # fmt: skip
        return self.written(trial, created=created)

    @extend_schema(methods=["GET"], parameters=[AssignQuery], responses=AssignmentSerializer)
    @extend_schema(methods=["POST"], request=AssignWriteSerializer, responses=AssignmentsSerializer)
    @action(detail=True, methods=["get", "post"])
    def assign(self, request: Request, id: str) -> Response:
        """Which arm a unit meets, or many units (POST). A published rule: whoever has the key computes it alone."""
        trial = self.find(id)
        if request.method == "POST":
            units = self.read(AssignWriteSerializer)["units"]
            found = [{"unit": unit, "arm": _arm(trial, unit)} for unit in units]
            answer = {
                "rule": assignment.RULE, "key": trial.key, "challenger_share": trial.challenger_share, "results": found,
            }  # fmt: skip
            return Response(AssignmentsSerializer(answer).data)
        query = AssignQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        unit = query.validated_data["unit"]
        return Response(AssignmentSerializer({"unit": unit, "arm": _arm(trial, unit)}).data)

    @extend_schema(request=CountsWriteSerializer, responses={201: CountsSerializer, 200: CountsSerializer})
    @action(detail=True, methods=["post"])
    def counts(self, request: Request, id: str) -> Response:
        """Record what the arms counted, all of it or none. The same counts again answer 200."""
        trial = self.find(id)
        data = self.read(CountsWriteSerializer)
        reason = self.reason(data)
        given = [Counted(**{**one, "arm": Arm(one["arm"])}) for one in data["counts"]]
        made = record_counts(actor=self.principal, reason=reason, trial=trial, counts=given)
        told = receipts([count for count, _created in made])
        rows = [{"id": one.pk, "created": created, "receipt": told[one]} for one, created in made]
        new = [row for row in rows if row["created"]]
        answer = {"created": len(new), "receipt": new[-1]["receipt"] if new else None, "results": rows}
        return Response(CountsSerializer(answer).data, status=201 if new else 200)

    @act(ActSerializer, answer=TrialLookSerializer, creates=True, repeats=True)
    def look(self, request: Request, id: str) -> Response:
        """Work out what the counts say so far, on record. Nothing new since the last look: that one is answered."""
        trial = self.find(id)
        reason = self.reason(self.read(ActSerializer))
        look, created = look_at_trial(actor=self.principal, reason=reason, trial=trial)
        return recorded(look, TrialLookSerializer, created=created)

    @act(DeviationWriteSerializer, path="deviations", answer=TrialDeviationSerializer, creates=True)
    def deviations(self, request: Request, id: str) -> Response:
        """Put on record that something went otherwise than planned."""
        trial = self.find(id)
        data = self.read(DeviationWriteSerializer)
        reason = self.reason(data)
        kind = TrialDeviation.Kind(data.pop("kind"))
        made = record_deviation(actor=self.principal, reason=reason, trial=trial, kind=kind, **data)
        return recorded(made, TrialDeviationSerializer)

    @act(ActSerializer, answer=TrialConclusionSerializer, creates=True, repeats=True)
    def conclude(self, request: Request, id: str) -> Response:
        """End the counting and record what it shows as evidence. A concluded trial answers 200 with its conclusion."""
        trial = self.find(id)
        reason = self.reason(self.read(ActSerializer))
        made, created = conclude_trial(actor=self.principal, reason=reason, trial=trial)
        return recorded(made, TrialConclusionSerializer, created=created)


def _arm(trial: Trial, unit: str) -> str:
    try:
        return assignment.arm_of(trial.key, trial.challenger_share, unit)
    except ValueError:
        sentence = _("This is no text that has a UTF-8 form.")
        raise errors.Invalid(sentence, errors={"unit": [sentence]}) from None


def design_of(data: dict[str, Any]) -> Design:
    """What a body plans."""
    guardrails = [
        Guardrail(
            metric=one["metric"], metric_kind=MetricKind(one["metric_kind"]), better=Better(one["better"]),
            margin=one["margin"],
        )
        for one in data.pop("guardrails")
    ]  # fmt: skip
    typed: dict[str, Any] = {
        "metric_kind": MetricKind(data.pop("metric_kind")), "better": Better(data.pop("better")),
        "sides": Trial.Sides(data.pop("sides")), "spending": Trial.Spending(data.pop("spending")),
    }  # fmt: skip
    for name in ("alpha", "power", "challenger_share"):
        data[name] = Decimal(data[name])
    return Design(guardrails=guardrails, **typed, **data)


class TrialCountViewSet(RecordViewSet):
    """Counts of trials. They are recorded at their trial."""

    collection = "trial-counts"
    model = TrialCount
    orderings = ("id", "recorded_at")
    serializer_class = TrialCountSerializer
    filter_class = TrialCountFilters
    related = ("guardrail",)


class TrialLookViewSet(RecordViewSet):
    """Looks at running trials: who looked, and what there was to see."""

    collection = "trial-looks"
    model = TrialLook
    orderings = ("id", "recorded_at")
    serializer_class = TrialLookSerializer
    filter_class = OfTrialFilters


class TrialConclusionViewSet(RecordViewSet):
    """Conclusions of trials. Whether they are good is the verdict of their evidence."""

    collection = "trial-conclusions"
    model = TrialConclusion
    orderings = ("id", "recorded_at")
    serializer_class = TrialConclusionSerializer
    filter_class = OfTrialFilters
    related = ("trial",)

    def queryset_for(self, principal: Principal) -> QuerySet[TrialConclusion]:
        """With the evidence under their plans."""
        return readable(TrialConclusion, principal).prefetch_related("trial__plan__evidence")


class TrialDeviationViewSet(RecordViewSet):
    """Deviations from trials' plans, and their acceptance by someone else."""

    collection = "trial-deviations"
    model = TrialDeviation
    orderings = ("id", "recorded_at")
    search_fields = ("text",)
    serializer_class = TrialDeviationSerializer
    filter_class = OfTrialFilters
    related = ("acceptance",)

    @act(ReasonedActSerializer, answer=AcceptanceSerializer, creates=True)
    def accept(self, request: Request, id: str) -> Response:
        """Say that it does not spoil the result: a validator or risk manager who had no hand in it."""
        deviation = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(
            accept_deviation(actor=self.principal, reason=reason, deviation=deviation), AcceptanceSerializer
        )
