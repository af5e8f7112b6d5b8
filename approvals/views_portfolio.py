"""The portfolio page: for whoever asks what the house runs, what is coming, and what needs somebody."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.portfolio import portfolio, strip
from governance.api.principals import principal_of

WIDTH = 300.0
"""Of a bar, in units of its drawing."""


@require_safe
@login_required
def portfolio_page(request: HttpRequest) -> HttpResponse:
    """What is live, what is planned and what is at risk in the namespaces the reader may read."""
    found = portfolio(principal_of(request))
    most = max((part.governed + part.as_found for part in found.parts), default=0)
    rows = [
        {"part": part, "pieces": strip(part, WIDTH * (part.governed + part.as_found) / most if most else 0)}
        for part in found.parts
    ]
    context = {"portfolio": found, "totals": found.totals, "rows": rows, "width": int(WIDTH), "now": timezone.now()}
    return render(request, "approvals/portfolio.html", context)
