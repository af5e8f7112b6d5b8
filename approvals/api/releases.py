"""End points of releases, sign-offs and promotions."""

from django.db.models import QuerySet
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.promotions import ask_for_promotion, end_promotion
from approvals.actions.releases import close_release, open_release
from approvals.actions.serving import reinstate, roll_back
from approvals.actions.sign_offs import (
    Condition,
    declare_conflict,
    lift_veto,
    sign,
    withdraw_sign_off,
)
from approvals.actions.statements import find_requirement, statement
from approvals.api.change_plans import EnvelopeSerializer, envelope_answer
from approvals.api.fields import ReasonedActSerializer, recorded
from approvals.api.policies import environment_named
from approvals.api.serializers_comparison import ReleaseComparisonSerializer
from approvals.api.serializers_promotions import (
    EndSerializer,
    PromotionEndSerializer,
    PromotionFilters,
    PromotionSerializer,
    PromotionWriteSerializer,
    RollbackSerializer,
)
from approvals.api.serializers_releases import (
    CloseSerializer,
    ClosureSerializer,
    ConflictFilters,
    ConflictSerializer,
    ConflictWriteSerializer,
    LiftSerializer,
    ReleaseFilters,
    ReleaseSerializer,
    ReleaseWriteSerializer,
    SignOffFilters,
    SignOffSerializer,
    SignSerializer,
    StatementQuery,
    StatementSerializer,
    VetoLiftSerializer,
    WithdrawalSerializer,
)
from approvals.comparison import compare
from approvals.gate.envelope import envelope_of
from approvals.jobs import ask_for_pack
from approvals.models import (
    OVERSEEING_CONFLICTS,
    ChangePlan,
    ConflictOfInterest,
    Finding,
    Plan,
    Promotion,
    PromotionEnd,
    ReauthenticationMethod,
    Release,
    ReleaseClosure,
    SignOff,
    Slot,
    Vote,
)
from governance.accounts.api.serializers import ReasonSerializer
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from governance.accounts.reauthentication import verify_password
from governance.api.acts import act
from governance.api.principals import person_of
from governance.api.views import RecordViewSet, readable, resolve
from governance.jobs.api import JobSerializer, accepted
from lineage.models import Model, ModelVersion


def _owner(reader: Principal, id: int, place: int) -> Principal:
    """Who answers a condition. Raises Missing, naming the condition."""
    active = readable_principals(reader).filter(is_active=True, kind=Principal.Kind.PERSON)
    found: Principal = resolve(active, id, field=f"conditions.{place}.owner")
    return found


