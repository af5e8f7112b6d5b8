"""`/api/v1/exports/…`: records in bulk, as CSV or JSON lines; each taking is put on record before it begins."""

from datetime import datetime
from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from governance.accounts.roles import Role
from governance.api.fields import IdField, MomentField, NameField
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView
from governance.desk import access, acts, exports, kinds
from governance.desk.actions.exports import record_export
from governance.desk.api.serializers import ActFilters, KindField
from governance.desk.api.views import namespace_id
from governance.desk.readers import desk_scope

ANSWER = OpenApiResponse(
    response=OpenApiTypes.STR,
    description=gettext_lazy(
        "The rows in the order of their key, as CSV (texts that look like formulas led by an apostrophe) or JSON lines."
    ),
)
ANSWERS = {(200, "text/csv"): ANSWER, (200, "application/jsonl"): ANSWER}


class ExportQuery(FilterSerializer):
    """In which form, and where to go on."""

    own = frozenset({"format"})
    form = serializers.ChoiceField(
        choices=list(exports.FORMATS), required=False, default="csv", help_text=gettext_lazy("csv or jsonl.")
    )
    after = IdField(
        required=False,
        help_text=gettext_lazy("The key of the last row that arrived whole: goes on after it."),
    )


def past(value: datetime) -> None:
    """A moment that has been. Raises ValidationError for one to come."""
    if value > timezone.now():
        raise serializers.ValidationError(_("This moment is still to come."))


class RecordsQuery(ExportQuery):
    """Records of which kind, as of when."""

    table = KindField()
    as_of = MomentField(
        required=False,
        validators=[past],
        help_text=gettext_lazy("As they stood at this moment; left out: as they stand."),
    )


class HistoryQuery(ExportQuery):
    """History of which kind."""

    table = KindField()


class ActsQuery(ActFilters, ExportQuery):
    """Which acts."""


class AccessFilters(FilterSerializer):
    """Which grants, at which moment."""

    at = MomentField(required=False, validators=[past], help_text=gettext_lazy("As it stood then; left out: now."))
    namespace = NameField(required=False, help_text=gettext_lazy("Grants of this namespace and of everywhere."))
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    principal = IdField(required=False)
    in_force = serializers.BooleanField(
        required=False, default=False, help_text=gettext_lazy("Only what counted at that moment.")
    )


class AccessQuery(AccessFilters, ExportQuery):
    """Which grants, in which form."""


class ExportView(ApiView):
    """An export: subclasses say what it is of."""

    collection = "exports"
    query_class: ClassVar[type[ExportQuery]] = ExportQuery

    def source(self, asked: dict[str, Any]) -> exports.Source:
        """What is taken out. Raises Refused for what the reader may not have."""
        raise NotImplementedError

    def stream(self, request: Request) -> StreamingHttpResponse:
        """Put it on record, and begin."""
        query = self.query_class(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = dict(query.validated_data)
        source = self.source(asked)
        told = {name: request.query_params[name] for name in request.query_params if name != "form"}
        record_export(
            actor=self.principal, reason=f"GET {request.path}", what=source.what, form=asked["form"], filters=told
        )
        answer = StreamingHttpResponse(
            exports.stream(source, asked["form"], asked.get("after")), content_type=exports.FORMATS[asked["form"]]
        )
        name = f"{source.what.replace(' ', '-')}-{timezone.now():%Y%m%d-%H%M%S}.{asked['form']}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


class RecordsExport(ExportView):
    """Records of one kind."""

    query_class = RecordsQuery

    @extend_schema(operation_id="exports_records", parameters=[RecordsQuery], responses=ANSWERS)
    def get(self, request: Request) -> StreamingHttpResponse:
        """Every record of a kind that you may read, as it stands or stood at a moment; key: `id`."""
        return self.stream(request)

    def source(self, asked: dict[str, Any]) -> exports.Source:
        """By table."""
        return exports.records(kinds.models_by_kind()[asked["table"]], self.principal, asked.get("as_of"))


class HistoryExport(ExportView):
    """The history of one kind."""

    query_class = HistoryQuery

    @extend_schema(operation_id="exports_history", parameters=[HistoryQuery], responses=ANSWERS)
    def get(self, request: Request) -> StreamingHttpResponse:
        """Every recorded state of every record of a kind that you may read; key: `history_id`."""
        return self.stream(request)

    def source(self, asked: dict[str, Any]) -> exports.Source:
        """By table."""
        return exports.history(kinds.models_by_kind()[asked["table"]], self.principal)


class ActsExport(ExportView):
    """Acts."""

    query_class = ActsQuery

    @extend_schema(operation_id="exports_acts", parameters=[ActsQuery], responses=ANSWERS)
    def get(self, request: Request) -> StreamingHttpResponse:
        """Acts with what they wrote, as the list of acts has them; key: `id`. For auditors and administrators."""
        return self.stream(request)

    def source(self, asked: dict[str, Any]) -> exports.Source:
        """By the filters of the list."""
        scope = desk_scope(self.principal)
        wanted = {name: value for name, value in asked.items() if name not in ("form", "after")}
        if "namespace" in wanted:
            wanted["namespace"] = namespace_id(scope, wanted["namespace"])
        return exports.acts(scope, acts.Wanted(**wanted))


def access_source(view: ApiView, asked: dict[str, Any]) -> exports.Source:
    """The review of access that was asked for."""
    scope = desk_scope(view.principal)
    space = namespace_id(scope, asked["namespace"]) if "namespace" in asked else None
    narrowed = {name: asked[name] for name in ("role", "principal", "in_force") if name in asked}
    return access.source(scope, asked.get("at") or timezone.now(), namespace=space, **narrowed)


class AccessExport(ExportView):
    """The review of access."""

    query_class = AccessQuery

    @extend_schema(operation_id="exports_access", parameters=[AccessQuery], responses=ANSWERS)
    def get(self, request: Request) -> StreamingHttpResponse:
        """Who could do what, and sign, at a moment; key: `grant_id`. For auditors and administrators."""
        return self.stream(request)

    def source(self, asked: dict[str, Any]) -> exports.Source:
        """By the filters of the review."""
        return access_source(self, asked)
