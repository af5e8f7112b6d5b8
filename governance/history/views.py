"""The page of differences: what changed in a record between two moments, for people."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import ForeignKey, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from governance import errors
from governance.accounts.api.history import READERS, readable_records
from governance.accounts.models import Namespace, Principal
from governance.api.principals import principal_of
from governance.api.views import readable, resolve
from governance.history.differences import Difference, compare
from governance.history.masking import mask
from governance.history.models import GovernedModel, governed_models
from governance.history.moments import read_page_moment


@require_safe
@login_required
def differences_page(request: HttpRequest) -> HttpResponse:
    """A record at two moments, side by side, and who changed it, when and why."""
    reader = principal_of(request)
    model = {m._meta.db_table: m for m in governed_models()}.get(request.GET.get("table", ""))
    if model is None:
        raise Http404
    record = resolve(_with_wholes(model, reader), request.GET.get("id", ""))
    end, faults = _moment(request, "to", timezone.now())
    start, more = _moment(request, "from", max(record.recorded_at, end - timedelta(days=30)))
    faults |= more
    found = None
    if not faults:
        try:
            found = compare(model, record.pk, start, end, reader=reader)
        except errors.Invalid as refusal:
            faults = {name: list(sentences) for name, sentences in refusal.errors.items()}
    context = {
        "record": record, "called": _called(record), "table": model._meta.db_table, "noun": model._meta.verbose_name,
        "found": found, "faults": faults,
        "rows": [_told(one, reader) for one in found.differences] if found else [],
        "start": start, "end": end, "typed_start": _typed(start), "typed_end": _typed(end),
    }  # fmt: skip
    return render(request, "history/differences.html", context, status=400 if faults else 200)


def _moment(request: HttpRequest, name: str, otherwise: datetime) -> tuple[datetime, dict[str, list[Any]]]:
    given = request.GET.get(name, "").strip()
    if not given:
        return otherwise, {}
    try:
        return read_page_moment(given), {}
    except errors.Invalid as refusal:
        return otherwise, {name: [sentence for all_ in refusal.errors.values() for sentence in all_]}


def _typed(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _told(one: Difference, reader: Principal) -> dict[str, Any]:
    """A difference with its values in words: people and records by name, choices by theirs."""
    return {"one": one, "before": _words(one, one.before, reader), "after": _words(one, one.after, reader)}


def _words(one: Difference, value: Any, reader: Principal) -> Any:
    field = one.field
    if value in (None, "", [], {}):
        return None
    if isinstance(field, ForeignKey) and field.related_model is Principal:
        return Principal.objects.filter(pk=value).values_list("display_name", flat=True).first() or value
    if isinstance(field, ForeignKey) and field.related_model is Namespace:
        return Namespace.objects.filter(pk=value).values_list("name", flat=True).first() or value
    if isinstance(field, ForeignKey) and issubclass(field.related_model, GovernedModel):
        return _named(field.related_model, value, reader)
    if field.choices:
        return dict(field.flatchoices).get(value, value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str)
    return value


def _named(model: type[GovernedModel], id: Any, reader: Principal) -> Any:
    """A record by its name of today, with its id; the id alone where the reader may not read it."""
    rows = _with_wholes(model, reader)
    if not model.namespace_path and model not in READERS:
        # An environment is every namespace's: its page tells its name to all, only its history is oversight's.
        rows = readable(model, reader)
    found = list(rows.filter(pk=id))
    mask(model, reader, found)
    return _("%(name)s (id %(id)s)") % {"name": _called(found[0]), "id": id} if found else id


def _with_wholes(model: type[GovernedModel], reader: Principal) -> QuerySet[Any]:
    """The records of a kind that the reader may read, with what they are parts of."""
    found, within = readable_records(model, reader), _within(model)
    return found.select_related(within) if within else found


def _within(model: type[GovernedModel]) -> str:
    """The relations from a record to the largest thing it is a part of, as `select_related` takes them; "": none."""
    return model.namespace_path.rpartition("__")[0]


def _called(record: GovernedModel) -> str:
    """What people call a record: a version by its model and number, and so any part of something larger."""
    names = [_said(record)]
    one: Any = record
    for step in filter(None, _within(type(record)).split("__")):
        one = getattr(one, step)
        names.insert(0, _said(one))
    return " · ".join(names)


def _said(record: GovernedModel) -> str:
    """A record in words; with its noun where its words are a bare number, which "scoring · 1 · 1" leaves open."""
    words = str(record)
    return f"{record._meta.verbose_name} {words}" if words.isdigit() else words
