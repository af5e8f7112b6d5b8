"""Bodies and answers of environments and policies."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.models import Aspect, PolicyPublication, PolicyVersion, Requirement, RequirementKind, Slot
from governance.api.fields import ExactJSONField, NameField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer
from lineage.models import RiskTier


class RequirementSerializer(StrictModelSerializer):
    """One thing a policy version asks."""

    class Meta:
        model = Requirement
        fields = ("key", "kind", "title", "params", "binds")
        read_only_fields = fields


class RequirementWriteSerializer(StrictSerializer):
    """One thing to ask."""

    key = serializers.RegexField(r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)
    kind = serializers.ChoiceField(choices=RequirementKind.choices)
    title = NameField(required=False, default="", allow_blank=True)
    params = ExactJSONField(kind=dict, required=False, default=dict, help_text=_("Typed per kind."))
    binds = serializers.ListField(child=serializers.ChoiceField(choices=Aspect.choices), required=False, default=list)


class PolicySerializer(StrictModelSerializer):
    """A version of the policy of a place; in force while it is the newest published there."""

    namespace = serializers.CharField(source="policy.namespace.name", default=None, read_only=True, allow_null=True)
    environment = serializers.CharField(source="policy.environment.name", read_only=True)
    risk_tier = serializers.CharField(source="policy.risk_tier", read_only=True)
    slot = serializers.CharField(source="policy.slot", read_only=True, help_text=_("Blank: every slot."))
    requirements = serializers.SerializerMethodField()
    published_at = serializers.DateTimeField(
        source="publication.recorded_at", default=None, read_only=True, allow_null=True
    )

    class Meta:
        model = PolicyVersion
        fields = (
            *("id", "namespace", "environment", "risk_tier", "slot", "number", "summary", "requirements", "responses"),
            *("review_days", "review_grace_days", "published_at", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields

    @extend_schema_field(RequirementSerializer(many=True))
    def get_requirements(self, version: PolicyVersion) -> Any:
        """In the order they are asked; prefetched."""
        rows = sorted(version.requirements.all(), key=lambda r: r.position)
        return RequirementSerializer(rows, many=True).data


class PolicyWriteSerializer(WriteSerializer):
    """A policy version to write. It is in force once another policy owner publishes it."""

    namespace = NameField(required=False, allow_null=True, default=None, help_text=_("null: everywhere."))
    environment = NameField()
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    slot = serializers.ChoiceField(
        choices=Slot.choices, required=False, default="", allow_blank=True, help_text=_("Blank: every slot.")
    )
    summary = TextField(required=False, default="", allow_blank=True)
    responses = ExactJSONField(
        kind=dict, required=False, default=dict,
        help_text=_("What is done when a fact changes under a live model: cause -> {notice_hours, confirm, fallback}."),
    )  # fmt: skip
    review_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=3650,
        help_text=_("What is live is reviewed after so many days; null: never."),
    )  # fmt: skip
    review_grace_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=365,
        help_text=_("Days after which a due review is overdue."),
    )  # fmt: skip
    requirements = RequirementWriteSerializer(many=True, min_length=1, max_length=100)  # type: ignore[call-arg]  # passed on to the list's serializer


class PublicationSerializer(StrictModelSerializer):
    """A policy version put in force."""

    class Meta:
        model = PolicyPublication
        fields = ("id", "policy_version", "recorded_at", "recorded_by")
        read_only_fields = fields


class PolicyFilters(FilterSerializer):
    """Of policies."""

    environment = serializers.CharField(required=False, source="policy__environment__name")
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices, required=False, source="policy__risk_tier")
    slot = serializers.ChoiceField(choices=Slot.choices, required=False, source="policy__slot")
