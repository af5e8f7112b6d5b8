"""What every list of records takes: when and by whom recorded, a search, an order, and which fields to show."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from governance.api.fields import IdField, MomentField
from governance.api.serializers import FilterSerializer
from governance.errors import Invalid

if TYPE_CHECKING:
    from governance.api.views import RecordViewSet

SEARCH_LENGTH = 200
#: Parameters that are no lookups; they are read apart.
_APART = ("search", "ordering", "fields")


@cache
def parameters_of(view: "type[RecordViewSet]") -> type[FilterSerializer]:
    """The query parameters of a collection's list: its own filters, and those all lists have."""
    own = view.filter_class or FilterSerializer
    members: dict[str, Any] = {"__doc__": own.__doc__, "__module__": own.__module__}
    columns = {field.name for field in view.model._meta.concrete_fields}
    if "recorded_at" in columns:
        members["recorded_after"] = MomentField(
            source="recorded_at__gte", required=False, help_text=gettext_lazy("Recorded then or later.")
        )
        members["recorded_before"] = MomentField(
            source="recorded_at__lt", required=False, help_text=gettext_lazy("Recorded before then.")
        )
        members["recorded_by"] = IdField(
            source="recorded_by_id", required=False, help_text=gettext_lazy("The id of the principal who recorded it.")
        )
    if view.search_fields:
        members["search"] = serializers.CharField(
            required=False,
            max_length=SEARCH_LENGTH,
            help_text=_("Part of: %(fields)s; letters in either case.")
            % {"fields": ", ".join(name.replace("__", " ") for name in view.search_fields)},
        )
    members["ordering"] = serializers.ChoiceField(
        choices=[sign + name for name in view.orderings for sign in ("-", "")],
        required=False,
        help_text=gettext_lazy("Ascending; with a minus descending. Left out: newest first."),
    )
    members["fields"] = serializers.CharField(
        required=False, max_length=2000, help_text=gettext_lazy("Only these fields of each record, joined by commas.")
    )
    metaclass: Any = type(own)
    made: type[FilterSerializer] = metaclass(view.__name__.removesuffix("ViewSet") + "Parameters", (own,), members)
    return made


def narrowed(view: "RecordViewSet", queryset: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
    """The part of a list that validated parameters ask for."""
    lookups = {name: value for name, value in asked.items() if name not in _APART}
    if lookups:
        queryset = queryset.filter(**lookups)
    if wanted := asked.get("search"):
        anywhere = Q()
        for name in view.search_fields:
            anywhere |= Q(**{f"{name}__icontains": wanted})
        queryset = queryset.filter(anywhere)
    return queryset


def order_of(view: "RecordViewSet", asked: str | None) -> tuple[str, ...]:
    """The keyset order for an `ordering` parameter: the id comes last, and runs the same way."""
    if not asked:
        return view.ordering
    sign = "-" if asked.startswith("-") else ""
    return (asked,) if asked.lstrip("-") == "id" else (asked, f"{sign}id")


def fields_asked(given: str | None, known: Mapping[str, Any]) -> list[str] | None:
    """The names in `fields=`; None when it is left out. Raises Invalid, naming those there are."""
    if given is None:
        return None
    asked = given.split(",")
    if unknown := [name for name in asked if name not in known]:
        sentence = _("No such field: %(unknown)s. There are: %(known)s.")
        named = {"unknown": ", ".join(unknown)[:200], "known": ", ".join(known)}
        raise Invalid(_("The fields are not valid."), errors={"fields": [sentence % named]})
    return asked
