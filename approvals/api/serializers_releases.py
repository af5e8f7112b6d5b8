"""Bodies and answers of releases and sign-offs."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.actions.sign_offs import MAX_CONDITIONS
from approvals.api.fields import FlagField, named
from approvals.models import (
    ConflictOfInterest,
    Finding,
    Release,
    ReleaseClosure,
    SignOff,
    SignOffWithdrawal,
    Slot,
    VetoLift,
    Vote,
)
from governance.api.fields import IdField, MomentField, NameField, TextField
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer

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
            *("id", "namespace", "model", "version", "model_version", "environment", "slot", "purpose"),
            *("trial_plan", "trial_ends_at", "review_of", "change_plan", "closure", "recorded_at", "recorded_by"),
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
    trial_plan = IdField(required=False, help_text=_("Of a challenger: a plan of its model, of kind ab_test for one."))
    trial_ends_at = MomentField(required=False, help_text=_("Of a challenger: when it serves no longer."))
    change_plan = IdField(
        required=False, help_text=_("A retraining envelope of this version and place, approved with the release.")
    )


class ReleaseFilters(FilterSerializer):
    """Of releases."""

    namespace = serializers.CharField(required=False, source="model_version__model__namespace__name")
    model_version = IdField(required=False)
    model = serializers.CharField(required=False, source="model_version__model__name")
    environment = serializers.CharField(required=False, source="environment__name")
    slot = serializers.ChoiceField(choices=Slot.choices, required=False)
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


class ConditionSerializer(StrictSerializer):
    """What an approval is subject to; it opens a finding."""

    text = TextField(max_length=1000, help_text=_("What has to be done; line breaks become spaces."))
    owner = IdField(help_text=_("The person who answers it."))
    due = MomentField()
    when_overdue = serializers.ChoiceField(
        choices=Finding.WhenOverdue.choices, required=False, default=Finding.WhenOverdue.NOTHING
    )


class SignSerializer(WriteSerializer):
    """A signature, with the signer's password once more."""

    requirement = serializers.CharField(max_length=100)
    vote = serializers.ChoiceField(choices=Vote.choices)
    meaning = TextField(required=False, default="", allow_blank=True, max_length=500)
    comment = TextField(required=False, default="", allow_blank=True, max_length=5000)
    conditions = ConditionSerializer(many=True, required=False, default=list, max_length=MAX_CONDITIONS)  # type: ignore[call-arg]  # passed on to the list's serializer
    statement_digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text=_("Of the statement you were shown."))
    password = serializers.CharField(max_length=500, style={"input_type": "password"}, trim_whitespace=False)


class WithdrawalSerializer(StrictModelSerializer):
    """A vote taken back."""

    class Meta:
        model = SignOffWithdrawal
        fields = ("id", "sign_off", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class LiftSerializer(WriteSerializer):
    """Lifting a veto, with one's password once more."""

    reason = TextField(max_length=2000, help_text=_("Why; kept in the record."))
    password = serializers.CharField(max_length=500, style={"input_type": "password"}, trim_whitespace=False)


class VetoLiftSerializer(StrictModelSerializer):
    """A veto lifted by the head of its role."""

    class Meta:
        model = VetoLift
        fields = ("id", "sign_off", "role_grant", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class SignOffSerializer(StrictModelSerializer):
    """A signed vote."""

    requirement = serializers.CharField(source="requirement.key", read_only=True)
    withdrawal = WithdrawalSerializer(read_only=True, default=None, allow_null=True)
    lift = VetoLiftSerializer(read_only=True, default=None, allow_null=True)

    class Meta:
        model = SignOff
        fields = (
            *("id", "release", "requirement", "vote", "printed_name", "signed_at", "meaning", "comment", "statement"),
            *("statement_digest", "evidence_seen", "role_grant", "reauthenticated_at", "reauthentication_method"),
            *("signature", "conditions", "bound", "withdrawal", "lift", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class SignOffFilters(FilterSerializer):
    """Of sign-offs."""

    release = IdField(required=False)
    requirement = serializers.CharField(required=False, source="requirement__key")
    vote = serializers.ChoiceField(choices=Vote.choices, required=False)
    standing = FlagField(required=False, source="withdrawal__isnull", help_text=_("true: not withdrawn."))


class ConflictSerializer(StrictModelSerializer):
    """A conflict of interest. `text` is null for those it does not concern."""

    text = serializers.SerializerMethodField()

    class Meta:
        model = ConflictOfInterest
        fields = ("id", "model", "text", "until", "recorded_at", "recorded_by")
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"]})
    def get_text(self, conflict: ConflictOfInterest) -> str | None:
        """For its author and for those who oversee."""
        return conflict.text if self.context["view"].may_read_text(conflict) else None


class ConflictWriteSerializer(WriteSerializer):
    """A conflict of interest of one's own. No `reason`: whoever reads the history would read it, unlike `text`."""

    reason = None  # type: ignore[assignment]  # REST framework's way to leave out a field of the class above
    model = IdField()
    text = TextField(max_length=2000)
    until = MomentField(required=False, allow_null=True, default=None, help_text=_("Left out: it does not end."))


class ConflictFilters(FilterSerializer):
    """Of conflicts of interest."""

    model = IdField(required=False)
