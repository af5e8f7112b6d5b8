"""Bodies and answers of findings."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import FlagField, named
from approvals.models import Finding, FindingEvent
from governance.api.fields import IdField, MomentField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer


class FindingEventSerializer(StrictModelSerializer):
    """What became of a finding."""

    class Meta:
        model = FindingEvent
        fields = ("id", "finding", "kind", "text", "recorded_at", "recorded_by")
        read_only_fields = fields


class FindingSerializer(StrictModelSerializer):
    """A finding, with what became of it."""

    namespace = named()
    events = FindingEventSerializer(many=True, read_only=True)

    class Meta:
        model = Finding
        fields = (
            *("id", "namespace", "kind", "model", "model_version", "dataset", "promotion", "plan", "text", "severity"),
            *("owner", "due", "when_overdue", "blocks", "sign_off", "events", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class FindingWriteSerializer(WriteSerializer):
    """A finding to raise, about exactly one thing."""

    exactly_one_of = ("model", "model_version", "dataset", "promotion")
    kind = serializers.ChoiceField(choices=Finding.Kind.choices)
    model = IdField(required=False)
    model_version = IdField(required=False)
    dataset = IdField(required=False)
    promotion = IdField(required=False)
    text = TextField(max_length=5000)
    severity = serializers.ChoiceField(choices=Finding.Severity.choices)
    blocks = serializers.BooleanField()
    owner = IdField(required=False)
    due = MomentField(required=False, allow_null=True)
    when_overdue = serializers.ChoiceField(
        choices=Finding.WhenOverdue.choices, required=False, default=Finding.WhenOverdue.NOTHING
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What overdue does needs a day that it is due."""
        if attrs["when_overdue"] != Finding.WhenOverdue.NOTHING and attrs.get("due") is None:
            raise serializers.ValidationError({"due": [_("Say when it is due.")]})
        return attrs


class FindingFilters(FilterSerializer):
    """Of findings."""

    namespace = serializers.CharField(required=False, source="namespace__name")
    kind = serializers.ChoiceField(choices=Finding.Kind.choices, required=False)
    severity = serializers.ChoiceField(choices=Finding.Severity.choices, required=False)
    owner = IdField(required=False, source="owner_id", help_text=_("The person who answers it."))
    open = FlagField(required=False, source="is_open", help_text=_("true: not closed, or reopened."))
    model = IdField(required=False)
    model_version = IdField(required=False)
    dataset = IdField(required=False)
    promotion = IdField(required=False)
    blocks = FlagField(required=False)


class FindingTextSerializer(WriteSerializer):
    """What is said to a finding."""

    text = TextField(max_length=5000)
