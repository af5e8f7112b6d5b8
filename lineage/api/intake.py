"""End points of intake: proposals and what was decided on them, the questions asked, and overrides of tiers."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.accounts.reauthentication import verify_password
from governance.api.acts import act
from governance.api.fields import ExactJSONField, IdField, NameField, TextField
from governance.api.principals import person_of
from governance.api.serializers import (
    FilterSerializer,
    NamespacedWriteSerializer,
    StrictModelSerializer,
    StrictSerializer,
    WriteSerializer,
    with_receipt,
)
from governance.api.views import RecordViewSet, readable, resolve
from lineage import actions
from lineage.api.fields import ProseField, WordField, terms_list
from lineage.api.records import ModelSerializer
from lineage.api.references import PersonReference
from lineage.models import Intake, IntakeDecision, Model, RiskQuestionSet, RiskTier, TierOverride

RECORDED = ("recorded_at", "recorded_by")


class QuestionSerializer(StrictSerializer):
    """A question as it is worded."""

    key = WordField(required=True, allow_blank=False)
    text = TextField(max_length=500)


class RiskQuestionSetSerializer(StrictModelSerializer):
    """The risk questions as they were worded from a moment on."""

    questions = serializers.ListField(child=QuestionSerializer(), read_only=True)

    class Meta:
        model = RiskQuestionSet
        fields = ("id", "number", "questions", *RECORDED)
        read_only_fields = ("id", "number", *RECORDED)


class RiskQuestionSetWriteSerializer(WriteSerializer):
    """A new wording."""

    questions = serializers.ListField(child=QuestionSerializer(), min_length=1, max_length=20)


class RiskQuestionSetViewSet(RecordViewSet):
    """Sets of risk questions; the newest is asked."""

    collection = "risk-question-sets"
    model = RiskQuestionSet
    serializer_class = RiskQuestionSetSerializer
    create_serializer_class = RiskQuestionSetWriteSerializer

    def create(self, request: Request) -> Response:
        """Word the questions anew. A policy owner of everywhere; what a tier follows from stays."""
        data = self.read(RiskQuestionSetWriteSerializer)
        reason = self.reason(data)
        return self.written(
            actions.word_questions(actor=self.principal, reason=reason, questions=data["questions"])
        )  # fmt: skip


class IntakeDecisionSerializer(StrictModelSerializer):
    """What was decided on a proposal."""

    class Meta:
        model = IntakeDecision
        fields = ("id", "intake", "kind", "reason", *RECORDED)


class IntakeSerializer(StrictModelSerializer):
    """A model as it was proposed."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)
    decision = IntakeDecisionSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Intake
        fields = (
            *("id", "namespace", "name", "title", "description", "business_case", "intended_purpose"),
            *("out_of_scope_uses", "deployment_geography", "affected", "expected_data", "approach", "oversight"),
            *("owner", "decision_owner", "question_set", "risk_answers", "risk_tier", "decision", *RECORDED),
        )


class IntakeWriteSerializer(NamespacedWriteSerializer):
    """A model to propose."""

    name = NameField(max_length=256)
    title = WordField()
    description = ProseField(required=True, allow_blank=False)
    business_case = ProseField(required=True, allow_blank=False)
    intended_purpose = WordField(required=True, allow_blank=False)
    out_of_scope_uses = ProseField()
    deployment_geography = terms_list(_("ISO 3166 codes or blocs where it is to decide [D&TA]."))
    affected = ProseField(required=True, allow_blank=False)
    expected_data = ProseField(required=True, allow_blank=False)
    approach = ProseField()
    oversight = ProseField()
    owner = PersonReference()
    decision_owner = PersonReference(required=False)
    question_set = IdField(required=False, help_text=_("The wording that was answered; left out: the newest."))
    risk_answers = ExactJSONField(kind=dict, help_text=_("{question: true or false}, every question."))


class IntakeDecideSerializer(WriteSerializer):
    """A decision. The reason is part of it."""

    kind = serializers.ChoiceField(IntakeDecision.Kind.choices)
    reason = TextField(max_length=2_000)


class IntakeRegisterSerializer(WriteSerializer):
    """Registering what was accepted."""


class IntakeFilters(FilterSerializer):
    """Of proposals."""

    namespace = serializers.CharField(required=False, source="namespace__name")
    name = serializers.CharField(required=False, max_length=256)
    risk_tier = serializers.ChoiceField(RiskTier.choices, required=False)
    decision = serializers.ChoiceField(IntakeDecision.Kind.choices, required=False, source="decision__kind")