class ReleaseViewSet(RecordViewSet):
    """Releases: a version's way into an environment, and the votes on it."""

    collection = "releases"
    model = Release
    orderings = ("id", "recorded_at")
    search_fields = ("model_version__model__name", "purpose")
    serializer_class = ReleaseSerializer
    create_serializer_class = ReleaseWriteSerializer
    filter_class = ReleaseFilters
    related = ("model_version__model__namespace", "environment", "closure")

    def create(self, request: Request) -> Response:
        """Ask for a promotion. Asking again answers 200 with the release that is open."""
        data = self.read(ReleaseWriteSerializer)
        reason = self.reason(data)
        versions = readable(ModelVersion, self.principal).select_related("model__namespace")
        if (plan := data.pop("trial_plan", None)) is not None:
            data["trial_plan"] = resolve(readable(Plan, self.principal), plan, field="trial_plan")
        if (envelope := data.pop("change_plan", None)) is not None:
            data["change_plan"] = resolve(readable(ChangePlan, self.principal), envelope, field="change_plan")
        release, created = open_release(
            actor=self.principal, reason=reason,
            model_version=resolve(versions, data.pop("model_version"), field="model_version"),
            environment=environment_named(data.pop("environment")), slot=Slot(data.pop("slot")), **data,
        )  # fmt: skip
        return self.written(release, created=created)

    @act(CloseSerializer, answer=ClosureSerializer, creates=True)
    def close(self, request: Request, id: str) -> Response:
        """Close it without a promotion: rejected by those who judge, withdrawn by those who asked."""
        release = self.find(id)
        data = self.read(CloseSerializer)
        kind = ReleaseClosure.Kind(data["kind"])
        closure = close_release(actor=self.principal, reason=data["reason"], release=release, kind=kind)
        return recorded(closure, ClosureSerializer)

    @extend_schema(request=ReasonSerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="evidence-pack", url_name="evidence-pack")
    def evidence_pack(self, request: Request, id: str) -> Response:
        """Ask for its evidence pack: everything it rests on, with proofs, in one file. Follow the job for the file."""
        release = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        job, _created = ask_for_pack(actor=self.principal, reason=reason, release=release)
        return accepted(job, self.get_serializer_context())

    @extend_schema(responses=ReleaseComparisonSerializer)
    @action(detail=True, methods=["get"])
    def comparison(self, request: Request, id: str) -> Response:
        """The candidate beside what serves in its place and beside its baseline; and what could not be compared."""
        found = compare(self.find(id), self.principal)
        return Response(ReleaseComparisonSerializer(found).data)

    @extend_schema(responses=EnvelopeSerializer)
    @action(detail=True, methods=["get"])
    def envelope(self, request: Request, id: str) -> Response:
        """How the retraining envelope in force in its place judges it, edge by edge; `plan` null where none does."""
        return Response(EnvelopeSerializer(envelope_answer(envelope_of(self.find(id)))).data)

    @extend_schema(parameters=[StatementQuery], responses=StatementSerializer)
    @action(detail=True, methods=["get"])
    def statement(self, request: Request, id: str) -> Response:
        """What you would sign, word for word. For a person's session; an API key gets 403."""
        person = person_of(request)
        release = self.find(id)
        query = StatementQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        key, vote = query.validated_data["requirement"], Vote(query.validated_data["vote"])
        shown = statement(person=person, release=release, requirement=find_requirement(release, key), vote=vote)
        behalf = shown.grant.on_behalf_of
        answer = {
            "requirement": key,
            "vote": vote,
            "role": shown.grant.role,
            "on_behalf_of": behalf.display_name if behalf else None,
            "statement": shown.text,
            "statement_digest": shown.digest,
            "evidence_seen": shown.evidence_seen,
        }
        return Response(StatementSerializer(answer).data)

    @act(SignSerializer, path="sign-offs", answer=SignOffSerializer, creates=True)
    def sign_offs(self, request: Request, id: str) -> Response:
        """Sign a vote with your password. For a person's session; an API key gets 403."""
        person = person_of(request)
        release = self.find(id)
        data = self.read(SignSerializer)
        reason = self.reason(data)
        # The statement's parts are read before the password is tried: a refused form must not cost a try.
        find_requirement(release, data["requirement"])
        conditions = [
            Condition(
                text=one["text"], owner=_owner(person, one["owner"], n), due=one["due"],
                when_overdue=Finding.WhenOverdue(one["when_overdue"]),
            )
            for n, one in enumerate(data.pop("conditions"))
        ]  # fmt: skip
        at, method = verify_password(request, data.pop("password"))
        signed = sign(
            actor=person, reason=reason, release=release, vote=Vote(data.pop("vote")), reauthenticated_at=at,
            reauthentication_method=ReauthenticationMethod(method), conditions=conditions, **data,
        )  # fmt: skip
        return recorded(signed, SignOffSerializer)


class SignOffViewSet(RecordViewSet):
    """Sign-offs: signed votes of persons. They are given at their release."""

    collection = "sign-offs"
    model = SignOff
    orderings = ("id", "recorded_at")
    search_fields = ("printed_name", "comment")
    serializer_class = SignOffSerializer
    filter_class = SignOffFilters
    related = ("requirement", "withdrawal", "lift")

    @act(ReasonedActSerializer, answer=WithdrawalSerializer, creates=True)
    def withdraw(self, request: Request, id: str) -> Response:
        """Take your own vote back while the release is open."""
        person = person_of(request)
        sign_off = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(withdraw_sign_off(actor=person, reason=reason, sign_off=sign_off), WithdrawalSerializer)

    @act(LiftSerializer, answer=VetoLiftSerializer, creates=True)
    def lift(self, request: Request, id: str) -> Response:
        """Lift a veto as the head of its role, once the policy's delay is over."""
        person = person_of(request)
        sign_off = self.find(id)
        data = self.read(LiftSerializer)
        at, method = verify_password(request, data["password"])
        lifted = lift_veto(
            actor=person, reason=data["reason"], sign_off=sign_off, reauthenticated_at=at,
            reauthentication_method=ReauthenticationMethod(method),
        )  # fmt: skip
        return recorded(lifted, VetoLiftSerializer)


