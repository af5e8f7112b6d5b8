"""Bodies and answers of plans and evidence."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from approvals.api.fields import ExactNumberSerializerField, named
from approvals.models import (
    Claim,
    Comparator,
    Evidence,
    EvidenceAnswer,
    EvidenceSource,
    EvidenceValue,
    Plan,
    PlanCriterion,
    PlanKind,
)
from governance.api.fields import IdField, MomentField, NameField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer

DIGEST = r"^[a-z0-9_]{2,16}:[0-9a-f]{32,128}$"


class CriterionSerializer(StrictModelSerializer):
    """A bound: value COMPARATOR threshold."""

    threshold = ExactNumberSerializerField()

    class Meta:
        model = PlanCriterion
        fields = ("metric", "comparator", "threshold", "slice", "dataset_role")
        read_only_fields = fields


class PlanSerializer(StrictModelSerializer):
    """A plan, locked."""

    namespace = named()
    criteria = CriterionSerializer(many=True, read_only=True)

    class Meta:
        model = Plan
        fields = (
            *("id", "namespace", "model", "dataset", "kind", "title", "description", "criteria", "checklist", "owner"),
            *("expected_every_minutes", "locked_at", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class CriterionWriteSerializer(StrictSerializer):
    """A bound to hold values against."""

    metric = NameField(help_text=gettext_lazy("Name of the metric."))
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = ExactNumberSerializerField(help_text=gettext_lazy("Finite; decimal text keeps every digit."))
    slice = NameField(required=False, default="", allow_blank=True)
    dataset_role = serializers.ChoiceField(
        choices=["training", "validation", "test", "baseline"], required=False, default="", allow_blank=True
    )

    def validate_threshold(self, value: Any) -> str:
        """As decimal text, the form in which bounds travel."""
        return format(value, "f")


class PlanWriteSerializer(WriteSerializer):
    """A plan to lock, about exactly one thing."""

    exactly_one_of = ("model", "dataset")
    model = IdField(required=False, help_text=gettext_lazy("The model it is about; or a dataset."))
    dataset = IdField(required=False, help_text=gettext_lazy("The dataset it is about; or a model."))
    kind = serializers.ChoiceField(choices=PlanKind.choices)
    title = NameField()
    description = TextField(required=False, default="", allow_blank=True)
    criteria = CriterionWriteSerializer(many=True, required=False, default=list)
    checklist = serializers.ListField(child=TextField(max_length=500), required=False, default=list, max_length=100)
    expected_every_minutes = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=525_600,
        help_text=gettext_lazy("Of monitoring: once so long no window has ended, that is shown and told."),
    )
    owner = IdField(required=False, help_text=gettext_lazy("Who answers for it; left out, you."))


class PlanFilters(FilterSerializer):
    """Of plans."""

    namespace = serializers.CharField(required=False, source="namespace__name")
    model = IdField(required=False)
    dataset = IdField(required=False)
    kind = serializers.ChoiceField(choices=PlanKind.choices, required=False)


class ValueSerializer(StrictModelSerializer):
    """A measured value."""

    value = ExactNumberSerializerField()
    ci_low = ExactNumberSerializerField(allow_null=True)
    ci_high = ExactNumberSerializerField(allow_null=True)

    class Meta:
        model = EvidenceValue
        fields = ("metric", "value", "slice", "dataset_role", "ci_low", "ci_high", "unit")
        read_only_fields = fields


class AnswerSerializer(StrictModelSerializer):
    """An answer to an item of the plan's checklist."""

    class Meta:
        model = EvidenceAnswer
        fields = ("item", "answer", "comment")
        read_only_fields = fields


class SourceSerializer(StrictModelSerializer):
    """Whose figures evidence of the server's own rests on."""

    class Meta:
        model = EvidenceSource
        fields = ("principal", "profile")
        read_only_fields = fields