class IntakeViewSet(RecordViewSet):
    """Intakes: models proposed before they are trained."""

    collection = "intakes"
    model = Intake
    related = ("namespace", "decision")
    serializer_class = IntakeSerializer
    create_serializer_class = IntakeWriteSerializer
    filter_class = IntakeFilters

    def create(self, request: Request) -> Response:
        """Propose a model. A person; the tier follows from the answers."""
        person = person_of(request)
        data = self.read(IntakeWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        for field in ("owner", "decision_owner"):
            if field in data:
                data[field] = self.person(data[field], field)
        if "question_set" in data:
            data["question_set"] = resolve(RiskQuestionSet.objects.all(), data["question_set"], field="question_set")
        data.setdefault("deployment_geography", [])
        return self.written(actions.propose_model(actor=person, reason=reason, namespace=namespace, **data))

    def person(self, pk: int, field: str) -> Principal:
        """A principal that the caller may know of. Raises Missing, naming the field."""
        found: Principal = resolve(readable_principals(self.principal), pk, field=field)
        return found

    @act(IntakeDecideSerializer, answer=IntakeDecisionSerializer, creates=True)
    def decide(self, request: Request, id: str) -> Response:
        """Accept or decline it: a risk manager or compliance officer who did not propose it."""
        intake = self.find(id)
        data = self.read(IntakeDecideSerializer)
        reason = self.reason(data)
        made = actions.decide_intake(
            actor=person_of(request), reason=reason, intake=intake, kind=IntakeDecision.Kind(data["kind"])
        )
        return Response(with_receipt(IntakeDecisionSerializer)(made).data, status=201)

    @act(IntakeRegisterSerializer, answer=ModelSerializer, creates=True, repeats=True)
    def register(self, request: Request, id: str) -> Response:
        """Register the model of an accepted proposal with what was proposed; the same again is the same."""
        intake = self.find(id)
        reason = self.reason(self.read(IntakeRegisterSerializer))
        record, created = actions.register_accepted(actor=self.principal, reason=reason, intake=intake)
        return Response(with_receipt(ModelSerializer)(record).data, status=201 if created else 200)


class OverrideQuery(FilterSerializer):
    """Of what a statement would be."""

    own = frozenset({"format"})
    model = IdField()
    tier = serializers.ChoiceField(RiskTier.choices, required=False, default="")
    reason = serializers.CharField(max_length=2_000)


class OverrideStatementSerializer(serializers.Serializer[Any]):
    """What would be signed, word for word."""

    statement = serializers.CharField(source="text")
    statement_digest = serializers.CharField(source="digest")


class TierOverrideSerializer(StrictModelSerializer):
    """A signed override."""

    model_name = serializers.CharField(source="model.name", read_only=True)

    class Meta:
        model = TierOverride
        fields = (
            *("id", "model", "model_name", "tier", "derived_tier", "answers", "reason", "printed_name", "meaning"),
            *("signed_at", "statement", "statement_digest", "role_grant", "reauthenticated_at"),
            *("reauthentication_method", *RECORDED),
        )


class TierOverrideWriteSerializer(WriteSerializer):
    """A signature under another tier."""

    model = IdField()
    tier = serializers.ChoiceField(
        RiskTier.choices, allow_blank=True, help_text=_("Blank: what follows from the answers again.")
    )
    reason = TextField(max_length=2_000, help_text=_("Why; part of what is signed."))
    meaning = WordField(max_length=200)
    statement_digest = TextField(max_length=64, help_text=_("Of the statement, from GET …/statement."))
    password = TextField(max_length=4096)


class TierOverrideFilters(FilterSerializer):
    """Of overrides."""

    model = IdField(required=False, source="model_id")


class TierOverrideViewSet(RecordViewSet):
    """Overrides of risk tiers: signed by risk managers, applied by the database."""

    collection = "tier-overrides"
    model = TierOverride
    related = ("model",)
    serializer_class = TierOverrideSerializer
    create_serializer_class = TierOverrideWriteSerializer
    filter_class = TierOverrideFilters

    def _model(self, pk: int) -> Model:
        found: Model = resolve(readable(Model, self.principal).select_related("namespace"), pk, field="model")
        return found

    @extend_schema(parameters=[OverrideQuery], responses={200: OverrideStatementSerializer})
    @action(detail=False, methods=["get"], url_path="statement", url_name="statement")
    def statement(self, request: Request) -> Response:
        """What a risk manager would sign now."""
        query = OverrideQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        shown = actions.override_statement(
            actor=person_of(request), model=self._model(asked["model"]), tier=asked["tier"], reason=asked["reason"]
        )
        return Response(OverrideStatementSerializer(shown).data)

    def create(self, request: Request) -> Response:
        """Sign another tier, with the password once more. Votes bound to the model's use go stale."""
        person = person_of(request)
        data = self.read(TierOverrideWriteSerializer)
        reason = self.reason(data)
        model = self._model(data.pop("model"))
        at, method = verify_password(request, data.pop("password"))
        signed = actions.override_tier(
            actor=person, reason=reason, model=model, reauthenticated_at=at, reauthentication_method=method, **data
        )
        return self.written(signed)
