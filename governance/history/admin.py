"""The auditors' admin: every governed model, read-only in truth, with its history field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from governance.accounts.models import Namespace, Principal, User
from governance.accounts.permissions import readable_namespaces
from governance.history.masking import mask
from governance.history.models import GovernedModel, governed_models

COUNTED = 10_000  # rows of a list that its pages reach; older ones are found by search and filters


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # takes no type arguments at run time
    """Counts no further than COUNTED: a list of a million rows is narrowed by its filters, not leafed through."""

    @cached_property
    def count(self) -> int:
        """How many rows, COUNTED at most."""
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class GovernedAdmin(SimpleHistoryAdmin):  # type: ignore[misc]  # simple-history ships no types
    """Lists, shows and traces governed records; refuses every write, whatever the request.

    Writes are actions behind the API and the pages. simple-history's own history form can revert on POST; here it
    answers nothing but GET and HEAD.
    """

    actions = None
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    ordering = ("-id",)
    object_history_list_template = "admin/governed_history_list.html"
    history_list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: records are made by actions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody, as above."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: nothing governed is deleted."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may enter the admin; `get_queryset` keeps them to their namespaces."""
        return bool(request.user.is_authenticated and request.user.is_staff)

    def has_view_history_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the record itself."""
        return self.has_view_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The records of the namespaces that the reader may read."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return in_namespaces_of(request, self.model, rows)

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        """The record's short columns, newest stamp last."""
        if self.list_display != ("__str__",):
            return list(self.list_display)
        short = [
            field.name
            for field in self.model._meta.concrete_fields
            if not isinstance(field, (models.TextField, models.JSONField))
            and field.name not in ("recorded_at", "recorded_by")
        ]
        return [*short[:7], "recorded_by", "recorded_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """All, without those that are confidential and not for this reader."""
        fields = list(super().get_fields(request, obj))
        if obj is None or not self.model.confidential or _confided(request, self.model, [obj.pk]):
            return fields
        return [name for name in fields if name not in self.model.confidential]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """What shows a record, or a state of its history: masked fields as this reader reads them."""
        if obj is not None and isinstance(request.user, User):
            mask(self.model, request.user.principal, [obj])
            _without_names_elsewhere(request.user, self.model, [obj])
        return super().get_form(request, obj, change=change, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, whose rows may name records of namespaces that are not the reader's."""
        found = super().get_changelist_instance(request)
        if isinstance(request.user, User) and not request.user.reads_everything:
            found.result_list = list(found.result_list)
            _without_names_elsewhere(request.user, self.model, found.result_list)
        return found

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """Every foreign key that the list shows, with what its text is made of: one query a page, not one a row."""
        return related(self.model, set(self.get_list_display(request)))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The record's history; 404 for a record outside the reader's namespaces."""
        if not self.get_queryset(request).filter(pk=_number(object_id)).exists():
            return self._get_obj_does_not_exist_redirect(request, self.model._meta, object_id)  # type: ignore[no-any-return]
        return super().history_view(request, str(_number(object_id)), extra_context)  # type: ignore[no-any-return]

    def get_history_queryset(
        self, request: HttpRequest, history_manager: Any, pk_name: str, object_id: Any
    ) -> models.QuerySet[Any]:
        """The newest COUNTED changes: the page counts what it is given."""
        rows: models.QuerySet[Any] = super().get_history_queryset(request, history_manager, pk_name, object_id)
        return rows[:COUNTED]

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """One historical state, to read. Any method but GET and HEAD is refused: there is no revert."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.get_queryset(request).filter(pk=_number(object_id)).exists():
            return self._get_obj_does_not_exist_redirect(request, self.model._meta, object_id)  # type: ignore[no-any-return]
        return super().history_form_view(  # type: ignore[no-any-return]
            request, str(_number(object_id)), str(_number(version_id)), extra_context
        )

    def set_history_delta_changes(
        self, request: HttpRequest, historical_records: Any, foreign_keys_are_objs: bool = True
    ) -> None:
        """Give each history row who acted, why, and what changed, field by field; the first one, what it began with."""
        rows = list(historical_records)
        actors = Principal.objects.in_bulk({row.history_user_id for row in rows})
        hidden = set(self.model.confidential)
        if hidden and _confided(request, self.model, {row.id for row in rows}):
            hidden.clear()
        states = [*rows, *(one for one in [rows[-1].prev_record if rows else None] if one is not None)]
        if isinstance(request.user, User):
            mask(self.model, request.user.principal, states)
        for newer, older in zip(rows, [*states[1:], None], strict=False):
            newer.acting = actors.get(newer.history_user_id)
            newer.changed = changes(older, newer, besides=hidden)
            newer.why = "" if hidden else newer.history_change_reason
        historical_records.object_list = rows


@dataclass(frozen=True)
class Elsewhere:
    """Stands for a record of a namespace that the reader does not read."""

    pk: int

    def __str__(self) -> str:
        return str(_("(of another namespace)"))


def _without_names_elsewhere(reader: User, model: type[GovernedModel], rows: Sequence[Any]) -> None:
    """Put `Elsewhere` where rows refer to records that are not the reader's to read; a query for each relation."""
    if reader.reads_everything:
        return
    for field in model._meta.concrete_fields:
        other = field.related_model
        if not field.is_relation or other is Namespace or not isinstance(other, type):
            continue
        path = other.namespace_path if issubclass(other, GovernedModel) else ""
        ids = {getattr(row, field.attname) for row in rows} - {None}
        if not path or not ids:
            continue
        named = other._default_manager.filter(pk__in=ids, **{f"{path}__isnull": False})
        away = named.exclude(**{f"{path}__in": readable_namespaces(reader.principal)})
        hidden = set(away.values_list("pk", flat=True))
        for row in rows:
            if getattr(row, field.attname) in hidden:
                row._state.fields_cache[field.name] = Elsewhere(getattr(row, field.attname))


def _confided(request: HttpRequest, model: type[GovernedModel], ids: Iterable[int]) -> bool:
    """Whether the request's reader may read the confidential fields of all these records."""
    wanted = set(ids)
    return isinstance(request.user, User) and model.confided(request.user.principal, wanted) >= wanted


def changes(older: Any | None, newer: Any, *, besides: Collection[str] = ()) -> list[dict[str, Any]]:
    """What one history row changed: [{field, old, new}], by the fields' names for people.

    Args:
        older: the row before, or None for the first, whose filled fields are all new.
        besides: fields that are not shown.
    """
    found = []
    for field in newer.instance_type._meta.concrete_fields:
        if field.name in besides:
            continue
        old = getattr(older, field.attname) if older is not None else None
        new = getattr(newer, field.attname)
        if old != new and not (older is None and new in ("", None, [], {})):
            found.append({"field": field.verbose_name, "old": old if older is not None else None, "new": new})
    return found


def related(model: type[models.Model], names: Collection[str]) -> list[str]:
    """The relations among some names of a model's, each with the relations that the text of what it leads to reads."""
    found = []
    for field in model._meta.get_fields():
        leads_to: Any = field.related_model
        if field.name in names and (field.many_to_one or field.one_to_one) and leads_to is not None:
            found.append(field.name)
            found += [f"{field.name}__{more}" for more in related(leads_to, leads_to.__str__.__code__.co_names)]
    return found


def in_namespaces_of(
    request: HttpRequest, model: type[GovernedModel], rows: models.QuerySet[Any]
) -> models.QuerySet[Any]:
    """Narrow a queryset to the namespaces of the request's reader.

    Records that belong to no namespace (principals) and those for everywhere are for readers of everywhere and for
    administrators.
    """
    reader = request.user
    if not isinstance(reader, User):
        return rows.none()
    if reader.reads_everything:
        return rows
    actor = reader.principal
    if not model.namespace_path:
        return rows.none()
    if model is Namespace:
        return rows.filter(pk__in=readable_namespaces(actor))
    return rows.filter(**{f"{model.namespace_path}__in": readable_namespaces(actor)})


def _number(text: str) -> int:
    """A primary key from an address; what is none matches nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def register_all(app_label: str) -> None:
    """Register every governed model of an app that has no admin of its own."""
    config = apps.get_app_config(app_label)
    for model in governed_models():
        if model._meta.app_label == config.label and not admin.site.is_registered(model):
            admin.site.register(model, GovernedAdmin)


admin.site.site_header = _("Muniment: the record")
admin.site.site_title = _("Muniment")
admin.site.index_title = _("Every record, and how it came to be")
