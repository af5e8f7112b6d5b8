"""End points of retraining envelopes."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.change_plans import Envelope, propose_change_plan, revoke_change_plan
from approvals.api.fields import ExactNumberSerializerField, ReasonedActSerializer, named, recorded
from approvals.api.policies import environment_named
from approvals.api.yaml_bodies import PolicyYamlParser, named_where_it_stands, source_of
from approvals.gate.envelope import Edge, Judged, state_of, with_state
from approvals.models import ChangePlan, ChangePlanRevocation, ChangePlanUse, Slot
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.fields import ExactJSONField, IdField, MomentField, NameField, TextField
from governance.api.parsers import StrictJSONParser
from governance.api.serializers import FilterSerializer, StrictModelSerializer, StrictSerializer, WriteSerializer
from governance.api.views import RecordViewSet, readable, resolve
from lineage.models import ModelVersion


class RevocationSerializer(StrictModelSerializer):
    """The end of an envelope before its time."""

    class Meta:
        model = ChangePlanRevocation
        fields = ("id", "change_plan", "reason", "recorded_at", "recorded_by")
        read_only_fields = fields


class EdgeSerializer(serializers.Serializer[Any]):
    """One edge: what is allowed, what was found."""

    key = serializers.CharField(help_text=_("use, code, data, terms, flags…, parameter:NAME, band:NUMBER."))
    inside = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True, help_text=_("A stable code; empty where it lies inside."))
    allowed = serializers.JSONField()
    found = serializers.JSONField()
    params = serializers.DictField()
    message = serializers.CharField(allow_blank=True, help_text=_("In the reader's language; empty where inside."))


class UseSerializer(StrictModelSerializer):
    """A promotion under an envelope. Number 0 brought it into force; the others show their comparison of then."""

    edges = serializers.SerializerMethodField()

    class Meta:
        model = ChangePlanUse
        fields = ("id", "change_plan", "promotion", "number", "edges", "recorded_at", "recorded_by")
        read_only_fields = fields

    @extend_schema_field(EdgeSerializer(many=True))
    def get_edges(self, use: ChangePlanUse) -> list[dict[str, Any]]:
        """The comparison as it was decided."""
        return [Edge(**edge).as_dict() for edge in use.basis.get("edges", ())]


class StateSerializer(serializers.Serializer[Any]):
    """How an envelope stands."""

    in_force = serializers.BooleanField()
    used = serializers.IntegerField(help_text=_("Retrains that went live on it."))
    ended = serializers.CharField(help_text=_("Why it is not in force, a stable code; empty while it is."))
    why_ended = serializers.CharField(help_text=_("The same, for people."))


class ChangePlanSerializer(StrictModelSerializer):
    """A retraining envelope, as it was proposed and as it stands."""

    namespace = serializers.CharField(source="model_version.model.namespace.name", read_only=True)
    model = serializers.CharField(source="model_version.model.name", read_only=True)
    environment = named()
    promotions = UseSerializer(many=True, read_only=True)
    revocation = RevocationSerializer(read_only=True, default=None, allow_null=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = ChangePlan
        fields = (
            *("id", "namespace", "model", "model_version", "environment", "slot", "title", "description", "parameters"),
            *("code_commits", "new_data", "bands", "keeps", "uses", "ends_at", "promotions", "revocation", "state"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields

    @extend_schema_field(StateSerializer(allow_null=True))
    def get_state(self, plan: ChangePlan) -> dict[str, Any] | None:
        """As it stands now; null in an answer about the past, for it is worked out from what holds now."""
        if getattr(self.context.get("view"), "moment", None) is not None:
            return None
        return dict(StateSerializer(state_of(plan)).data)


class BandSerializer(StrictSerializer):
    """What measured values must lie in."""

    plan = IdField(help_text=_("A locked plan on the model, or on a dataset the base version was trained on."))
    metric = NameField()
    slice = NameField(required=False, default="", allow_blank=True)
    dataset_role = serializers.ChoiceField(
        choices=["training", "validation", "test", "baseline"], required=False, default="", allow_blank=True
    )
    low = ExactNumberSerializerField(required=False, allow_null=True, help_text=_("At least this."))
    high = ExactNumberSerializerField(required=False, allow_null=True, help_text=_("At most this."))
    change_low = ExactNumberSerializerField(
        required=False, allow_null=True, help_text=_("At least so much more than the base version's value.")
    )
    change_high = ExactNumberSerializerField(
        required=False, allow_null=True, help_text=_("At most so much more than the base version's value.")
    )
    whole_interval = serializers.BooleanField(
        required=False, default=False, help_text=_("Whether the whole interval must lie inside, not the value alone.")
    )
    independent = serializers.BooleanField(
        required=False, default=True, help_text=_("Whether someone without a hand in the retrain must have measured.")
    )


class VaryingSerializer(StrictSerializer):
    """How a parameter may vary: within limits, or among values."""

    min = ExactNumberSerializerField(required=False)
    max = ExactNumberSerializerField(required=False)
    one_of = ExactJSONField(kind=list, required=False)


class ChangePlanWriteSerializer(WriteSerializer):
    """A retraining envelope to propose."""

    model_version = IdField(help_text=_("The base version, whose release will carry it."))
    environment = serializers.CharField()
    slot = serializers.ChoiceField(choices=Slot.choices, required=False, default=Slot.CHAMPION)
    title = NameField()
    description = TextField(required=False, default="", allow_blank=True, max_length=5000)
    parameters = serializers.DictField(child=VaryingSerializer(), required=False, default=dict)
    code_commits = serializers.ListField(
        child=serializers.RegexField(r"^[0-9A-Za-z._/-]{1,128}$"), required=False, default=list, max_length=100
    )
    new_data = serializers.BooleanField(required=False, default=False)
    bands = BandSerializer(many=True)
    keeps = serializers.ListField(child=NameField(max_length=64), required=False, default=list, max_length=50)
    uses = serializers.IntegerField(min_value=1, max_value=100)
    ends_at = MomentField(help_text=_("At most two years ahead."))


class ChangePlanFilters(FilterSerializer):
    """Of retraining envelopes."""

    namespace = serializers.CharField(required=False, source="model_version__model__namespace__name")
    model = serializers.CharField(required=False, source="model_version__model__name")
    model_version = IdField(required=False)
    environment = serializers.CharField(required=False, source="environment__name")
    slot = serializers.ChoiceField(choices=Slot.choices, required=False)


class EnvelopeSerializer(serializers.Serializer[Any]):
    """How the envelope of its place judges a release; `plan` is null where none does."""

    plan = serializers.IntegerField(allow_null=True)
    title = serializers.CharField(allow_null=True)
    in_force = serializers.BooleanField()
    ended = serializers.CharField(allow_blank=True, help_text=_("Why it is not in force; empty while it is."))
    use = serializers.IntegerField(allow_null=True, help_text=_("Which use of it this release would be."))
    uses = serializers.IntegerField(allow_null=True)
    keeps = serializers.ListField(
        child=serializers.CharField(), help_text=_("Signatures that are needed all the same.")
    )
    inside = serializers.BooleanField(help_text=_("Whether it is in force and no edge is crossed."))
    edges = EdgeSerializer(many=True)


def envelope_answer(judged: Judged | None) -> dict[str, Any]:
    """What `EnvelopeSerializer` shows."""
    if judged is None:
        nothing: dict[str, Any] = dict.fromkeys(("plan", "title", "use", "uses"))
        return {**nothing, "in_force": False, "ended": "", "keeps": [], "inside": False, "edges": []}
    state = judged.state
    return {
        "plan": state.plan, "title": state.title, "in_force": state.in_force, "ended": state.ended,
        "use": state.next_use, "uses": state.uses, "keeps": state.keeps, "inside": judged.inside,
        "edges": [one.as_dict() for one in judged.edges],
    }  # fmt: skip


class ChangePlanViewSet(RecordViewSet):
    """Retraining envelopes (predetermined change control plans): what may change by retraining on fewer signatures."""

    collection = "change-plans"
    model = ChangePlan
    orderings = ("id", "recorded_at")
    search_fields = ("title", "description")
    serializer_class = ChangePlanSerializer
    create_serializer_class = ChangePlanWriteSerializer
    filter_class = ChangePlanFilters
    parser_classes = (StrictJSONParser, PolicyYamlParser)
    related = ("model_version__model__namespace", "environment", "revocation")

    def queryset_for(self, principal: Principal) -> QuerySet[ChangePlan]:
        """With their uses, and how each stands; in an answer about the past without the latter."""
        found = readable(ChangePlan, principal).prefetch_related("promotions")
        return found if self.moment is not None else with_state(found)

    def create(self, request: Request) -> Response:
        """Propose one, as JSON or as YAML. It is in force when a release that carries it goes live in full."""
        with named_where_it_stands(source_of(request)):
            data = self.read(ChangePlanWriteSerializer)
            reason = self.reason(data)
            versions = readable(ModelVersion, self.principal).select_related("model__namespace")
            plan, created = propose_change_plan(
                actor=self.principal, reason=reason,
                model_version=resolve(versions, data.pop("model_version"), field="model_version"),
                environment=environment_named(data.pop("environment")), slot=Slot(data.pop("slot")),
                envelope=Envelope(**data),
            )  # fmt: skip
        return self.written(plan, created=created)

    @act(ReasonedActSerializer, answer=RevocationSerializer, creates=True)
    def revoke(self, request: Request, id: str) -> Response:
        """End it before its time, for good. What went live on it stays live until something else ends it."""
        plan = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(revoke_change_plan(actor=self.principal, reason=reason, change_plan=plan), RevocationSerializer)
