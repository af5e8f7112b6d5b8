"""Bodies and answers of environments, and of what their gates only observe."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import named
from approvals.models import Environment, ObserveOnlyChange, ObserveOnlyConfirmation
from governance.api.fields import IdField, MomentField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer


class EnvironmentSerializer(StrictModelSerializer):
    """A place to promote to."""

    class Meta:
        model = Environment
        fields = (
            *("id", "name", "order", "live_traffic", "mlflow_aliases", "mlflow_stages", "observe_only_until"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class ObserveSerializer(WriteSerializer):
    """How long the gate of an environment only observes."""

    until = MomentField(allow_null=True, help_text=_("Until then; null: it refuses again from now on."))


class ObserveConfirmationSerializer(StrictModelSerializer):
    """The second policy owner's confirmation."""

    class Meta:
        model = ObserveOnlyConfirmation
        fields = ("id", "change", "recorded_at", "recorded_by")
        read_only_fields = fields


class ObserveChangeSerializer(StrictModelSerializer):
    """What a policy owner asked of an environment's gate. Longer is in effect once it is confirmed."""

    environment = named()
    confirmation = ObserveConfirmationSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = ObserveOnlyChange
        fields = ("id", "environment", "until", "confirmation", "recorded_at", "recorded_by")
        read_only_fields = fields


class ObserveChangeFilters(FilterSerializer):
    """Of changes to observe-only."""

    environment = serializers.CharField(required=False, source="environment__name")
    environment_id = IdField(required=False)


class ObservedReasonSerializer(serializers.Serializer[Any]):
    """One reason for which the gate would have refused."""

    key = serializers.CharField(help_text=_("The requirement's."))
    reason = serializers.CharField(help_text=_("Stable code."))
    promotions = serializers.IntegerField(help_text=_("That it would have refused for this reason."))
    models = serializers.ListField(child=serializers.CharField(), help_text=_("Their models, at most ten."))


class ObservedSerializer(serializers.Serializer[Any]):
    """What the gate of an environment would have refused while it only observes, or did last."""

    environment = serializers.CharField()
    observing = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True, help_text=_("Beginning of the period; null: it never observed."))
    until = serializers.DateTimeField(allow_null=True)
    promotions = serializers.IntegerField(help_text=_("In the period, in namespaces you may read."))
    would_have_refused = serializers.IntegerField()
    reasons = ObservedReasonSerializer(many=True)
