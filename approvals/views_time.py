"""Pages about moments that are over: a record as it was, and what was live."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.pages import live_on
from approvals.pages.as_it_was import KINDS, find
from governance import errors
from governance.accounts.permissions import readable_namespaces
from governance.api.principals import principal_of
from governance.history.moments import read_page_moment
from lineage.pages.paging import read_id


@require_safe
@login_required
def as_it_was_page(request: HttpRequest, id: str, kind: str) -> HttpResponse:
    """A record as it stood at `at`, marked as such, with nothing to do on it; and the way back to now."""
    reader, what = principal_of(request), KINDS[kind]
    moment, fault = _asked(request)
    shown = moment or timezone.now()
    page = find(what, reader, read_id(id), shown)
    if page is None:
        raise Http404
    context = {
        "page": page, "kind": what, "id": read_id(id), "moment": shown, "fault": fault, "typed": _typed(request, shown),
        "as_it_was": f"{what.page}-as-it-was",
    }  # fmt: skip
    status = 400 if fault else 200 if page.existed else 404
    return render(request, "approvals/as_it_was.html", context, status=status)


@require_safe
@login_required
def live_on_page(request: HttpRequest) -> HttpResponse:
    """What was live at a moment, drawn among what went before and came after, with a table that says the same."""
    reader = principal_of(request)
    moment, fault = _asked(request)
    shown = moment or timezone.now()
    days = live_on.read_days(request.GET.get("days", ""))
    mine = readable_namespaces(reader)
    namespace = mine.filter(name=request.GET["namespace"]).first() if request.GET.get("namespace") else None
    if request.GET.get("namespace") and namespace is None:
        raise Http404
    context = {
        "page": live_on.page_for(reader, shown, timedelta(days=days), namespace), "moment": shown, "fault": fault,
        "typed": _typed(request, shown), "days": days, "spans": live_on.SPANS, "namespace": namespace,
        "namespaces": list(mine.order_by("name")[:100]), "now": moment is None,
    }  # fmt: skip
    return render(request, "approvals/live_on.html", context, status=400 if fault else 200)


def _asked(request: HttpRequest) -> tuple[datetime | None, list[Any]]:
    """The moment that was asked for, or None and why not."""
    given = request.GET.get("at", "").strip()
    if not given:
        return None, []
    try:
        return read_page_moment(given), []
    except errors.Invalid as refusal:
        return None, [sentence for all_ in refusal.errors.values() for sentence in all_]


def _typed(request: HttpRequest, moment: datetime) -> str:
    """What the form's field shows: the moment, to the second, as the browser's own control writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
