"""GET /api/v1/live-at?at=: who was live when, in one call: all models, environments and slots, with their signers."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.policies import environment_named
from approvals.api.serializers_promotions import SignerSerializer
from approvals.models import AsFound, Promotion, SignOff
from approvals.onboarding import as_found
from approvals.queries import live
from governance.api.moments import PastMomentField
from governance.api.principals import namespace_of
from governance.api.serializers import FilterSerializer
from governance.api.views import DoorMixin


class LiveAtQuery(FilterSerializer):
    """When, and where."""

    own = frozenset({"cursor", "limit", "format"})
    at = PastMomentField(required=False, help_text=_("A day (its first instant in UTC) or a moment; left out: now."))
    namespace = serializers.CharField(required=False)
    environment = serializers.CharField(required=False)
    as_found = serializers.BooleanField(
        required=False,
        default=False,
        help_text=_("true: what served as found instead, which no gate let pass; nobody had signed for it."),
    )


class LiveAtSerializer(serializers.Serializer[Any]):
    """What was live in one slot, on which release, and who had signed."""

    namespace = serializers.CharField(source="model.namespace.name")
    model = serializers.CharField(source="model.name")
    environment = serializers.CharField(source="environment.name")
    slot = serializers.CharField()
    version = serializers.IntegerField(source="release.model_version.number")
    model_version = serializers.IntegerField(source="release.model_version_id")
    digest = serializers.CharField(help_text=_("Of the artifact, algorithm:hex; empty where none is on record."))
    promotion = serializers.IntegerField(source="id", allow_null=True, help_text=_("null: it served as found."))
    release = serializers.IntegerField(source="release_id", allow_null=True)
    as_found = serializers.IntegerField(allow_null=True, help_text=_("The entry, of what served as found; else null."))
    kind = serializers.CharField(help_text=_("release, rollback, reinstatement, fallback or as_found."))
    started_at = serializers.DateTimeField()
    serve_until = serializers.DateTimeField(
        allow_null=True,
        help_text=_("Of what served as found: from when on it may not; it served past it if it stands here."),
    )
    signed_by = SignerSerializer(source="signers", many=True)


def signers(promotion: Promotion, at: datetime | None = None) -> list[SignOff]:
    """The votes that the decisions of a promotion rested on: one stale or short of the quorum signed for nothing.

    Reads what `queries.live` fetches along. `at`: without decisions after it; a release may go live more than once.
    """
    rested_on = {
        record["id"]
        for decision in promotion.release.decisions.all()
        if at is None or decision.decided_at <= at
        for requirement in decision.requirements
        for record in requirement["rests_on"]
        if record["kind"] == "sign_off"
    }
    return [vote for vote in promotion.release.sign_offs.all() if vote.pk in rested_on]


def artifact(promotion: Promotion) -> str:
    """The digest of what serves, as algorithm:hex."""
    version = promotion.release.model_version
    return f"{version.digest_algorithm}:{version.digest_value}" if version.digest_value else ""


def found_there(entry: AsFound) -> SimpleNamespace:
    """An entry as found as a row beside promotions."""
    version = entry.model_version
    return SimpleNamespace(
        model=entry.model, environment=entry.environment, slot=entry.slot, started_at=entry.since, kind="as_found",
        release=SimpleNamespace(model_version=version, model_version_id=version.pk), release_id=None, id=None,
        digest=f"{version.digest_algorithm}:{version.digest_value}" if version.digest_value else "", signers=[],
        as_found=entry.pk, serve_until=entry.govern_by,
    )  # fmt: skip


class LiveAtView(DoorMixin, GenericAPIView[Any]):
    """Who was live when?"""

    collection = "live"
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    serializer_class = LiveAtSerializer
    action = "list"  # tells the schema that this is a list
    filter_class = LiveAtQuery

    @extend_schema(operation_id="live_at_list")
    def get(self, request: Request) -> Response:
        """Everything that was live at a moment, the newest first, page by page, with who had signed for it.

        `as_found=true` lists what served without having passed a gate, as it was brought in.
        """
        query = LiveAtQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        environment = environment_named(asked["environment"]) if "environment" in asked else None
        at = asked.get("at") or timezone.now()
        of_found = asked["as_found"]
        found: Any = as_found(self.principal, at=at) if of_found else live(self.principal, at=at)
        if environment is not None:
            found = found.filter(environment=environment)
        if "namespace" in asked:
            found = found.filter(model__namespace=namespace_of(self.principal, asked["namespace"]))
        page: list[Any] = self.paginate_queryset(found) or []
        if of_found:
            page = [found_there(entry) for entry in page]
        for promotion in () if of_found else page:
            promotion.signers, promotion.digest = signers(promotion, at), artifact(promotion)
            promotion.as_found = promotion.serve_until = None
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
