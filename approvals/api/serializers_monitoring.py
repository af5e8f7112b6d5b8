"""Bodies and answers of monitoring."""

from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.actions.monitoring import MAX_WINDOWS
from approvals.api.fields import ExactNumberSerializerField
from approvals.api.serializers_evidence import ValueWriteSerializer
from approvals.models import ModelCurrency, MoneyEntry, MonitoringWindow
from approvals.monitoring.currencies import CURRENCIES
from approvals.monitoring.truth import MAX_BINS, MAX_CLASSES, MAX_COUNT
from governance.api.fields import ExactJSONField, IdField, MomentField, NameField
from governance.api.moments import PastMomentField
from governance.api.serializers import (
    ActReceiptSerializer,
    FilterSerializer,
    ReceiptSerializer,
    StrictModelSerializer,
    StrictSerializer,
    WriteSerializer,
)


def _count(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=MAX_COUNT, **more)


def _counts(**more: Any) -> serializers.ListField:
    return serializers.ListField(child=_count(), max_length=MAX_BINS, **more)


def _numbers(**more: Any) -> serializers.ListField:
    return serializers.ListField(child=ExactNumberSerializerField(), max_length=MAX_BINS + 1, **more)


class ConfusionSerializer(StrictSerializer):
    """Of classes: tp, fp, tn, fn; or, for any number of classes, a square matrix with a row per true class."""

    tp = _count(required=False)
    fp = _count(required=False)
    tn = _count(required=False)
    fn = _count(required=False)
    matrix = serializers.ListField(
        child=serializers.ListField(child=_count(), max_length=MAX_CLASSES), required=False, max_length=MAX_CLASSES
    )


class RegressionSerializer(StrictSerializer):
    """Of numbers: sums over the errors, predicted minus true."""

    n = _count()
    sum_error = ExactNumberSerializerField()
    sum_absolute_error = ExactNumberSerializerField()
    sum_squared_error = ExactNumberSerializerField()
    sum_truth = ExactNumberSerializerField(required=False)
    sum_truth_squared = ExactNumberSerializerField(required=False, help_text=_("With sum_truth: yields r²."))


class ScoresSerializer(StrictSerializer):
    """Of probabilities: how many positives and negatives fall into each bin of the score."""

    edges = _numbers(help_text=_("Of the bins, rising from 0 to 1."))
    positives = _counts()
    negatives = _counts()
    sum_squared_error = ExactNumberSerializerField(required=False, help_text=_("Makes the Brier score exact."))


class DelaySerializer(StrictSerializer):
    """How long labels took: a median in hours, or counts in buckets of hours."""

    median_hours = ExactNumberSerializerField(required=False)
    edges_hours = _numbers(required=False)
    counts = _counts(required=False)


class TruthSerializer(StrictSerializer):
    """Ground truth of a window: everything known by a moment, what was told before included."""

    known_until = MomentField(help_text=_("Between the window's end and now; the latest counts."))
    confusion = ConfusionSerializer(required=False)
    regression = RegressionSerializer(required=False, help_text=_("Sums over the errors of a regression."))
    scores = ScoresSerializer(required=False)
    delay = DelaySerializer(required=False)


class MoneyOfWindowSerializer(StrictSerializer):
    """What a window brought and what running it cost."""

    value = ExactNumberSerializerField(required=False)
    running = ExactNumberSerializerField(required=False)
    currency = serializers.ChoiceField(choices=sorted(CURRENCIES), help_text=_("ISO 4217; the model's own."))


