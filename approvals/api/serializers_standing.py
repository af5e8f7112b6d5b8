"""What GET /api/v1/promotions/{id}/monitoring answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import ExactNumberSerializerField
from approvals.models import Comparator
from governance.api.moments import PastMomentField
from governance.api.serializers import FilterSerializer


class MonitoringQuery(FilterSerializer):
    """As of when, and how far back."""

    own = frozenset({"format"})
    as_of = PastMomentField(required=False, help_text=_("What was on record then; left out: now."))
    since = PastMomentField(required=False, help_text=_("Windows that ended after it; left out: all."))


class PointSerializer(serializers.Serializer[Any]):
    """One or more windows rolled into a point of a line."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    low = ExactNumberSerializerField(help_text=_("The smallest value in them."))
    high = ExactNumberSerializerField(help_text=_("The largest value in them."))
    last = ExactNumberSerializerField(help_text=_("The value of the last of them."))
    ci_low = ExactNumberSerializerField(allow_null=True)
    ci_high = ExactNumberSerializerField(allow_null=True)
    crossed = serializers.BooleanField(help_text=_("A value in them does not meet the limit."))
    gap = serializers.BooleanField(help_text=_("Time before it, or in it, of which no window tells."))


class LineSerializer(serializers.Serializer[Any]):
    """A metric against its limit."""

    metric = serializers.CharField()
    slice = serializers.CharField(allow_blank=True)
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = ExactNumberSerializerField()
    unit = serializers.CharField(allow_blank=True)
    points = PointSerializer(many=True)


class CoveredSerializer(serializers.Serializer[Any]):
    """Predictions, and how many of them have a label by then."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    predictions = serializers.IntegerField()
    labelled = serializers.IntegerField()


class PlanStandingSerializer(serializers.Serializer[Any]):
    """What was observed under one plan."""

    plan = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    windows = serializers.IntegerField()
    bad = serializers.IntegerField(help_text=_("Windows whose latest verdict is bad."))
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True, help_text=_("End of the last window."))
    expected_by = serializers.DateTimeField(
        allow_null=True, help_text=_("When a window should have ended that never came; null: none is missing.")
    )
    findings = serializers.ListField(child=serializers.IntegerField(), help_text=_("Breaches that are open."))
    lines = LineSerializer(many=True)
    coverage = CoveredSerializer(many=True)


class SumSerializer(serializers.Serializer[Any]):
    """Money summed up to a moment."""

    at = serializers.DateTimeField()
    value = ExactNumberSerializerField()
    development = ExactNumberSerializerField()
    deployment = ExactNumberSerializerField()
    running = ExactNumberSerializerField()
    net = ExactNumberSerializerField(help_text=_("Value less all cost."))


class MoneyStandingSerializer(serializers.Serializer[Any]):
    """The model's value against its cost."""

    currency = serializers.CharField()
    paid_back = serializers.DateTimeField(
        allow_null=True,
        help_text=_("Since when value has covered cost without falling short again; null: it does not."),
    )
    sums = SumSerializer(many=True)


class MonitoringSerializer(serializers.Serializer[Any]):
    """How a promotion is doing, from the three viewpoints."""

    promotion = serializers.IntegerField()
    at = serializers.DateTimeField()
    plans = PlanStandingSerializer(many=True)
    money = MoneyStandingSerializer(allow_null=True, help_text=_("null: the model has no currency on record."))
