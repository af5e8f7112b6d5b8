"""Bodies and answers of expectations and checks."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.api.fields import ExactNumberSerializerField
from approvals.models import BaselineReason, DataCheck
from governance.api.fields import IdField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer
from lineage.models import ExpectationSet
from lineage.quality.documents import TYPES
from lineage.quality.expectations import BLOCKING, CHECKS, METHODS, WARNING


class ExpectedColumnSerializer(StrictSerializer):
    """A column that a schema is to have."""

    name = serializers.CharField(max_length=256, trim_whitespace=False)
    type = serializers.ChoiceField(choices=list(TYPES), required=False, help_text=_("Left out: any."))


class ExpectationItemSerializer(StrictSerializer):
    """One thing that is expected. Which parts an item has depends on its check (docs/checks.md)."""

    key = serializers.CharField(max_length=80, help_text=_("Its own name: small letters, digits, dots, dashes."))
    check = serializers.ChoiceField(choices=list(CHECKS))
    column = serializers.CharField(max_length=200, required=False, trim_whitespace=False)
    method = serializers.ChoiceField(choices=list(METHODS), required=False, help_text=_("Of a distribution."))
    at_least = ExactNumberSerializerField(required=False, help_text=_("Finite; decimal text keeps every digit."))
    at_most = ExactNumberSerializerField(required=False, help_text=_("Finite; decimal text keeps every digit."))
    severity = serializers.ChoiceField(
        choices=[BLOCKING, WARNING], required=False, help_text=_("A warning is shown and decides nothing.")
    )
    columns = ExpectedColumnSerializer(many=True, required=False, help_text=_("Of a schema."))
    closed = serializers.BooleanField(required=False, help_text=_("Of a schema: other columns are differences."))
    values = serializers.ListField(
        child=serializers.CharField(max_length=256, trim_whitespace=False), max_length=1000, required=False,
        help_text=_("Of allowed values."),
    )  # fmt: skip
    rule = TextField(max_length=1000, required=False, help_text=_("Of consistency: what is true of every row."))

    def validate_at_least(self, value: Any) -> str:
        """As decimal text, the form in which bounds travel."""
        return format(value, "f")

    validate_at_most = validate_at_least


class ExpectationSetSerializer(StrictModelSerializer):
    """What is expected of a dataset's versions. The newest set of a dataset is asked."""

    namespace = serializers.CharField(source="dataset.namespace.name", read_only=True)
    items = serializers.SerializerMethodField(help_text=_("As they were set, defaults filled in."))
    plans: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True, help_text=_("Of quality and of drift."))

    class Meta:
        model = ExpectationSet
        fields = ("id", "namespace", "dataset", "number", "items", "plans", "recorded_at", "recorded_by")
        read_only_fields = fields

    @extend_schema_field(ExpectationItemSerializer(many=True))
    def get_items(self, record: ExpectationSet) -> list[Any]:
        """As they are kept."""
        found: list[Any] = record.items
        return found

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """With the plans' own ids."""
        shown: dict[str, Any] = super().to_representation(instance)
        shown["plans"] = [one.plan_id for one in instance.plans.all()]
        return shown


class ExpectationSetWriteSerializer(WriteSerializer):
    """What is to be expected from now on."""

    dataset = IdField()
    items = ExpectationItemSerializer(many=True, allow_empty=False)


class ExpectationSetFilters(FilterSerializer):
    """Of expectations."""

    namespace = serializers.CharField(required=False, source="dataset__namespace__name")
    dataset = IdField(required=False)


class FigureSerializer(serializers.Serializer[Any]):
    """What came of one item."""

    key = serializers.CharField(help_text=_("The item."))
    check = serializers.CharField()
    metric = serializers.CharField(help_text=_("As in the evidence and its plan."))
    slice = serializers.CharField(allow_blank=True, help_text=_("The column; of a rule, the item's key."))
    severity = serializers.CharField()
    unit = serializers.CharField(allow_blank=True)
    holds = serializers.BooleanField(allow_null=True, help_text=_("null: there is no telling; why says it."))
    why = serializers.CharField(allow_blank=True)
    bounds = serializers.ListField(child=serializers.DictField())
    value = serializers.CharField(required=False, help_text=_("The end of its bounds that is worse."))
    low = serializers.CharField(required=False)
    high = serializers.CharField(required=False)
    bins = serializers.ListField(
        child=serializers.ListField(), required=False,
        help_text=_("[label, share in the baseline, least and most share here], as shares of rows."),
    )  # fmt: skip


class DataCheckSerializer(StrictModelSerializer):
    """A profile held against expectations by the server."""

    namespace = serializers.CharField(source="expectation_set.dataset.namespace.name", read_only=True)
    figures = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField(
        help_text=_("Of the evidence on quality and on drift: good, bad, reported; null where there is none.")
    )

    class Meta:
        model = DataCheck
        fields = (
            *("id", "namespace", "expectation_set", "dataset_version", "profile", "baseline", "baseline_reason"),
            *("quality", "drift", "verdicts", "figures", "note", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields

    @extend_schema_field(FigureSerializer(many=True))
    def get_figures(self, record: DataCheck) -> list[Any]:
        """As they were worked out."""
        found: list[Any] = record.figures
        return found

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_verdicts(self, record: Any) -> dict[str, str | None]:
        """Worked out by the database from plan and values."""
        return {"quality": record.quality_verdict, "drift": record.drift_verdict}


class DataCheckFilters(FilterSerializer):
    """Of checks."""

    namespace = serializers.CharField(required=False, source="expectation_set__dataset__namespace__name")
    dataset = IdField(required=False, source="expectation_set__dataset")
    dataset_version = IdField(required=False)
    expectation_set = IdField(required=False)


class VersionChecksSerializer(serializers.Serializer[Any]):
    """How a dataset version stands to what is expected of it."""

    expectation_set = serializers.IntegerField(allow_null=True, help_text=_("The newest; null: nothing is expected."))
    profile = serializers.IntegerField(allow_null=True, help_text=_("What would be looked at; null: there is none."))
    baseline = serializers.IntegerField(allow_null=True, help_text=_("The profile drift would be measured against."))
    baseline_reason = serializers.ChoiceField(choices=BaselineReason.choices)
    checked = serializers.BooleanField(help_text=_("Whether that profile was held against the newest expectations."))
    message = serializers.CharField(help_text=_("Where it stands, in a sentence."))
    results = DataCheckSerializer(many=True, help_text=_("Every check of it, newest first, at most 50."))
