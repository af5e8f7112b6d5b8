"""Bodies and answers of promotions, and of the questions gate and live."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.api.fields import FlagField, named
from approvals.gate.gate import Status
from approvals.models import GateDecision, Promotion, PromotionEnd, Slot
from approvals.models.promotions import REQUIREMENTS_READ_BY
from governance.api.fields import IdField, MomentField, TextField
from governance.api.masked import MaskedListSerializer, MaskedSerializer
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer


class RequirementStatusSerializer(serializers.Serializer[Any]):
    """A requirement as it stands."""

    key = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    reason = serializers.CharField(help_text=_("Stable code."))
    params = serializers.DictField()
    message = serializers.CharField(help_text=_("In the reader's language."))
    rests_on = serializers.ListField(child=serializers.DictField())


class DecisionSerializer(StrictModelSerializer):
    """Why a promotion was let pass."""

    class Meta:
        model = GateDecision
        fields = ("id", "policy_version", "would_have_refused", "requirements", "snapshot", "decided_at")
        read_only_fields = fields


class PromotionEndSerializer(StrictModelSerializer):
    """The end of a promotion."""

    class Meta:
        model = PromotionEnd
        fields = ("id", "promotion", "kind", "reason", "ended_at", "recorded_by")
        read_only_fields = fields


class PromotionSerializer(MaskedSerializer, StrictModelSerializer):
    """A version that went live; its decision names what the reader may read."""

    masked: ClassVar[Mapping[str, str]] = {"decision.requirements": REQUIREMENTS_READ_BY}

    environment = named()
    model = named()
    version = serializers.IntegerField(source="release.model_version.number", read_only=True)
    model_version = serializers.IntegerField(source="release.model_version_id", read_only=True)
    end = PromotionEndSerializer(read_only=True, default=None, allow_null=True)
    decision = DecisionSerializer(read_only=True)

    class Meta:
        model = Promotion
        list_serializer_class = MaskedListSerializer
        fields = (
            *(
                "id",
                "release",
                "model",
                "version",
                "model_version",
                "environment",
                "slot",
                "kind",
                "repeats",
                "replaces",
            ),
            *("started_at", "end", "decision", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class PromotionWriteSerializer(WriteSerializer):
    """A release whose version is to go live."""

    release = IdField()


class PromotionFilters(FilterSerializer):
    """Of promotions."""

    release = IdField(required=False)
    namespace = serializers.CharField(required=False, source="model__namespace__name")
    model = serializers.CharField(required=False, source="model__name")
    environment = serializers.CharField(required=False, source="environment__name")
    slot = serializers.ChoiceField(choices=Slot.choices, required=False)
    live = FlagField(required=False, source="end__isnull", help_text=_("true: it has not ended."))


#: How somebody ends what serves; the other ends follow from something else.
END_KINDS = [(kind.value, kind.label) for kind in (PromotionEnd.Kind.SUSPENDED, PromotionEnd.Kind.RETIRED)]


class EndSerializer(WriteSerializer):
    """How a promotion ends."""

    kind = serializers.ChoiceField(choices=END_KINDS)
    reason = TextField(max_length=2000)


class RollbackSerializer(WriteSerializer):
    """Back to an earlier version of the same slot."""

    to = IdField(required=False, help_text=_("The earlier promotion; left out: the newest that may serve."))
    reason = TextField(max_length=2000)


class GateQuery(FilterSerializer):
    """Which version, and into which environment."""

    own = frozenset({"format"})
    model = serializers.CharField(required=False, help_text=_("Name; with version."))
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    digest = serializers.CharField(required=False, help_text=_("Of the artifact, instead of model and version."))
    environment = serializers.CharField()
    slot = serializers.ChoiceField(choices=Slot.choices, required=False, default=Slot.CHAMPION)
    namespace = serializers.CharField(required=False)
    enforce = FlagField(required=False, default=False, help_text=_("true: 409 when closed."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Named one way."""
        by_name = "model" in attrs and "version" in attrs
        if by_name == ("digest" in attrs) or ("model" in attrs) != ("version" in attrs):
            raise serializers.ValidationError({"model": [_("Give model and version, or digest.")]})
        return attrs


