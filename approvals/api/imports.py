"""End points of bringing in an inventory: send it, look at what would come of it, confirm, fetch what is left over.

The file is the body, as it is: `curl --data-binary @inventory.csv -H "Content-Type: text/csv" "…/imports?namespace=x"`.
"""

from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.imports import my_drafts, prepare_import, remainder_of
from approvals.imports.mlflow import prepare_from_server
from approvals.jobs import ask_for_import
from governance.api.fields import NameField, TextField
from governance.api.parsers import StrictJSONParser
from governance.api.principals import namespace_of
from governance.api.serializers import FilterSerializer, ReceiptSerializer, StrictModelSerializer, WriteSerializer
from governance.api.views import ApiView, RecordViewSet, resolve
from governance.errors import TooLarge
from governance.jobs.api import JobSerializer, accepted
from lineage.imports.layouts import LAYOUTS, OWN
from lineage.imports.reading import ENCODINGS, MAX_BYTES
from lineage.models import ImportDraft, ImportFormat, InventoryImport

ROWS_SHOWN = 200
MODES = (("all_or_nothing", gettext_lazy("all or nothing")), ("good_rows", gettext_lazy("the good rows")))
TYPES = {"text/csv": ImportFormat.CSV, "application/json": ImportFormat.JSON,
         "application/x-ndjson": ImportFormat.JSON_LINES}  # fmt: skip
SUFFIXES = {ImportFormat.CSV: "csv", ImportFormat.JSON: "json", ImportFormat.JSON_LINES: "jsonl",
            ImportFormat.MLFLOW: "jsonl"}  # fmt: skip


