"""The pages on how what is live is doing: all of it, a line each, and one promotion over time."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from approvals.monitoring.overview import watched, with_standing
from approvals.pages.judgements import in_breach, live_for
from approvals.pages.monitoring import RANGES, page_for
from approvals.pages.serving import find
from governance.api.principals import principal_of
from lineage.pages.paging import page_of, read_id

BREACHED = 50  # shown before all that is live


@require_safe
@login_required
def watched_page(request: HttpRequest) -> HttpResponse:
    """Everything live that the reader may see, and how it does from the three viewpoints; open breaches first."""
    live = with_standing(live_for(principal_of(request)))
    page = page_of(live, request)
    breached = list(in_breach(live)[:BREACHED]) if page.first else []
    context = {
        "page": page, "rows": [(slot, watched(slot)) for slot in page.rows],
        "breached": [(slot, watched(slot)) for slot in breached],
    }  # fmt: skip
    return render(request, "approvals/watched.html", context)


@require_safe
@login_required
def monitoring_page(request: HttpRequest, id: str) -> HttpResponse:
    """One promotion from the three viewpoints over time: limits, breaches, gaps, coverage, value against cost."""
    promotion = find(principal_of(request), read_id(id))
    if promotion is None:
        raise Http404
    asked = request.GET.get("days", "0")
    days = int(asked) if asked in map(str, RANGES) else 0
    page = page_for(promotion, days=days, before=_before(request.GET.get("before", "")))
    return render(request, "approvals/monitoring.html", {"page": page, "promotion": promotion, "ranges": RANGES})


def _before(text: str) -> tuple[datetime, int] | None:
    """Where the table goes on: `<moment>_<id>`; anything else begins it anew."""
    moment, _underscore, pk = text.rpartition("_")
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    return (at, int(pk)) if at and at.tzinfo and pk.isdecimal() and len(pk) < 19 else None
