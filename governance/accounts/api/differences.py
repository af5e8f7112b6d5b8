"""GET /api/v1/differences?table=&id=&from=&to=: what changed in a record between two moments, and who changed it."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.history import HistoryFilters, ValueField, readable_records
from governance.api.fields import IdField
from governance.api.moments import PastMomentField
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView, resolve
from governance.history.differences import compare
from governance.history.models import GovernedModel


class DifferenceQuery(FilterSerializer):
    """Of which record, between which moments."""

    own = frozenset({"format"})
    table = serializers.CharField(help_text=_("The table's name, as in the ledger: lineage_dataset."))
    id = IdField(help_text=_("The record's id."))
    to = PastMomentField(required=False, help_text=_("The later moment (inclusive); left out: now."))

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which Python keeps for itself."""
        fields = dict(super().get_fields())
        earlier = PastMomentField(source="start", help_text=_("The earlier moment: a day, or with time and offset."))
        return {"table": fields["table"], "id": fields["id"], "from": earlier, "to": fields["to"]}

    def validate_table(self, value: str) -> type[GovernedModel]:
        """The model of a governed table. Raises ValidationError naming those there are."""
        return HistoryFilters().validate_table(value)


class FieldDifferenceSerializer(serializers.Serializer[Any]):
    """One field that differs between the moments."""

    field = serializers.CharField(source="field.name")
    label = serializers.CharField(  # type: ignore[assignment]  # a field of the answer, not the serializer's own label
        source="field.verbose_name", help_text=_("Its name for people.")
    )
    before = ValueField(allow_null=True, help_text=_("At the earlier moment; null: nothing, or not recorded yet."))
    after = ValueField(allow_null=True, help_text=_("At the later moment."))
    withheld = serializers.BooleanField(help_text=_("True: there are values, and they are not for you to read."))
    times = serializers.IntegerField(help_text=_("How often it changed between the moments."))
    at = serializers.DateTimeField(help_text=_("When it changed last, in UTC."))
    by = serializers.IntegerField(source="by.pk", help_text=_("The principal who did."))
    by_name = serializers.CharField(source="by.display_name", help_text=_("Their display name today."))
    reason = serializers.CharField(
        allow_null=True, help_text=_("Why, in their words; null where it is not for you to read.")
    )
    history_id = serializers.IntegerField()
    ledger_entry = serializers.IntegerField(help_text=_("The entry of the tamper-evident log."))


class ComparisonSerializer(serializers.Serializer[Any]):
    """A record at two moments."""

    table = serializers.CharField()
    id = serializers.IntegerField()
    existed_before = serializers.BooleanField(help_text=_("Whether it was on record at the earlier moment."))
    existed_after = serializers.BooleanField(help_text=_("Whether it was on record at the later moment."))
    to = serializers.DateTimeField()
    differences = FieldDifferenceSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """With `from`, as in the question."""
        return {"from": serializers.DateTimeField(source="start"), **super().get_fields()}


class DifferencesView(ApiView):
    """What changed between two moments."""

    collection = "history"

    @extend_schema(parameters=[DifferenceQuery], responses={200: ComparisonSerializer})
    def get(self, request: Request) -> Response:
        """A record at two moments, field by field: before, after, and who changed it last, when and why."""
        query = DifferenceQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: Mapping[str, Any] = query.validated_data
        model, end = asked["table"], asked.get("to") or timezone.now()
        record = resolve(readable_records(model, self.principal), asked["id"])
        found = compare(model, record.pk, asked["start"], end, reader=self.principal)
        answer: dict[str, Any] = {
            "table": model._meta.db_table,
            "id": record.pk,
            "start": asked["start"],
            "to": end,
            "existed_before": found.existed[0],
            "existed_after": found.existed[1],
            "differences": found.differences,
        }
        return Response(ComparisonSerializer(answer).data)
