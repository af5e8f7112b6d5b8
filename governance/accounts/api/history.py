"""GET /api/v1/history?table=&object=: who changed what, when, why, from what to what, for every governed record."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.views import OVERSIGHT, RoleGrantViewSet, readable_principals
from governance.accounts.models import CredentialEvent, Principal, RoleGrant
from governance.accounts.permissions import holds
from governance.api.fields import IdField
from governance.api.moments import PastMomentField
from governance.api.serializers import FilterSerializer
from governance.api.views import DoorMixin, readable
from governance.history.masking import mask
from governance.history.models import GovernedModel, governed_models, history_model

#: Columns of the history itself, and those the recorder stamps: who and when are told once, above the fields.
_NOT_CONTENT = frozenset(
    {
        *("history_id", "history_date", "history_type", "history_change_reason", "history_user_id", "action_id"),
        *("ledger_entry_id", "recorded_at", "recorded_by", "id"),
    }
)


@extend_schema_field(OpenApiTypes.ANY)
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """A column's value as JSON; NULL is null."""

    def to_representation(self, value: Any) -> Any:
        return value.hex() if isinstance(value, bytes) else value


class ChangeSerializer(serializers.Serializer[Any]):
    """One field's change."""

    field = serializers.CharField()
    old = ValueField(allow_null=True, help_text=gettext_lazy("Before; null at the beginning."))
    new = ValueField(allow_null=True, help_text=gettext_lazy("After."))
    withheld = serializers.BooleanField(
        required=False, help_text=gettext_lazy("True: there is a value, and it is not for you to read.")
    )


class HistorySerializer(serializers.Serializer[Any]):
    """One recorded state of one record."""

    history_id = serializers.IntegerField()
    table = serializers.CharField()
    object = serializers.IntegerField(help_text=gettext_lazy("The record's id."))
    change = serializers.ChoiceField(choices=[("recorded", "recorded"), ("changed", "changed")])
    at = serializers.DateTimeField(help_text=gettext_lazy("When the database recorded it, in UTC."))
    by = serializers.IntegerField(help_text=gettext_lazy("The principal who acted."))
    by_name = serializers.CharField(help_text=gettext_lazy("Their display name today."))
    reason = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("Why, in the actor's words; null where it is not for you to read.")
    )
    action_id = serializers.UUIDField(help_text=gettext_lazy("Shared by everything written in the same act."))
    ledger_entry = serializers.IntegerField(help_text=gettext_lazy("The entry of the tamper-evident log."))
    changes = ChangeSerializer(many=True)


class HistoryFilters(FilterSerializer):
    """Of which table, which record, which act, whose."""

    table = serializers.CharField(help_text=gettext_lazy("The table's name, as in the ledger: lineage_dataset."))
    object = IdField(source="id", required=False, help_text=gettext_lazy("The record's id."))
    action = serializers.UUIDField(source="action_id", required=False)
    by = IdField(source="history_user_id", required=False, help_text=gettext_lazy("The principal who acted."))
    as_of = PastMomentField(
        source="history_date__lte", required=False, help_text=gettext_lazy("What was on record by then.")
    )

    def validate_table(self, value: str) -> type[GovernedModel]:
        """The model of a governed table. Raises ValidationError naming those there are."""
        tables = {model._meta.db_table: model for model in governed_models()}
        if value not in tables:
            raise serializers.ValidationError(_("No governed table. There are: %(all)s.") % {"all": ", ".join(tables)})
        return tables[value]


def _grants(principal: Principal) -> QuerySet[RoleGrant]:
    return RoleGrantViewSet().queryset_for(principal)


def _events(principal: Principal) -> QuerySet[CredentialEvent]:
    return CredentialEvent.objects.filter(principal__in=readable_principals(principal))


#: Records without a namespace of their own, and who may read them; any other such model: oversight of everything.
READERS: dict[type[Model], Callable[[Principal], QuerySet[Any]]] = {
    Principal: readable_principals,
    RoleGrant: _grants,
    CredentialEvent: _events,
}


