"""Bodies and answers of releases and sign-offs."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import FlagField, named
from approvals.models import Release, ReleaseClosure, SignOff, SignOffWithdrawal, Slot, Vote
from governance.api.fields import IdField, NameField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer

PURPOSE = r"^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_-]{0,127}$"


class ClosureSerializer(StrictModelSerializer):
    """The end of a release."""

    class Meta:
        model = ReleaseClosure
        fields = ("id", "release", "kind", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class ReleaseSerializer(StrictModelSerializer):
    """A version's way into an environment."""

    environment = named()
    model = serializers.CharField(source="model_version.model.name", read_only=True)
    version = serializers.IntegerField(source="model_version.number", read_only=True)
    namespace = serializers.CharField(source="model_version.model.namespace.name", read_only=True)
    closure = ClosureSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = Release
        fields = (
            *("id", "namespace", "model", "version", "model_version", "environment", "slot", "purpose", "closure"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class ReleaseWriteSerializer(WriteSerializer):
    """A promotion to ask for. Asking again finds the open release."""

    model_version = IdField()
    environment = NameField()
    slot = serializers.ChoiceField(choices=Slot.choices, required=False, default=Slot.CHAMPION)
    purpose = serializers.RegexField(
        PURPOSE, required=False, help_text=_("dpv:Name; left out, the model's intended purpose.")
    )


class ReleaseFilters(FilterSerializer):
    """Of releases."""

    model_version = IdField(required=False)
    model = serializers.CharField(required=False, source="model_version__model__name")
    environment = serializers.CharField(required=False, source="environment__name")
    open = FlagField(required=False, source="closure__isnull")


class CloseSerializer(WriteSerializer):
    """How a release ends without a promotion."""

    kind = serializers.ChoiceField(choices=[ReleaseClosure.Kind.REJECTED, ReleaseClosure.Kind.WITHDRAWN])
    reason = TextField(max_length=2000)


class StatementQuery(FilterSerializer):
    """What would be signed."""

    requirement = serializers.CharField()
    vote = serializers.ChoiceField(choices=Vote.choices)


class StatementSerializer(serializers.Serializer[Any]):
    """The statement to sign, word for word."""

    requirement = serializers.CharField()
    vote = serializers.ChoiceField(choices=Vote.choices)
    role = serializers.CharField()
    on_behalf_of = serializers.CharField(allow_null=True)
    statement = serializers.CharField()
    statement_digest = serializers.CharField()
    evidence_seen = serializers.ListField(child=serializers.IntegerField())


class SignSerializer(WriteSerializer):
    """A signature, with the signer's password once more."""

    requirement = serializers.CharField(max_length=100)
    vote = serializers.ChoiceField(choices=Vote.choices)
    meaning = TextField(required=False, default="", allow_blank=True, max_length=500)
    comment = TextField(required=False, default="", allow_blank=True, max_length=5000)
    statement_digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    password = serializers.CharField(max_length=500, style={"input_type": "password"}, trim_whitespace=False)


class WithdrawalSerializer(StrictModelSerializer):
    """A vote taken back."""

    class Meta:
        model = SignOffWithdrawal
        fields = ("id", "sign_off", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class SignOffSerializer(StrictModelSerializer):
    """A signed vote."""

    requirement = serializers.CharField(source="requirement.key", read_only=True)
    withdrawal = WithdrawalSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = SignOff
        fields = (
            *("id", "release", "requirement", "vote", "printed_name", "signed_at", "meaning", "comment", "statement"),
            *("statement_digest", "evidence_seen", "role_grant", "reauthenticated_at", "reauthentication_method"),
            *("bound", "withdrawal", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class SignOffFilters(FilterSerializer):
    """Of sign-offs."""

    release = IdField(required=False)