class GateAnswerSerializer(serializers.Serializer[Any]):
    """May it be promoted?"""

    allowed = serializers.BooleanField(help_text=_("True only if every requirement lets pass."))
    live = serializers.BooleanField(help_text=_("Whether this version serves there already."))
    namespace = serializers.CharField()
    model = serializers.CharField()
    version = serializers.IntegerField()
    environment = serializers.CharField()
    slot = serializers.CharField()
    release = serializers.IntegerField(allow_null=True)
    requirements = RequirementStatusSerializer(many=True)


class LiveQuery(FilterSerializer):
    """Of what, where, when."""

    own = frozenset({"format"})
    model = serializers.CharField(required=False)
    environment = serializers.CharField(required=False)
    namespace = serializers.CharField(required=False)
    at = MomentField(required=False, help_text=_("Left out: now."))


class SignerSerializer(serializers.Serializer[Any]):
    """Who signed."""

    name = serializers.CharField(source="printed_name")
    requirement = serializers.CharField(source="requirement.key")
    vote = serializers.CharField()
    signed_at = serializers.DateTimeField()


class StandingSerializer(serializers.Serializer[Any]):
    """A notice that stands on what is live."""

    id = serializers.IntegerField(source="notice.pk")
    cause = serializers.CharField(source="notice.cause")
    since = serializers.DateTimeField(source="notice.recorded_at")
    due_at = serializers.DateTimeField(allow_null=True, help_text=_("null: it keeps serving, flagged."))
    overdue = serializers.BooleanField(help_text=_("True: its time is over, nobody confirmed, and its cause stands."))
    confirm = serializers.CharField(allow_null=True, help_text=_("The role that may still keep it serving."))
    fallback = serializers.CharField(source="notice.response.fallback", help_text=_("last_good, keep or stop."))


class FallbackSerializer(serializers.Serializer[Any]):
    """What would serve instead."""

    promotion = serializers.IntegerField(source="pk")
    version = serializers.IntegerField(source="release.model_version.number")


class LiveSerializer(serializers.Serializer[Any]):
    """What serves, or served, in one slot."""

    namespace = serializers.CharField(source="model.namespace.name")
    model = serializers.CharField(source="model.name")
    environment = serializers.CharField(source="environment.name")
    slot = serializers.CharField()
    version = serializers.IntegerField(source="release.model_version.number")
    model_version = serializers.IntegerField(source="release.model_version_id")
    digest = serializers.CharField(source="artifact_digest")
    promotion = serializers.IntegerField(source="id", allow_null=True, help_text=_("null: it came in as found."))
    release = serializers.IntegerField(source="release_id", allow_null=True, help_text=_("null: it came in as found."))
    as_found = serializers.IntegerField(
        default=None,
        allow_null=True,
        help_text=_("Id of its entry as found: it served before anyone governed it and never passed the gate."),
    )
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(source="end.ended_at", default=None, allow_null=True)
    signed_by = SignerSerializer(source="signers", many=True)
    kind = serializers.CharField(help_text=_("release, rollback, reinstatement, fallback, or as_found."))
    review_overdue = serializers.BooleanField(source="serving.review_overdue", allow_null=True)
    may_serve = serializers.BooleanField(
        source="serving.may_serve", allow_null=True, help_text=_("null when asked about the past.")
    )
    serve_until = serializers.DateTimeField(
        source="serving.until", allow_null=True, help_text=_("From then it may not, unless someone confirms.")
    )
    notices = StandingSerializer(source="serving.notices", many=True)
    fallback = FallbackSerializer(source="serving.fallback", allow_null=True)
    attention = RequirementStatusSerializer(
        many=True, help_text=_("Requirements on facts that are not met; empty when asked about the past.")
    )


class LiveAnswerSerializer(serializers.Serializer[Any]):
    """What may serve, per slot."""

    at = serializers.DateTimeField()
    results = LiveSerializer(many=True)