def readable_records(model: type[GovernedModel], principal: Principal) -> QuerySet[Any]:
    """The current rows whose history a principal may read. Nothing governed is deleted, so every history has one."""
    if model in READERS:
        rows: QuerySet[Any] = READERS[model](principal)
        return rows
    if holds(principal, *OVERSIGHT, namespace=None):
        everything: QuerySet[Any] = model._default_manager.all()  # what belongs to no namespace is among it
        return everything
    return readable(model, principal) if model.namespace_path else readable(model, principal).none()


def with_previous(rows: QuerySet[Any], history: type[Model]) -> QuerySet[Any]:
    """Each row with the id of the state before it, found by the index on (id, date, history id)."""
    before = (
        history._default_manager.filter(id=OuterRef("id"))
        .filter(
            Q(history_date__lt=OuterRef("history_date"))
            | Q(history_date=OuterRef("history_date"), history_id__lt=OuterRef("history_id"))
        )
        .order_by("-history_date", "-history_id")
    )
    annotated: QuerySet[Any] = rows.annotate(previous_id=Subquery(before.values("history_id")[:1]))
    return annotated


def changes(new: Any, old: Any | None) -> list[dict[str, Any]]:
    """Field by field what differs between two states; all fields of the first."""
    found = []
    for field in new._meta.concrete_fields:
        if field.name in _NOT_CONTENT:
            continue
        now, then = getattr(new, field.attname), getattr(old, field.attname) if old is not None else None
        if now != then or (old is None and now is not None):
            found.append({"field": field.name, "old": then, "new": now})
    return found


def withheld(changed: list[dict[str, Any]], model: type[GovernedModel]) -> list[dict[str, Any]]:
    """Changes without the values of confidential fields."""
    return [
        {**one, "old": None, "new": None, "withheld": True} if one["field"] in model.confidential else one
        for one in changed
    ]


def told(
    rows: Iterable[Any], history: type[Model], model: type[GovernedModel], reader: Principal
) -> list[dict[str, Any]]:
    """A page of history rows as HistorySerializer shows them to a reader, in two queries however many rows.

    One more for each field that not everyone may read, or not whole.
    """
    rows, table = list(rows), model._meta.db_table
    open_to = model.confided(reader, {row.id for row in rows}) if model.confidential else {row.id for row in rows}
    former = history._default_manager.in_bulk([row.previous_id for row in rows if row.previous_id])
    mask(model, reader, [*rows, *former.values()])
    actors = Principal.objects.in_bulk([row.history_user_id for row in rows])
    return [
        {
            "history_id": row.history_id,
            "table": table,
            "object": row.id,
            "change": "changed" if row.previous_id else "recorded",
            "at": row.history_date,
            "by": row.history_user_id,
            "by_name": actors[row.history_user_id].display_name,
            "reason": row.history_change_reason if row.id in open_to else None,
            "action_id": row.action_id,
            "ledger_entry": row.ledger_entry_id,
            "changes": changed if row.id in open_to else withheld(changed, model),
        }
        for row in rows
        for changed in [changes(row, former.get(row.previous_id))]
    ]


class HistoryView(DoorMixin, GenericAPIView[Any]):
    """The history of governed records."""

    collection = "history"
    ordering: ClassVar[tuple[str, ...]] = ("-history_id",)
    serializer_class = HistorySerializer
    action = "list"  # tells the schema that this is a list
    filter_class = HistoryFilters

    @extend_schema(operation_id="history_list")
    def get(self, request: Request) -> Response:
        """A page of recorded states, newest first; narrow it to one record with `object`."""
        query = HistoryFilters(data=request.query_params)
        query.is_valid(raise_exception=True)
        lookups = dict(query.validated_data)
        model = lookups.pop("table")
        history = history_model(model)
        records = readable_records(model, self.principal)
        rows = history._default_manager.filter(id__in=records.values("pk"), **lookups)
        page = self.paginate_queryset(with_previous(rows, history)) or []
        return self.get_paginated_response(
            self.get_serializer(told(page, history, model, self.principal), many=True).data
        )
