"""Acts for auditors and administrators, and search for everyone, within what they may read."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from governance.accounts.models import Namespace
from governance.api.views import ApiView, DoorMixin
from governance.desk import acts, search
from governance.desk.api.serializers import (
    ActFilters,
    ActSerializer,
    HitSerializer,
    OneActQuery,
    OneActSerializer,
    SearchQuery,
)
from governance.desk.models import Act
from governance.desk.readers import Scope, desk_scope, reading_scope
from governance.errors import Missing


def namespace_id(scope: Scope, name: str) -> int:
    """The id of a namespace that a scope holds. Raises Missing for any other, whether it is there or not."""
    found = scope.narrow(Namespace.objects.filter(name=name), "pk").first()
    if found is None:
        sentence = _("No such namespace, or none that you may read.")
        raise Missing(sentence, errors={"namespace": [sentence]})
    return int(found.pk)


class ActsView(DoorMixin, GenericAPIView[Act]):
    """Acts across all kinds of records."""

    collection = "acts"
    ordering: ClassVar[tuple[str, ...]] = ("-at", "-id")
    serializer_class = ActSerializer
    action = "list"  # tells the schema that this is a list
    filter_class = ActFilters
    queryset = Act.objects.none()

    @extend_schema(operation_id="acts_list")
    def get(self, request: Request) -> Response:
        """A page of acts, newest first. For auditors and administrators, of what they oversee.

        With `kind` an act stands once for each way it wrote that kind; an act may stand on two pages where it wrote
        into several namespaces.
        """
        query = ActFilters(data=request.query_params)
        query.is_valid(raise_exception=True)
        scope = desk_scope(self.principal)
        asked = dict(query.validated_data)
        if "namespace" in asked:
            asked["namespace"] = namespace_id(scope, asked["namespace"])
        page = self.paginate_queryset(acts.wanted_acts(scope, acts.Wanted(**asked)))
        return self.get_paginated_response(self.get_serializer(acts.told(page or [], scope), many=True).data)


class ActView(ApiView):
    """One act."""

    collection = "acts"

    @extend_schema(
        operation_id="acts_retrieve",
        parameters=[OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH), OneActQuery],
        responses=OneActSerializer,
    )
    def get(self, request: Request, id: str) -> Response:
        """Everything one act wrote, before and after, with the entries of the log; 200 changes at a time."""
        query = OneActQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        scope = desk_scope(self.principal)
        act = acts.one(scope, id)
        if act is None:
            raise Missing(_("No such act, or none that you may read."))
        written = acts.written(scope, act, reader=self.principal, after=query.validated_data.get("after", 0))
        shown = written[: acts.WRITTEN_SHOWN]
        told: dict[str, Any] = {
            **ActSerializer(act).data,
            "written": shown,
            "next_after": shown[-1]["entry"] if len(written) > len(shown) else None,
        }
        told["written"] = OneActSerializer().fields["written"].to_representation(shown)
        return Response(told)


class SearchView(ApiView):
    """Search over everything."""

    collection = "search"

    @extend_schema(
        operation_id="search",
        parameters=[SearchQuery],
        responses=inline_serializer(
            "SearchAnswer",
            {"results": HitSerializer(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request) -> Response:
        """Records that hold all the words, of those you may read: what is called so first, then the newest."""
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        hits, older = search.find(
            reading_scope(self.principal), asked["q"], kind=asked.get("kind", ""), before=asked.get("before")
        )
        following = replace_query_param(request.build_absolute_uri(), "before", older) if older else None
        return Response({"results": HitSerializer(hits, many=True).data, "next": following})
