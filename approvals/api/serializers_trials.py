"""Bodies and answers of trials: what is planned, counted, looked at and concluded."""

from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import ExactNumberSerializerField, named
from approvals.models import (
    Arm,
    Better,
    MetricKind,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialDeviation,
    TrialDeviationAcceptance,
    TrialGuardrail,
    TrialLook,
)
from approvals.trials.assignment import MAX_UNIT
from governance.api.fields import ExactJSONField, IdField, MomentField, NameField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer

MAX_ASSIGNED = 10_000  # units of one call


class GuardrailSerializer(StrictModelSerializer):
    """A metric that must not get worse by its margin or more."""

    margin = ExactNumberSerializerField()

    class Meta:
        model = TrialGuardrail
        fields = ("metric", "metric_kind", "better", "margin")
        read_only_fields = fields


class TrialSerializer(StrictModelSerializer):
    """A trial as it is locked, and when it runs."""

    namespace = named(source="plan.namespace")
    model: Any = serializers.PrimaryKeyRelatedField(source="plan.model", read_only=True)
    title = serializers.CharField(source="plan.title", read_only=True)
    environment = named()
    guardrails = GuardrailSerializer(many=True, read_only=True)
    minimum_effect = ExactNumberSerializerField()
    baseline = ExactNumberSerializerField()
    baseline_sd = ExactNumberSerializerField(allow_null=True)
    alpha = ExactNumberSerializerField()
    power = ExactNumberSerializerField()
    challenger_share = ExactNumberSerializerField()

    class Meta:
        model = Trial
        fields = (
            *("id", "namespace", "plan", "model", "title", "environment", "key", "hypothesis", "metric"),
            *("metric_kind", "better", "sides", "test", "minimum_effect", "baseline", "baseline_sd", "alpha", "power"),
            *("challenger_share", "units_per_day", "looks", "spending", "champion_units", "challenger_units"),
            *("expected_days", "guardrails", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class GuardrailWriteSerializer(StrictSerializer):
    """A metric to guard."""

    metric = NameField()
    metric_kind = serializers.ChoiceField(choices=MetricKind.choices)
    better = serializers.ChoiceField(choices=Better.choices)
    margin = ExactNumberSerializerField(help_text=_("How much worse would still be borne, in its unit, above 0."))


class TrialWriteSerializer(WriteSerializer):
    """A trial to lock together with its plan. The sample size is worked out."""

    model = IdField()
    environment = NameField(help_text=_("Where champion and challenger will serve side by side."))
    title = NameField()
    description = TextField(required=False, default="", allow_blank=True)
    owner = IdField(required=False, help_text=_("Who answers for the plan; left out, you."))
    hypothesis = TextField(help_text=_("What the challenger is expected to do better, and why."))
    metric = NameField()
    metric_kind = serializers.ChoiceField(choices=MetricKind.choices)
    better = serializers.ChoiceField(choices=Better.choices)
    sides = serializers.ChoiceField(choices=Trial.Sides.choices, required=False, default=Trial.Sides.TWO)
    minimum_effect = ExactNumberSerializerField(help_text=_("Smallest absolute difference worth finding, above 0."))
    baseline = ExactNumberSerializerField(help_text=_("The champion's rate or mean as expected."))
    baseline_sd = ExactNumberSerializerField(required=False, allow_null=True, default=None)
    alpha = ExactNumberSerializerField(required=False, default="0.05")
    power = ExactNumberSerializerField(required=False, default="0.8")
    challenger_share = ExactNumberSerializerField(required=False, default="0.5")
    units_per_day = serializers.IntegerField(min_value=1, max_value=10**12)
    looks = serializers.IntegerField(min_value=1, max_value=10, required=False, default=1)
    spending = serializers.ChoiceField(choices=Trial.Spending.choices, required=False, default=Trial.Spending.NONE)
    guardrails = GuardrailWriteSerializer(many=True, required=False, default=list)


class TrialFilters(FilterSerializer):
    """Of trials."""

    namespace = serializers.CharField(required=False, source="plan__namespace__name")
    model = IdField(required=False, source="plan__model_id")
    plan = IdField(required=False)
    environment = serializers.CharField(required=False, source="environment__name")
    metric = serializers.CharField(required=False)


class AssignQuery(StrictSerializer):
    """The unit that is asked about."""

    unit = serializers.CharField(
        max_length=MAX_UNIT, trim_whitespace=False, allow_blank=True, help_text=_("Id of the unit, as counted.")
    )


class AssignWriteSerializer(StrictSerializer):
    """Units to assign. Nothing is recorded: the answer follows from the trial's key alone."""

    units = serializers.ListField(
        child=serializers.CharField(max_length=MAX_UNIT, trim_whitespace=False, allow_blank=True),
        min_length=1,
        max_length=MAX_ASSIGNED,
    )


class AssignmentSerializer(serializers.Serializer[Any]):
    """The arm that a unit meets."""

    unit = serializers.CharField()
    arm = serializers.ChoiceField(choices=Arm.choices)


class AssignmentsSerializer(serializers.Serializer[Any]):
    """The arms that units meet, in the order asked."""

    rule = serializers.CharField(help_text=_("Name of the published rule (docs/trials.md)."))
    key = serializers.CharField(help_text=_("The trial's, for who computes it themselves."))
    challenger_share = ExactNumberSerializerField()
    results = AssignmentSerializer(many=True)


class TrialCountSerializer(StrictModelSerializer):
    """What one arm counted of one metric in a window."""

    guardrail: Any = serializers.SlugRelatedField(slug_field="metric", read_only=True, allow_null=True)
    total = ExactNumberSerializerField()
    squares = ExactNumberSerializerField(allow_null=True)

    class Meta:
        model = TrialCount
        fields = (
            *("id", "trial", "arm", "guardrail", "window_start", "window_end", "units", "total", "squares"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class CountWriteSerializer(StrictSerializer):
    """What one arm counted of one metric in a window."""

    arm = serializers.ChoiceField(choices=Arm.choices)
    guardrail = NameField(
        required=False, default="", allow_blank=True, help_text=_("The guardrail's metric; left out: the primary one.")
    )
    window_start = MomentField(help_text=_("First moment of the window."))
    window_end = MomentField(help_text=_("First moment after the window."))
    units = serializers.IntegerField(min_value=0, max_value=10**12, help_text=_("Each unit once, where it came first."))
    total = ExactNumberSerializerField(help_text=_("Units with success, or the sum over the units."))
    squares = ExactNumberSerializerField(
        required=False, allow_null=True, default=None, help_text=_("Sum of squares over the units; of a mean only.")
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A window has a length."""
        if attrs["window_end"] <= attrs["window_start"]:
            raise serializers.ValidationError({"window_end": [_now("After the window's first moment.")]})
        return attrs


class CountsWriteSerializer(WriteSerializer):
    """Counts to record, all of them or none."""

    counts = serializers.ListField(child=CountWriteSerializer(), min_length=1, max_length=1000)


class TrialCountFilters(FilterSerializer):
    """Of counts."""

    trial = IdField(required=False)
    arm = serializers.ChoiceField(choices=Arm.choices, required=False)


class TrialLookSerializer(StrictModelSerializer):
    """What the counts said when somebody looked."""

    result = ExactJSONField(read_only=True)

    class Meta:
        model = TrialLook
        fields = (
            *("id", "trial", "through", "counts_through", "champion_units", "challenger_units", "result"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class TrialConclusionSerializer(StrictModelSerializer):
    """What a trial showed. Whether that is good is the verdict of its evidence."""

    result = ExactJSONField(read_only=True)
    evidence = serializers.SerializerMethodField(help_text=_("Id of the evidence under the trial's plan."))

    class Meta:
        model = TrialConclusion
        fields = (
            *("id", "trial", "through", "counts_through", "champion_units", "challenger_units", "result", "evidence"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields

    def get_evidence(self, conclusion: TrialConclusion) -> int | None:
        """The only one there is under the plan."""
        found = [one.pk for one in conclusion.trial.plan.evidence.all()]
        return found[0] if found else None


class OfTrialFilters(FilterSerializer):
    """Of what belongs to a trial."""

    trial = IdField(required=False)


class AcceptanceSerializer(StrictModelSerializer):
    """Why a deviation does not spoil the result."""

    class Meta:
        model = TrialDeviationAcceptance
        fields = ("id", "deviation", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class TrialDeviationSerializer(StrictModelSerializer):
    """Something that went otherwise than planned."""

    acceptance = AcceptanceSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = TrialDeviation
        fields = ("id", "trial", "kind", "text", "happened_at", "acceptance", "recorded_at", "recorded_by")
        read_only_fields = fields


class DeviationWriteSerializer(WriteSerializer):
    """Something that went otherwise than planned."""

    kind = serializers.ChoiceField(choices=TrialDeviation.Kind.choices)
    text = TextField(max_length=2000, help_text=_("What was otherwise, and why."))
    happened_at = MomentField(help_text=_("When it began."))
