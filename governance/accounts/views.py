"""Pages around sign-in that allauth does not have."""

from typing import Any, NoReturn

from django.http import Http404, HttpRequest


def closed(request: HttpRequest, **_parts: Any) -> NoReturn:
    """A page of allauth's that this product does not offer. Raises Http404, signed in or not."""
    raise Http404