class WindowWriteSerializer(StrictSerializer):
    """A window to report: `predictions`, `truth`, or `values`, with `profile` and `money` beside them if any."""

    promotion = IdField()
    plan = IdField()
    window_start = MomentField()
    window_end = MomentField(help_text=_("The first moment no longer in it."))
    values = serializers.ListField(child=ValueWriteSerializer(), required=False, max_length=1000)
    predictions = _count(required=False, help_text=_("How many were made; truth joins them later."))
    truth = TruthSerializer(required=False)
    profile = ExactJSONField(
        kind=dict,
        required=False,
        help_text=_("Of the window's inputs: a profile document, against the training data's."),
    )
    money = MoneyOfWindowSerializer(required=False)
    tool = NameField(required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One thing at a time, in a window that goes forward."""
        given = [name for name in ("predictions", "truth") if attrs.get(name) is not None]
        if attrs.get("values") or attrs.get("money") or attrs.get("profile"):
            given.append("values")
        if len(given) != 1:
            raise serializers.ValidationError(
                {"values": [_now("Give one of: predictions, truth, values (with profile or money, if any).")]}
            )
        if attrs["window_start"] >= attrs["window_end"]:
            raise serializers.ValidationError({"window_end": [_now("After window_start.")]})
        return attrs


class MonitoringWriteSerializer(WriteSerializer):
    """Windows to report, all of them or none."""

    windows = serializers.ListField(child=WindowWriteSerializer(), min_length=1, max_length=MAX_WINDOWS)


class WindowReportedSerializer(serializers.Serializer[Any]):
    """What became of one window."""

    id = serializers.IntegerField()
    evidence = serializers.IntegerField(allow_null=True, help_text=_("null: predictions are only counted."))
    verdict = serializers.CharField(help_text=_("good, bad or reported; worked out by the server. Empty: none yet."))
    created = serializers.BooleanField(help_text=_("false: it stood there already with the same content."))
    receipt = ReceiptSerializer()


class MonitoringAnswerSerializer(serializers.Serializer[Any]):
    """What became of all of them, in the order they were sent."""

    created = serializers.IntegerField(help_text=_("How many are new."))
    receipt = ActReceiptSerializer(allow_null=True, help_text=_("null: nothing was new, so nothing was written."))
    results = WindowReportedSerializer(many=True)


class PrometheusQuery(FilterSerializer):
    """Of which window the exposition is."""

    own = frozenset({"format"})
    promotion = IdField()
    plan = IdField()
    window_start = PastMomentField()
    window_end = PastMomentField()
    tool = serializers.CharField(required=False, max_length=200)


class WindowSerializer(StrictModelSerializer):
    """A window on record."""

    class Meta:
        model = MonitoringWindow
        fields = (
            *("id", "promotion", "plan", "evidence", "kind", "window_start", "window_end", "known_until"),
            *("predictions", "labelled", "counts", "content_digest", "verdict", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class WindowFilters(FilterSerializer):
    """Of windows."""

    promotion = IdField(required=False)
    plan = IdField(required=False)
    kind = serializers.ChoiceField(choices=MonitoringWindow.Kind.choices, required=False)
    verdict = serializers.ChoiceField(choices=["good", "bad", "reported"], required=False)


class CurrencySerializer(StrictModelSerializer):
    """The currency of a model."""

    namespace = serializers.CharField(source="model.namespace.name", read_only=True)
    model_name = serializers.CharField(source="model.name", read_only=True)

    class Meta:
        model = ModelCurrency
        fields = ("id", "namespace", "model", "model_name", "currency", "recorded_at", "recorded_by")
        read_only_fields = fields


class CurrencyWriteSerializer(WriteSerializer):
    """The currency in which a model's money is counted, for good."""

    model = IdField()
    currency = serializers.ChoiceField(choices=sorted(CURRENCIES), help_text=_("ISO 4217."))


class CurrencyFilters(FilterSerializer):
    """Of currencies."""

    model = IdField(required=False)


class MoneySerializer(StrictModelSerializer):
    """Value or cost of a model."""

    amount = ExactNumberSerializerField()

    class Meta:
        model = MoneyEntry
        fields = (
            *("id", "model", "window", "kind", "amount", "currency", "period_start", "period_end", "note"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class MoneyWriteSerializer(WriteSerializer):
    """Value or cost to enter."""

    model = IdField()
    kind = serializers.ChoiceField(choices=MoneyEntry.Kind.choices)
    amount = ExactNumberSerializerField(help_text=_("Negative: takes back what was entered too much."))
    currency = serializers.ChoiceField(choices=sorted(CURRENCIES), help_text=_("ISO 4217; the model's own."))
    period_start = MomentField()
    period_end = MomentField()
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A period goes forward."""
        if attrs["period_start"] > attrs["period_end"]:
            raise serializers.ValidationError({"period_end": [_now("Not before period_start.")]})
        return attrs


class MoneyFilters(FilterSerializer):
    """Of entries."""

    model = IdField(required=False)
    kind = serializers.ChoiceField(choices=MoneyEntry.Kind.choices, required=False)
    window = IdField(required=False)
