"""End points of onboarding windows and of what came in as found."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.onboarding import ask_for_window, close_window, confirm_window, end_as_found
from approvals.api.fields import ActSerializer, FlagField, ReasonedActSerializer, named, recorded
from approvals.api.serializers_promotions import END_KINDS
from approvals.models import AsFound, AsFoundEnd, OnboardingClosure, OnboardingConfirmation, OnboardingWindow
from governance.api.acts import act
from governance.api.fields import IdField, MomentField, TextField
from governance.api.serializers import (
    FilterSerializer,
    NamespacedWriteSerializer,
    StrictModelSerializer,
    WriteSerializer,
)
from governance.api.views import RecordViewSet


class OnboardingConfirmationSerializer(StrictModelSerializer):
    """The second policy owner's confirmation."""

    class Meta:
        model = OnboardingConfirmation
        fields = ("id", "window", "recorded_at", "recorded_by")
        read_only_fields = fields


class OnboardingClosureSerializer(StrictModelSerializer):
    """A window closed before its time."""

    class Meta:
        model = OnboardingClosure
        fields = ("id", "window", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class OnboardingWindowSerializer(StrictModelSerializer):
    """A time in which what serves already may be brought in as found."""

    namespace = named()
    confirmation = OnboardingConfirmationSerializer(read_only=True, default=None, allow_null=True)
    closure = OnboardingClosureSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = OnboardingWindow
        fields = ("id", "namespace", "until", "reason", "confirmation", "closure", "recorded_at", "recorded_by")
        read_only_fields = fields


class OnboardingWindowWriteSerializer(NamespacedWriteSerializer):
    """A window to ask for."""

    until = MomentField(help_text=_("At most 92 days ahead."))
    reason = TextField(max_length=2_000, help_text=_("Why it is needed; kept in the record."))


class OnboardingWindowFilters(FilterSerializer):
    """Of onboarding windows."""

    namespace = serializers.CharField(required=False, source="namespace__name")


class OnboardingWindowViewSet(RecordViewSet):
    """Onboarding windows: asked for by one policy owner, opened by another."""

    collection = "onboarding-windows"
    model = OnboardingWindow
    related = ("namespace", "confirmation", "closure")
    serializer_class = OnboardingWindowSerializer
    create_serializer_class = OnboardingWindowWriteSerializer
    filter_class = OnboardingWindowFilters

    def create(self, request: Request) -> Response:
        """Ask for a window. It is open once another policy owner confirms it."""
        data = self.read(OnboardingWindowWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        window = ask_for_window(actor=self.principal, reason=reason, namespace=namespace, until=data["until"])
        return self.written(window)

    @act(ActSerializer, answer=OnboardingConfirmationSerializer, creates=True)
    def confirm(self, request: Request, id: str) -> Response:
        """Open it. A policy owner there who did not ask for it."""
        window = self.find(id)
        reason = self.reason(self.read(ActSerializer))
        return recorded(
            confirm_window(actor=self.principal, reason=reason, window=window), OnboardingConfirmationSerializer
        )

    @act(ReasonedActSerializer, answer=OnboardingClosureSerializer, creates=True)
    def close(self, request: Request, id: str) -> Response:
        """Close it before its time, or take the request back."""
        window = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(close_window(actor=self.principal, reason=reason, window=window), OnboardingClosureSerializer)


class AsFoundEndSerializer(StrictModelSerializer):
    """The end of an entry as found."""

    class Meta:
        model = AsFoundEnd
        fields = ("id", "as_found", "kind", "reason", "ended_at", "recorded_at", "recorded_by")
        read_only_fields = fields


class AsFoundSerializer(StrictModelSerializer):
    """What served before anyone governed it. It is no promotion: no gate let it pass."""

    namespace = serializers.CharField(source="model.namespace.name", read_only=True)
    model_name = serializers.CharField(source="model.name", read_only=True)
    version = serializers.IntegerField(source="model_version.number", read_only=True)
    environment = named()
    end = AsFoundEndSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = AsFound
        fields = (
            *("id", "namespace", "window", "model", "model_name", "model_version", "version", "environment", "slot"),
            *("since", "govern_by", "end", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class AsFoundEndWriteSerializer(WriteSerializer):
    """How it ends."""

    kind = serializers.ChoiceField(choices=END_KINDS)
    reason = TextField(max_length=2_000)


class AsFoundFilters(FilterSerializer):
    """Of entries as found."""

    namespace = serializers.CharField(required=False, source="model__namespace__name")
    model = IdField(required=False, source="model_id")
    environment = serializers.CharField(required=False, source="environment__name")
    standing = FlagField(required=False, source="end__isnull", help_text=_("true: without an end."))


class AsFoundViewSet(RecordViewSet):
    """What served already when its namespace was brought in. An import makes them; a promotion takes their place."""

    collection = "as-found"
    model = AsFound
    related = ("model__namespace", "model_version", "environment", "end")
    serializer_class = AsFoundSerializer
    filter_class = AsFoundFilters

    @act(AsFoundEndWriteSerializer, answer=AsFoundEndSerializer, creates=True)
    def end(self, request: Request, id: str) -> Response:
        """Say that it serves no longer."""
        entry = self.find(id)
        data: dict[str, Any] = self.read(AsFoundEndWriteSerializer)
        reason = self.reason(data)
        ended = end_as_found(actor=self.principal, reason=reason, entry=entry, kind=AsFoundEnd.Kind(data["kind"]))
        return recorded(ended, AsFoundEndSerializer)
