"""GET /api/v1/live-at?at=: who was live when, in one call: all models, environments and slots, with their signers."""

from datetime import datetime
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
from approvals.models import Promotion, SignOff
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


class LiveAtSerializer(serializers.Serializer[Any]):
    """What was live in one slot, on which release, and who had signed."""

    namespace = serializers.CharField(source="model.namespace.name")
    model = serializers.CharField(source="model.name")
    environment = serializers.CharField(source="environment.name")
    slot = serializers.CharField()
    version = serializers.IntegerField(source="release.model_version.number")
    model_version = serializers.IntegerField(source="release.model_version_id")
    digest = serializers.CharField(help_text=_("Of the artifact, algorithm:hex; empty where none is on record."))
    promotion = serializers.IntegerField(source="id")
    release = serializers.IntegerField(source="release_id")
    kind = serializers.CharField(help_text=_("release, rollback, reinstatement or fallback."))
    started_at = serializers.DateTimeField()
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


class LiveAtView(DoorMixin, GenericAPIView[Any]):
    """Who was live when?"""

    collection = "live"
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    serializer_class = LiveAtSerializer
    action = "list"  # tells the schema that this is a list
    filter_class = LiveAtQuery

    @extend_schema(operation_id="live_at_list")
    def get(self, request: Request) -> Response:
        """Everything that was live at a moment, the newest first, page by page, with who had signed for it."""
        query = LiveAtQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        environment = environment_named(asked["environment"]) if "environment" in asked else None
        at = asked.get("at") or timezone.now()
        found = live(self.principal, environment=environment, at=at)
        if "namespace" in asked:
            found = found.filter(model__namespace=namespace_of(self.principal, asked["namespace"]))
        page: list[Any] = self.paginate_queryset(found) or []
        for promotion in page:
            promotion.signers, promotion.digest = signers(promotion, at), artifact(promotion)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
