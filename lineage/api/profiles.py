"""Profiles of dataset versions over the API: handed in, or asked for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from governance import errors
from governance.accounts.permissions import require
from governance.api import idempotency
from governance.api.acts import act
from governance.api.parsers import StrictJSONParser
from governance.api.serializers import (
    REASON_MAX,
    StrictModelSerializer,
    WriteSerializer,
    with_receipt,
)
from governance.api.views import RecordViewSet
from governance.client.muniment_profile import Reading
from governance.jobs.api import JobSerializer, accepted
from lineage import actions
from lineage.actions.profiles import PROFILERS
from lineage.api.openlineage_records import ReportFilters
from lineage.models import DataProfile, DatasetVersion
from lineage.quality.documents import COLUMNS_AT_MOST, FORMATS, LIMITS, RULES_AT_MOST, read_profile
from lineage.quality.profiling import ask_for_profile
from lineage.quality.uploads import FIELD, DiskUpload

DOCUMENT_BYTES = 16 * 2**20
RECORDED = ("recorded_at", "recorded_by")


class ProfileParser(StrictJSONParser):
    """JSON of a profile: one of 10,000 columns is larger than other bodies are."""

    max_bytes = DOCUMENT_BYTES


class DataProfileSerializer(StrictModelSerializer):
    """What was counted in a dataset version."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = DataProfile
        fields = (
            *("id", "namespace", "run", "dataset_version", "said_at", "event", "content_digest", "how", "engine"),
            *("format", "file_digest", "complete", "stopped_by", "rows", "bytes", "files", "duplicate_rows"),
            *("columns", "rules", *RECORDED),
        )
        read_only_fields = fields


@extend_schema_field({"type": "array", "items": {"type": "object"}, "maxItems": COLUMNS_AT_MOST})
class ColumnsField(serializers.Field[Any, Any, Any, Any]):
    """Columns of a profile, read by lineage.quality.documents."""

    def to_internal_value(self, data: Any) -> Any:
        """As they came."""
        return data

    def to_representation(self, value: Any) -> Any:
        """As they are."""
        return value


@extend_schema_field({"type": "array", "items": {"type": "object"}, "maxItems": RULES_AT_MOST})
class RulesField(ColumnsField):
    """Rules of a profile, read there too."""


class ProfileWriteSerializer(WriteSerializer):
    """A profile's document, as `muniment profile` writes it. docs/profiles.md tells of its parts."""

    profile = serializers.IntegerField(help_text=_("Version of the document: 1."))
    engine = serializers.CharField(max_length=100, help_text=_("What counted."))
    format = serializers.ChoiceField(choices=[(one, one) for one in FORMATS])
    digest = serializers.CharField(max_length=71, help_text=_("sha256:… of the bytes that were read."))
    bytes = serializers.IntegerField(min_value=0, help_text=_("How many."))
    rows = serializers.IntegerField(min_value=0, help_text=_("Number of records counted."))
    complete = serializers.BooleanField(help_text=_("Whether all rows and columns were counted."))
    stopped_by = serializers.ChoiceField(
        choices=[(one, one) for one in LIMITS], required=False, help_text=_("The limit that ended it.")
    )
    duplicate_rows = serializers.IntegerField(min_value=0, required=False, allow_null=True)
    columns = ColumnsField(help_text=_("What was counted in each."))
    rules = RulesField(required=False, help_text=_("Rules of the expectations that were evaluated."))


DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class ProfileRequestSerializer(WriteSerializer):
    """How a worker is to read the file; what is left out it finds."""

    encoding = serializers.CharField(
        max_length=40, required=False, help_text=_("Of a text that is no UTF-8, such as cp1252, euc-kr.")
    )
    delimiter = serializers.ChoiceField(
        choices=[(one, one) for one in DELIMITERS], required=False, help_text=_("Between the values of a CSV.")
    )
    header = serializers.BooleanField(
        required=False, default=True, help_text=_("Whether the first line of a CSV names the columns.")
    )
    null = serializers.CharField(
        max_length=40, required=False, help_text=_("What a CSV writes for no value, besides nothing: such as NA.")
    )


class ProfileFileSerializer(ProfileRequestSerializer):
    """A file to profile, in a form of several parts."""

    file = serializers.FileField(help_text=_("CSV, Parquet or JSON lines, with gzip around it or not."))


class _FormSerializer(serializers.Serializer[Any]):
    """The texts beside a file."""

    reason = serializers.CharField(max_length=REASON_MAX, required=False, allow_blank=True)
    encoding = serializers.CharField(max_length=40, required=False, allow_blank=True)
    delimiter = serializers.ChoiceField(choices=list(DELIMITERS), required=False, allow_blank=True)
    header = serializers.BooleanField(required=False, default=True)
    null = serializers.CharField(max_length=40, required=False, allow_blank=True)