class _WholeFile(BaseParser):
    """Takes the body as it is, up to the limit of an inventory."""

    def parse(  # type: ignore[override]  # the stubs know parsers of objects only
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """The bytes. Raises TooLarge."""
        try:
            body: bytes = stream.read(MAX_BYTES + 1)
        except OSError:
            raise ParseError(_("The connection broke before the whole file had arrived.")) from None
        if len(body) > MAX_BYTES:
            raise TooLarge(_("The file has more than %(limit)d MiB. Split it.") % {"limit": MAX_BYTES // 2**20})
        return body


class CsvParser(_WholeFile):
    """An inventory as CSV."""

    media_type = "text/csv"


class JsonFileParser(_WholeFile):
    """An inventory as a list of JSON objects: read strictly, later."""

    media_type = "application/json"


class JsonLinesParser(_WholeFile):
    """An inventory as JSON lines."""

    media_type = "application/x-ndjson"


class RowFaultSerializer(serializers.Serializer[Any]):
    """What is wrong with a row."""

    field = serializers.CharField(help_text=gettext_lazy("The column as the file has it; (row): the row as a whole."))
    message = serializers.CharField()


class ImportRowSerializer(serializers.Serializer[Any]):
    """A row, and what would come of it, or came of it."""

    row = serializers.IntegerField(help_text=gettext_lazy("Line of a CSV or of JSON lines, place in a JSON list."))
    name = serializers.CharField(help_text=gettext_lazy("The model it is about."))
    verdict = serializers.ChoiceField(choices=["new", "unchanged", "faulty"])
    makes = serializers.ListField(
        child=serializers.ChoiceField(choices=["model", "version", "as_found"]),
        help_text=gettext_lazy("What is new in it."),
    )
    faults = RowFaultSerializer(many=True)


class ImportCountsSerializer(serializers.Serializer[Any]):
    """How much there is of what."""

    rows = serializers.IntegerField()
    faulty = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    models = serializers.IntegerField()
    versions = serializers.IntegerField()
    as_found = serializers.IntegerField()


class InventoryImportSerializer(StrictModelSerializer):
    """An inventory that was brought in."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = InventoryImport
        fields = (
            *("id", "namespace", "source", "format", "layout", "content_digest", "content_bytes", "rows"),
            *("rows_faulty", "rows_unchanged", "models_made", "versions_made", "as_found_made", "whole"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class ImportSummarySerializer(serializers.Serializer[Any]):
    """A file that was sent."""

    id = serializers.IntegerField()
    namespace = serializers.CharField(source="namespace.name")
    name = serializers.CharField()
    format = serializers.ChoiceField(choices=ImportFormat.choices)
    layout = serializers.CharField()
    created_at = serializers.DateTimeField()
    state = serializers.SerializerMethodField()
    counts = ImportCountsSerializer(source="report.counts")
    record = InventoryImportSerializer(allow_null=True, help_text=gettext_lazy("What came of it; null: not confirmed."))
    remainder = serializers.SerializerMethodField()

    def get_state(self, draft: ImportDraft) -> str:
        """prepared, or imported once it was confirmed."""
        return "imported" if draft.record_id else "prepared"

    def get_remainder(self, draft: ImportDraft) -> str | None:
        """Address of the faulty rows as a file; null: there are none."""
        return reverse("import-remainder-api", args=[draft.pk]) if draft.report["counts"]["faulty"] else None


class ImportSerializer(ImportSummarySerializer):
    """A file that was sent, with what would come of its rows, faulty ones first."""

    left_out = serializers.ListField(
        child=serializers.CharField(), source="report.left_out", help_text=gettext_lazy("Columns that are not kept.")
    )
    rows = ImportRowSerializer(many=True, source="shown")
    next_after = serializers.IntegerField(
        source="following",
        allow_null=True,
        help_text=gettext_lazy("For ?after= of the rows that follow; null: no more."),
    )
    receipt = ReceiptSerializer(source="record", allow_null=True, help_text=gettext_lazy("Of the import; null before."))


class UploadQuery(FilterSerializer):
    """Whither, and how to read it."""

    own = frozenset({"format"})
    namespace = serializers.CharField(required=False)
    name = serializers.CharField(required=False, max_length=500, default="inventory")
    layout = serializers.ChoiceField(choices=list(LAYOUTS), required=False, default=OWN)
    encoding = serializers.ChoiceField(choices=list(ENCODINGS), required=False, default="utf-8")


class RowsQuery(FilterSerializer):
    """Which rows."""

    own = frozenset({"format"})
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    verdict = serializers.ChoiceField(choices=["new", "unchanged", "faulty"], required=False)


class ConfirmSerializer(WriteSerializer):
    """How it is brought in."""

    mode = serializers.ChoiceField(
        choices=MODES, help_text=gettext_lazy("good_rows: the faulty ones stay in the remainder.")
    )


class ServerSerializer(WriteSerializer):
    """An MLflow server to read."""

    namespace = NameField(required=False)
    server = TextField(max_length=500, help_text=gettext_lazy("One that the operator lists, word for word."))
    as_found = serializers.BooleanField(
        required=False, help_text=gettext_lazy("true: what has an environment's alias or stage comes as found there.")
    )
    govern_by = serializers.DateField(required=False, help_text=gettext_lazy("The day for what comes as found."))


def shown(draft: ImportDraft, *, after: int = 0, verdict: str = "") -> Any:
    """The draft with a page of its rows: faulty ones first, unless one verdict is asked for."""
    rows = draft.report["rows"]
    wanted = [row for row in rows if not verdict or row["verdict"] == verdict]
    if not verdict:
        wanted.sort(key=lambda row: (row["verdict"] != "faulty", row["row"]))
    page: Any = draft
    page.shown = wanted[after : after + ROWS_SHOWN]
    page.following = after + ROWS_SHOWN if len(wanted) > after + ROWS_SHOWN else None
    return page


_ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="The file's id.")


class _ImportsView(ApiView):
    collection = "imports"

    def draft(self, id: str) -> ImportDraft:
        """One of the caller's own. Raises Missing."""
        found: ImportDraft = resolve(my_drafts(self.principal), id)
        return found


class ImportsView(_ImportsView):
    """What the caller sent."""

    parser_classes = [CsvParser, JsonLinesParser, JsonFileParser]

    @extend_schema(responses={200: ImportSummarySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """The files you sent, newest first; unconfirmed ones are kept for 30 days."""
        return Response(ImportSummarySerializer(my_drafts(self.principal)[:100], many=True).data)

    @extend_schema(
        parameters=[UploadQuery],
        request=dict.fromkeys(TYPES, OpenApiTypes.BINARY),
        responses={201: ImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send an inventory to look at; the body is the file. Nothing of it is on record until it is confirmed."""
        query = UploadQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        content = request.data
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        draft = prepare_import(
            actor=self.principal, namespace=namespace_of(self.principal, asked.get("namespace")),
            content=content if isinstance(content, bytes) else b"", name=asked["name"],
            format=TYPES.get(kind, ImportFormat.CSV), layout=asked["layout"], encoding=asked["encoding"],
        )  # fmt: skip
        return _prepared(draft)


class ImportServerView(_ImportsView):
    """An MLflow server as the source."""

    parser_classes = [StrictJSONParser]

    @extend_schema(request=ServerSerializer, responses={201: ImportSerializer})
    def post(self, request: Request) -> Response:
        """Read an MLflow server's registry to look at. The operator lists the servers that are read."""
        data = self.read(ServerSerializer)
        draft = prepare_from_server(
            actor=self.principal, namespace=self.namespace(data), server=data["server"],
            as_found=data.get("as_found", False), govern_by=data.get("govern_by"),
        )  # fmt: skip
        return _prepared(draft)


def _prepared(draft: ImportDraft) -> Response:
    headers = {"Location": reverse("import-api", args=[draft.pk])}
    return Response(ImportSerializer(shown(draft)).data, status=status.HTTP_201_CREATED, headers=headers)


class ImportView(_ImportsView):
    """One file."""

    @extend_schema(parameters=[_ID, RowsQuery], responses={200: ImportSerializer})
    def get(self, request: Request, id: str) -> Response:
        """What would come of it, or came of it, row by row."""
        query = RowsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(ImportSerializer(shown(self.draft(id), **query.validated_data)).data)


class ImportConfirmView(_ImportsView):
    """Bringing it in."""

    parser_classes = [StrictJSONParser]

    @extend_schema(parameters=[_ID], request=ConfirmSerializer, responses={202: JobSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Have it brought in, in one act: all of it or nothing, or the good rows. Follow the job; then look again."""
        draft = self.draft(id)
        data = self.read(ConfirmSerializer)
        reason = self.reason(data)
        whole = data["mode"] == "all_or_nothing"
        job, _new = ask_for_import(actor=self.principal, reason=reason, draft=draft, whole=whole)
        return accepted(job, {"request": request})


class ImportRemainderView(_ImportsView):
    """What is left over."""

    @extend_schema(parameters=[_ID], responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, id: str) -> HttpResponse:
        """The faulty rows as a file of the same format, with the fault in a column of its own."""
        return remainder_answer(self.draft(id))


def remainder_answer(draft: ImportDraft) -> HttpResponse:
    """The remainder as a download, never shown as a page."""
    answer = HttpResponse(remainder_of(draft), content_type="application/octet-stream")
    suffix = SUFFIXES[ImportFormat(draft.format)]
    answer["Content-Disposition"] = f'attachment; filename="remainder-{draft.pk}.{suffix}"'
    return answer


class InventoryImportFilters(FilterSerializer):
    """Of inventories that were brought in."""

    namespace = serializers.CharField(required=False, source="namespace__name")
    content_digest = serializers.CharField(required=False, max_length=64)


class InventoryImportViewSet(RecordViewSet):
    """Inventories that were brought in: what, when, by whom, and how much came of it."""

    collection = "inventory-imports"
    model = InventoryImport
    related = ("namespace",)
    serializer_class = InventoryImportSerializer
    filter_class = InventoryImportFilters