class EvidenceSerializer(StrictModelSerializer):
    """An item of evidence, with the verdict the server worked out."""

    namespace = named()
    values = ValueSerializer(many=True, read_only=True)
    answers = AnswerSerializer(many=True, read_only=True)
    sources = SourceSerializer(
        many=True,
        read_only=True,
        help_text=gettext_lazy("Of what the server worked out: who handed in the figures it rests on. Else none."),
    )
    verdict = serializers.CharField(
        read_only=True, help_text=gettext_lazy("good, bad or reported; worked out from plan and values, never claimed.")
    )

    class Meta:
        model = Evidence
        fields = (
            *("id", "namespace", "plan", "model_version", "dataset_version", "promotion", "subject_digest"),
            *("run_started_at", "window_start", "window_end", "values", "answers", "sources", "verdict", "claim"),
            *("tool", "independence", "attachments", "valid_until", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class ValueWriteSerializer(StrictSerializer):
    """A value that was measured."""

    metric = NameField()
    value = ExactNumberSerializerField(help_text=gettext_lazy("Finite; decimal text keeps every digit."))
    slice = NameField(required=False, default="", allow_blank=True)
    dataset_role = serializers.ChoiceField(
        choices=["training", "validation", "test", "baseline"], required=False, default="", allow_blank=True
    )
    ci_low = ExactNumberSerializerField(required=False, allow_null=True)
    ci_high = ExactNumberSerializerField(required=False, allow_null=True)
    unit = NameField(required=False, default="", allow_blank=True, max_length=40)


class AnswerWriteSerializer(StrictSerializer):
    """An answer to an item of the plan's checklist. Only a validator, as a person, gives one."""

    item = serializers.IntegerField(min_value=1, max_value=100)
    answer = serializers.ChoiceField(choices=EvidenceAnswer.Answer.choices)
    comment = TextField(required=False, default="", allow_blank=True)


class AttachmentSerializer(StrictSerializer):
    """Something that lies elsewhere, with its digest. The server does not fetch it."""

    uri = serializers.CharField(max_length=2000)
    digest = serializers.RegexField(DIGEST, help_text=gettext_lazy("algorithm:hex"))
    type = serializers.RegexField(r"^[a-z][a-z0-9-]{0,40}$", required=False)


class EvidenceWriteSerializer(WriteSerializer):
    """What was measured under a plan, of exactly one thing."""

    exactly_one_of = ("model_version", "dataset_version", "promotion")
    plan = IdField()
    model_version = IdField(required=False)
    dataset_version = IdField(required=False)
    promotion = IdField(required=False)
    subject_digest = serializers.RegexField(
        DIGEST, help_text=gettext_lazy("Digest of what was measured, algorithm:hex; must be the subject's own.")
    )
    run_started_at = MomentField(help_text=gettext_lazy("When measuring began; after the plan was locked."))
    window_start = MomentField(required=False, allow_null=True)
    window_end = MomentField(required=False, allow_null=True)
    values = ValueWriteSerializer(many=True, required=False, default=list)
    answers = AnswerWriteSerializer(many=True, required=False, default=list)
    claim = serializers.ChoiceField(
        choices=Claim.choices, required=False, default="", allow_blank=True,
        help_text=gettext_lazy("What a tool says of itself. Kept as a claim; it decides nothing."),
    )  # fmt: skip
    tool = NameField(required=False, default="", allow_blank=True)
    independence = TextField(required=False, default="", allow_blank=True)
    attachments = AttachmentSerializer(many=True, required=False, default=list)
    valid_until = MomentField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Valid for some time at least."""
        if attrs.get("valid_until") and attrs["valid_until"] <= attrs["run_started_at"]:
            raise serializers.ValidationError({"valid_until": [_("After the run started.")]})
        return attrs


class EvidenceFilters(FilterSerializer):
    """Of evidence."""

    namespace = serializers.CharField(required=False, source="namespace__name")
    kind = serializers.ChoiceField(choices=PlanKind.choices, required=False, source="plan__kind")
    plan = IdField(required=False)
    model_version = IdField(required=False)
    dataset_version = IdField(required=False)
    promotion = IdField(required=False)