class ConflictViewSet(RecordViewSet):
    """Conflicts of interest: who judges no version of which model. Why is for its author and those who oversee."""

    collection = "conflicts-of-interest"
    model = ConflictOfInterest
    serializer_class = ConflictSerializer
    create_serializer_class = ConflictWriteSerializer
    filter_class = ConflictFilters
    related = ("model__namespace",)

    def create(self, request: Request) -> Response:
        """Declare one of your own; votes you gave on the model count no more."""
        person = person_of(request)
        data = self.read(ConflictWriteSerializer)
        reason = self.reason(data)
        model = resolve(readable(Model, person), data.pop("model"), field="model")
        return self.written(declare_conflict(actor=person, reason=reason, model=model, **data))

    def may_read_text(self, conflict: ConflictOfInterest) -> bool:
        """Its author, auditors and compliance officers."""
        if conflict.recorded_by_id == self.principal.pk:
            return True
        held = self.oversight
        return None in held or conflict.model.namespace_id in held

    @cached_property
    def oversight(self) -> set[int | None]:
        """The namespaces the caller oversees; None: all."""
        grants = grants_in_force(self.principal).filter(role__in=OVERSEEING_CONFLICTS)
        return set(grants.values_list("namespace", flat=True))


class PromotionViewSet(RecordViewSet):
    """Promotions: what went live, on which decision, and what ended it."""

    collection = "promotions"
    model = Promotion
    orderings = ("id", "recorded_at")
    search_fields = ("model__name",)
    serializer_class = PromotionSerializer
    create_serializer_class = PromotionWriteSerializer
    filter_class = PromotionFilters
    related = ("release__model_version", "model__namespace", "environment", "end", "decision")

    def queryset_for(self, principal: Principal) -> QuerySet[Promotion]:
        """Of readable namespaces."""
        return readable(Promotion, principal)

    def create(self, request: Request) -> Response:
        """Make it live. 409 with every requirement where the gate is closed; the attempt is on record then."""
        data = self.read(PromotionWriteSerializer)
        reason = self.reason(data)
        releases = readable(Release, self.principal).select_related("model_version__model__namespace", "environment")
        release = resolve(releases, data["release"], field="release")
        return self.written(ask_for_promotion(actor=self.principal, reason=reason, release=release))

    @act(EndSerializer, answer=PromotionEndSerializer, creates=True)
    def end(self, request: Request, id: str) -> Response:
        """Suspend or retire it; nothing serves in its slot until something else is promoted."""
        promotion = self.find(id)
        data = self.read(EndSerializer)
        kind = PromotionEnd.Kind(data["kind"])
        end = end_promotion(actor=self.principal, reason=data["reason"], promotion=promotion, kind=kind)
        return recorded(end, PromotionEndSerializer)

    @act(RollbackSerializer, answer=PromotionSerializer, creates=True)
    def rollback(self, request: Request, id: str) -> Response:
        """Go back to an earlier version of its slot whose approval is still good. 409 where it is not."""
        promotion = self.find(id)
        data = self.read(RollbackSerializer)
        to = None
        if "to" in data:
            to = resolve(self.queryset_for(self.principal).select_related("release"), data["to"], field="to")
        made = roll_back(actor=self.principal, reason=data["reason"], promotion=promotion, to=to)
        return recorded(self.find(made.pk), PromotionSerializer, context=self.get_serializer_context())

    @act(ReasonedActSerializer, answer=PromotionSerializer, creates=True)
    def reinstate(self, request: Request, id: str) -> Response:
        """Lift its suspension: a risk manager or compliance officer without a hand in the version, in their session."""
        person, promotion = person_of(request), self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        made = reinstate(actor=person, reason=reason, promotion=promotion)
        return recorded(self.find(made.pk), PromotionSerializer, context=self.get_serializer_context())
