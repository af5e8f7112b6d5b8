"""End points of releases, sign-offs and promotions."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.promotions import ask_for_promotion, end_promotion
from approvals.actions.releases import close_release, open_release
from approvals.actions.sign_offs import sign, withdraw_sign_off
from approvals.actions.statements import find_requirement, statement
from approvals.api.fields import ReasonedActSerializer, recorded
from approvals.api.policies import environment_named
from approvals.api.serializers_promotions import (
    EndSerializer,
    PromotionEndSerializer,
    PromotionFilters,
    PromotionSerializer,
    PromotionWriteSerializer,
)
from approvals.api.serializers_releases import (
    CloseSerializer,
    ClosureSerializer,
    ReleaseFilters,
    ReleaseSerializer,
    ReleaseWriteSerializer,
    SignOffFilters,
    SignOffSerializer,
    SignSerializer,
    StatementQuery,
    StatementSerializer,
    WithdrawalSerializer,
)
from approvals.models import (
    Promotion,
    PromotionEnd,
    ReauthenticationMethod,
    Release,
    ReleaseClosure,
    SignOff,
    Slot,
    Vote,
)
from governance.accounts.models import Principal
from governance.accounts.reauthentication import verify_password
from governance.api.acts import act
from governance.api.principals import person_of
from governance.api.views import RecordViewSet, readable, resolve
from lineage.models import ModelVersion


class ReleaseViewSet(RecordViewSet):
    """Releases: a version's way into an environment, and the votes on it."""

    collection = "releases"
    model = Release
    serializer_class = ReleaseSerializer
    create_serializer_class = ReleaseWriteSerializer
    filter_class = ReleaseFilters
    related = ("model_version__model__namespace", "environment", "closure")

    def create(self, request: Request) -> Response:
        """Ask for a promotion. Asking again answers 200 with the release that is open."""
        data = self.read(ReleaseWriteSerializer)
        reason = self.reason(data)
        versions = readable(ModelVersion, self.principal).select_related("model__namespace")
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
        at, method = verify_password(request, data.pop("password"))
        signed = sign(
            actor=person, reason=reason, release=release, vote=Vote(data.pop("vote")), reauthenticated_at=at,
            reauthentication_method=ReauthenticationMethod(method), **data,
        )  # fmt: skip
        return recorded(signed, SignOffSerializer)


class SignOffViewSet(RecordViewSet):
    """Sign-offs: signed votes of persons. They are given at their release."""

    collection = "sign-offs"
    model = SignOff
    serializer_class = SignOffSerializer
    filter_class = SignOffFilters
    related = ("requirement", "withdrawal")

    @act(ReasonedActSerializer, answer=WithdrawalSerializer, creates=True)
    def withdraw(self, request: Request, id: str) -> Response:
        """Take your own vote back while the release is open."""
        person = person_of(request)
        sign_off = self.find(id)
        reason = self.reason(self.read(ReasonedActSerializer))
        return recorded(withdraw_sign_off(actor=person, reason=reason, sign_off=sign_off), WithdrawalSerializer)


class PromotionViewSet(RecordViewSet):
    """Promotions: what went live, on which decision, and what ended it."""

    collection = "promotions"
    model = Promotion
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
        """End it; nothing serves in its slot until something else is promoted."""
        promotion = self.find(id)
        data = self.read(EndSerializer)
        kind = PromotionEnd.Kind(data["kind"])
        end = end_promotion(actor=self.principal, reason=data["reason"], promotion=promotion, kind=kind)
        return recorded(end, PromotionEndSerializer)
