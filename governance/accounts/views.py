"""Pages around sign-in that allauth does not have."""

from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def closed(request: HttpRequest, **_parts: Any) -> NoReturn:
    """A page of allauth's that this product does not offer. Raises Http404, signed in or not."""
    raise Http404


def design(request: HttpRequest) -> HttpResponse:
    """Every component of the pages with made-up content; has an address only while DEBUG is on."""
    return render(request, "design.html", {"now": timezone.now()})
