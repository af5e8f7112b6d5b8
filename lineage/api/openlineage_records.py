"""What OpenLineage producers sent and said, over the API; whose names are whose."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.fields import IdField, NameField
from governance.api.serializers import (
    FilterSerializer,
    NamespacedWriteSerializer,
    StrictModelSerializer,
    WriteSerializer,
    with_receipt,
)
from governance.api.views import RecordViewSet, readable, resolve
from lineage import actions
from lineage.models import (
    Dataset,
    IntakeState,
    OpenLineageDataset,
    OpenLineageEvent,
    OpenLineageNamespace,
    OpenLineageReplay,
    QualityResult,
    ReportedFact,
)
from lineage.models.openlineage import EventKind
from lineage.openlineage.queries import event_text

_LIST = {"type": ["array", "null"], "items": {}}
RECORDED = ("recorded_at", "recorded_by")
_OF_NAMESPACE: dict[str, Any] = {"required": False, "source": "namespace__name", "max_length": 256}


class OpenLineageEventSerializer(StrictModelSerializer):
    """An event as it came in, and what became of it so far."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)
    state = serializers.SerializerMethodField(
        help_text=_("waiting, understood, partly, refused or failed; null with as_of, which asks for the record alone.")
    )
    made = serializers.SerializerMethodField(help_text=_("What it added to the record: [kind, id, name] each."))
    not_understood = serializers.SerializerMethodField(
        help_text=_("What was left out: {path, why, unknown}; unknown: a facet that no record is made of.")
    )

    class Meta:
        model = OpenLineageEvent
        fields = (
            *("id", "namespace", "kind", "event_type", "event_time", "run_key", "subject", "sender"),
            *("claim_digest", "body_digest", "body_bytes", "state", "made", "not_understood", *RECORDED),
        )
        read_only_fields = fields

    def _intake(self, event: OpenLineageEvent) -> Any:
        view: Any = self.context.get("view")
        return None if getattr(view, "moment", None) is not None else event.intake

    def get_state(self, event: OpenLineageEvent) -> str | None:
        """How far it is worked off."""
        intake = self._intake(event)
        return str(intake.state) if intake else None

    @extend_schema_field(_LIST)
    def get_made(self, event: OpenLineageEvent) -> list[Any] | None:
        """Of the intake."""
        intake = self._intake(event)
        return list(intake.made) if intake else None

    @extend_schema_field(_LIST)
    def get_not_understood(self, event: OpenLineageEvent) -> list[Any] | None:
        """Of the intake."""
        intake = self._intake(event)
        return list(intake.notes) if intake else None


class OpenLineageReplaySerializer(StrictModelSerializer):
    """The act that has an event worked off once more."""

    class Meta:
        model = OpenLineageReplay
        fields = ("id", "event", "state", *RECORDED)
        read_only_fields = fields


class ReplaySerializer(WriteSerializer):
    """Why it is to be worked off once more."""


class OpenLineageEventFilters(FilterSerializer):
    """Of events."""

    namespace = serializers.CharField(**_OF_NAMESPACE)
    producer = IdField(required=False, source="recorded_by_id", help_text=_("The account that sent it."))
    kind = serializers.ChoiceField(EventKind.choices, required=False)
    run_key = serializers.CharField(required=False, max_length=256)
    state = serializers.ChoiceField(IntakeState.choices, required=False, source="intake__state")


class OpenLineageEventViewSet(RecordViewSet):
    """OpenLineage events as they came in."""

    collection = "openlineage-events"
    model = OpenLineageEvent
    related = ("namespace", "intake")
    serializer_class = OpenLineageEventSerializer
    filter_class = OpenLineageEventFilters

    @extend_schema(
        responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, description=str(_("The event.")))}
    )
    @action(detail=True, methods=["get"], url_path="text", url_name="text")
    def text(self, request: Request, id: str) -> Response:
        """The event itself, without what is not kept; its SHA-256, of the canonical JSON, is body_digest.

        But for measures of columns in which personal data was found since: they are left out, and named in `_redacted`.
        """
        return Response(event_text(self.find(id)))

    @act(ReplaySerializer, answer=OpenLineageReplaySerializer, creates=True)
    def replay(self, request: Request, id: str) -> Response:
        """Have it worked off once more. Data stewards and administrators; what it made stays, and is not made twice."""
        event = self.find(id)
        reason = self.reason(self.read(ReplaySerializer))
        [made] = actions.replay_events(actor=self.principal, reason=reason, events=[event])
        made.refresh_from_db()
        return Response(with_receipt(OpenLineageReplaySerializer)(made).data, status=201)