def reading_of(data: dict[str, Any]) -> Reading:
    """How the worker is to read, out of a read body or form."""
    nulls = ("", data["null"]) if data.get("null") else ("",)
    return Reading(
        encoding=data.get("encoding") or "", delimiter=DELIMITERS.get(data.get("delimiter", ""), ""),
        header=data.get("header", True), nulls=nulls,
    )  # fmt: skip


class DataProfileFilters(ReportFilters):
    """Of profiles."""

    how = serializers.ChoiceField(DataProfile.How.choices, required=False)
    complete = serializers.BooleanField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only what was asked."""
        return {key: value for key, value in attrs.items() if value is not None}


class DataProfileViewSet(RecordViewSet):
    """Profiles of dataset versions, however they came."""

    collection = "data-profiles"
    model = DataProfile
    related = ("namespace",)
    serializer_class = DataProfileSerializer
    filter_class = DataProfileFilters


class ProfilesMixin(RecordViewSet):
    """dataset-versions/{id}/profiles, …/profile-file and …/profile-location."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """An upload goes to disk from its first byte on, whoever reads the form first."""
        made: Request = super().initialize_request(request, *args, **kwargs)
        if getattr(self, "action", None) == "profile_file":
            self.upload = DiskUpload(request)
            request.upload_handlers = [self.upload]
        return made

    @act(ProfileWriteSerializer, answer=DataProfileSerializer, creates=True, repeats=True, parsers=[ProfileParser])
    def profiles(self, request: Request, id: str) -> Response:
        """Hand in a profile that was measured where the data lies. Whoever does vouches for it."""
        version: DatasetVersion = self.find(id)
        require(self.principal, *PROFILERS, namespace=version.dataset.namespace)
        data = dict(request.data)
        given = data.pop("reason", None)
        if given is not None and not isinstance(given, str):
            raise errors.Invalid(errors={"reason": [_("Write a text.")]})
        profile = read_profile(data)
        record, created = actions.record_profile(
            actor=self.principal, reason=self.reason({"reason": given}), dataset_version=version, profile=profile
        )
        shown = with_receipt(DataProfileSerializer)(record, context=self.get_serializer_context())
        headers = {"Location": f"/api/v1/data-profiles/{record.pk}"} if created else {}
        return Response(shown.data, status=201 if created else 200, headers=headers)

    @extend_schema(request=ProfileRequestSerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="profile-location", url_name="profile-location")
    def profile_location(self, request: Request, id: str) -> Response:
        """Have a worker profile the file at the version's own location. Follow the job."""
        version: DatasetVersion = self.find(id)
        data = self.read(ProfileRequestSerializer)
        reason = self.reason(data)
        job, _new = ask_for_profile(
            asked_by=self.principal, reason=reason, dataset_version=version, reading=reading_of(data)
        )
        return accepted(job, self.get_serializer_context())

    @extend_schema(request={"multipart/form-data": ProfileFileSerializer}, responses={202: JobSerializer})
    @action(
        detail=True, methods=["post"], url_path="profile-file", url_name="profile-file",
        parser_classes=[MultiPartParser],
    )  # fmt: skip
    def profile_file(self, request: Request, id: str) -> Response:
        """Upload the version's file and have a worker profile it; the file is not kept. Follow the job."""
        version: DatasetVersion = self.find(id)
        require(self.principal, *PROFILERS, namespace=version.dataset.namespace)
        try:
            data = self._form(request)
            token = self.upload.take_over()
            job, new = ask_for_profile(
                asked_by=self.principal, reason=self.reason(data), dataset_version=version, upload=token,
                reading=reading_of(data),
            )  # fmt: skip
            if not new:
                raise errors.Conflict(_("A profile of this version is being made for you. Wait until it has ended."))
        except BaseException:
            self.upload.discard()
            raise
        return accepted(job, self.get_serializer_context())

    def _form(self, request: Request) -> dict[str, Any]:
        assert isinstance(request.data, dict)  # what a form is read into
        form = {name: value for name, value in request.data.items() if name != FIELD}
        if unknown := sorted(set(form) - set(_FormSerializer().fields) - {"csrfmiddlewaretoken"}):
            raise errors.Invalid(errors={name: [_("There is no such part of the form.")] for name in unknown})
        asked = _FormSerializer(data=form)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As every door. An upload takes no Idempotency-Key: its body is not held in memory to be told again."""
        if getattr(self, "action", None) == "profile_file" and idempotency.HEADER in request.headers:
            sentence = _("An upload takes no key. Leave it out: of the same file twice there is one profile.")
            raise errors.Invalid(sentence, errors={f"({idempotency.HEADER})": [sentence]})
        super().initial(request, *args, **kwargs)
