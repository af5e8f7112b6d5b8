"""Samples, the review of access as a list, and who took records out."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from governance.accounts.models import Principal
from governance.api.fields import IdField, MomentField, NameField
from governance.api.principals import namespace_of
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer
from governance.api.views import ApiView, RecordViewSet
from governance.desk import access
from governance.desk.actions.samples import draw_sample
from governance.desk.api.exports import AccessFilters, access_source
from governance.desk.models import Export, Sample
from governance.desk.samples import readable_exports, readable_samples


class SampleSerializer(StrictModelSerializer):
    """A sample that was drawn, with all that it takes to draw it again."""

    namespace: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True, help_text=gettext_lazy("Null: of all namespaces.")
    )

    class Meta:
        model = Sample
        fields = (
            *("id", "namespace", "kind", "from_at", "until_at", "seed", "size", "method", "population_size"),
            *("population_digest", "drawn", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class SampleWriteSerializer(WriteSerializer):
    """A sample to draw."""

    namespace = NameField(required=False, help_text=gettext_lazy("Left out: of all namespaces."))
    kind = serializers.CharField(
        max_length=63, help_text=gettext_lazy("A governed table such as approvals_release, or governance_act for acts.")
    )
    from_at = MomentField(help_text=gettext_lazy("Recorded at this moment or later."))
    until_at = MomentField(help_text=gettext_lazy("Recorded before this moment, which is past."))
    size = serializers.IntegerField(min_value=1, max_value=Sample.MOST, help_text=gettext_lazy("How many, 1 to 1000."))
    seed = serializers.CharField(
        required=False, max_length=100, help_text=gettext_lazy("Any text; one is made up when left out.")
    )


class SampleFilters(FilterSerializer):
    """Which samples."""

    kind = serializers.CharField(required=False, max_length=63)


class SampleViewSet(RecordViewSet):
    """Samples drawn by auditors."""

    collection = "samples"
    model = Sample
    serializer_class = SampleSerializer
    create_serializer_class = SampleWriteSerializer
    filter_class = SampleFilters
    related = ("namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[Any]:
        """See readable_samples."""
        return readable_samples(principal)

    def create(self, request: Request) -> Response:
        """Draw a sample at random. Auditors; of all namespaces: auditors of everything."""
        data = self.read(SampleWriteSerializer)
        reason, name = self.reason(data), data.pop("namespace", None)
        space = namespace_of(self.principal, name) if name is not None else None
        return self.written(draw_sample(actor=self.principal, reason=reason, namespace=space, **data))


class ExportRecordSerializer(StrictModelSerializer):
    """Records that someone took out in bulk."""

    class Meta:
        model = Export
        fields = ("id", "what", "format", "filters", "recorded_at", "recorded_by")
        read_only_fields = fields


class ExportRecordFilters(FilterSerializer):
    """Whose exports, and of what."""

    by = IdField(source="recorded_by_id", required=False, help_text=gettext_lazy("The principal who took them out."))
    what = serializers.CharField(required=False, max_length=100)


class ExportRecordViewSet(RecordViewSet):
    """Who took records out, what and when: one's own for everyone, all for oversight of everything."""

    collection = "export-records"
    model = Export
    serializer_class = ExportRecordSerializer
    filter_class = ExportRecordFilters

    def queryset_for(self, principal: Principal) -> QuerySet[Any]:
        """See readable_exports."""
        return readable_exports(principal)


class AccessSerializer(serializers.Serializer[Any]):
    """One grant as it stood at the moment asked for."""

    grant_id = serializers.IntegerField()
    principal_id = serializers.IntegerField()
    principal = serializers.CharField(help_text=gettext_lazy("Display name today."))
    principal_name = serializers.CharField()
    principal_kind = serializers.ChoiceField(choices=Principal.Kind.choices)
    active = serializers.BooleanField(help_text=gettext_lazy("Whether the holder was active."))
    role = serializers.CharField()
    namespace = serializers.CharField(allow_null=True, help_text=gettext_lazy("Null: everywhere."))
    head = serializers.BooleanField(help_text=gettext_lazy("Heads the role's holders there."))
    on_behalf_of = serializers.CharField(allow_null=True, help_text=gettext_lazy("A delegation: for this person."))
    granted_by = serializers.CharField()
    granted_at = serializers.DateTimeField()
    approved_by = serializers.CharField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    in_force_from = serializers.DateTimeField(allow_null=True, help_text=gettext_lazy("Null: it awaited approval."))
    in_force_until = serializers.DateTimeField(allow_null=True, help_text=gettext_lazy("Null: no end was known."))
    ended_by = serializers.CharField(allow_null=True)
    signing_suspended_since = serializers.DateTimeField(
        allow_null=True, help_text=gettext_lazy("A reset of the password that nobody had lifted yet.")
    )
    in_force = serializers.BooleanField()
    could_sign = serializers.BooleanField(
        help_text=gettext_lazy("A voting role in force, a person, signing not suspended. Separation of duties is asked "
                               "for each release.")
    )  # fmt: skip


class AccessReviewQuery(AccessFilters):
    """Which grants, and where to go on."""

    own = frozenset({"format"})
    after = IdField(required=False, help_text=gettext_lazy("Where to go on: as `next` has it."))


class AccessReviewView(ApiView):
    """The review of access."""

    collection = "access-review"

    @extend_schema(
        operation_id="access_review",
        parameters=[AccessReviewQuery],
        responses=inline_serializer(
            "AccessReviewAnswer",
            {"results": AccessSerializer(many=True), "next": serializers.URLField(allow_null=True)},
        ),
    )
    def get(self, request: Request) -> Response:
        """Who could do what at a moment, granted and approved by whom, and who could sign. Auditors, administrators."""
        query = AccessReviewQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = dict(query.validated_data)
        rows, following = access.page(access_source(self, asked), after=asked.get("after"))
        address = replace_query_param(request.build_absolute_uri(), "after", following) if following else None
        return Response({"results": AccessSerializer(rows, many=True).data, "next": address})