class OpenLineageNamespaceSerializer(StrictModelSerializer):
    """An account that reports for an OpenLineage namespace."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = OpenLineageNamespace
        fields = ("id", "namespace", "source", "producer", "active", *RECORDED)
        read_only_fields = fields


class OpenLineageNamespaceWriteSerializer(NamespacedWriteSerializer):
    """Whether an account reports for an OpenLineage namespace."""

    source = NameField(  # type: ignore[assignment]  # a field of the body
        max_length=512, help_text=_("The OpenLineage namespace, such as postgres://crm:5432.")
    )
    producer = IdField(help_text=_("A service account whose home the namespace is."))
    active = serializers.BooleanField(required=False, help_text=_("False: it reports there no more."))


class OpenLineageNamespaceFilters(FilterSerializer):
    """Of OpenLineage namespaces."""

    namespace = serializers.CharField(**_OF_NAMESPACE)
    source = serializers.CharField(required=False, max_length=512)  # type: ignore[assignment]  # a parameter
    producer = IdField(required=False, source="producer_id")


class OpenLineageNamespaceViewSet(RecordViewSet):
    """Which accounts report for which OpenLineage namespaces."""

    collection = "openlineage-namespaces"
    model = OpenLineageNamespace
    related = ("namespace",)
    serializer_class = OpenLineageNamespaceSerializer
    create_serializer_class = OpenLineageNamespaceWriteSerializer
    filter_class = OpenLineageNamespaceFilters

    def create(self, request: Request) -> Response:
        """Say whether an account reports for it, whoever came first. Data stewards and administrators."""
        data = self.read(OpenLineageNamespaceWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        producer: Principal = resolve(readable_principals(self.principal), data.pop("producer"), field="producer")
        record, created = actions.assign_openlineage_namespace(
            actor=self.principal, reason=reason, namespace=namespace, producer=producer, **data
        )
        return self.written(record, created=created)


class OpenLineageDatasetSerializer(StrictModelSerializer):
    """Which dataset an OpenLineage name means."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = OpenLineageDataset
        fields = ("id", "namespace", "source", "name", "dataset", *RECORDED)
        read_only_fields = fields


class OpenLineageDatasetWriteSerializer(WriteSerializer):
    """A dataset's name in OpenLineage."""

    source = NameField(max_length=512, help_text=_("The OpenLineage namespace."))  # type: ignore[assignment]  # as above
    name = NameField(max_length=512, help_text=_("The name in that namespace."))
    dataset = IdField()


class OpenLineageDatasetFilters(FilterSerializer):
    """Of OpenLineage names."""

    namespace = serializers.CharField(**_OF_NAMESPACE)
    source = serializers.CharField(required=False, max_length=512)  # type: ignore[assignment]  # a parameter
    name = serializers.CharField(required=False, max_length=512)
    dataset = IdField(required=False, source="dataset_id")


class OpenLineageDatasetViewSet(RecordViewSet):
    """What OpenLineage names mean."""

    collection = "openlineage-datasets"
    model = OpenLineageDataset
    related = ("namespace",)
    serializer_class = OpenLineageDatasetSerializer
    create_serializer_class = OpenLineageDatasetWriteSerializer
    filter_class = OpenLineageDatasetFilters

    def create(self, request: Request) -> Response:
        """Say which dataset a name means, before its first event comes in. Data stewards and administrators."""
        data = self.read(OpenLineageDatasetWriteSerializer)
        reason = self.reason(data)
        found: Dataset = resolve(
            readable(Dataset, self.principal).select_related("namespace"), data.pop("dataset"), field="dataset"
        )
        record, created = actions.name_openlineage_dataset(actor=self.principal, reason=reason, dataset=found, **data)
        return self.written(record, created=created)


_OF_REPORTS = ("id", "namespace", "run", "dataset_version", "said_at", "event", "content_digest")


class ReportFilters(FilterSerializer):
    """Of what producers report."""

    namespace = serializers.CharField(**_OF_NAMESPACE)
    run = IdField(required=False, source="run_id")
    dataset_version = IdField(required=False, source="dataset_version_id")
    event = IdField(required=False, source="event_id")


class ReportedFactSerializer(StrictModelSerializer):
    """Something a producer says of a run or a dataset."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = ReportedFact
        fields = (*_OF_REPORTS, "kind", "dataset", "key", "content", *RECORDED)
        read_only_fields = fields


class ReportedFactFilters(ReportFilters):
    """Of reported facts."""

    kind = serializers.ChoiceField(ReportedFact.Kind.choices, required=False)
    dataset = IdField(required=False, source="dataset_id")


class ReportedFactViewSet(RecordViewSet):
    """What producers say of runs and datasets: schema, description, owners, where it lies, what was done to it."""

    collection = "reported-facts"
    model = ReportedFact
    related = ("namespace",)
    serializer_class = ReportedFactSerializer
    filter_class = ReportedFactFilters


class QualityResultSerializer(StrictModelSerializer):
    """What a producer's own test said."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = QualityResult
        fields = (
            *_OF_REPORTS,
            *("assertion", "column", "success", "severity", "expected", "actual", "description", *RECORDED),
        )
        read_only_fields = fields


class QualityResultFilters(ReportFilters):
    """Of reported test results."""

    success = serializers.BooleanField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only what was asked."""
        return {key: value for key, value in attrs.items() if value is not None}


class QualityResultViewSet(RecordViewSet):
    """Results of producers' own tests. Reported: no verdict of ours rests on them alone."""

    collection = "quality-results"
    model = QualityResult
    related = ("namespace",)
    serializer_class = QualityResultSerializer
    filter_class = QualityResultFilters
