"""Lists for people, page by page by key: no counts, and the last page costs as the first."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from governance.accounts.models import Principal
from governance.api.fields import MAX_ID
from governance.api.principals import principal_of

PAGE_SIZE = 25

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, newest first; `older` is the query string of the page that follows, or empty."""

    rows: list[Row]
    older: str
    first: bool


def page_of(rows: QuerySet[Row], request: HttpRequest, *, size: int = PAGE_SIZE) -> Page[Row]:
    """The page of `rows` that the request asks for with `?before=<id>`, newest first.

    Raises:
        Http404: `before` is no id.
    """
    given = request.GET.get("before", "")
    if given:
        rows = rows.filter(pk__lt=read_id(given))
    found = list(rows.order_by("-pk")[: size + 1])
    older = ""
    if len(found) > size:
        found = found[:size]
        query = request.GET.copy()
        query["before"] = str(found[-1].pk)
        older = query.urlencode()
    return Page(found, older, not given)


def read_id(given: Any) -> int:
    """An id from an address or a form. Raises Http404 when it is none: an unknown record and a bad id look alike."""
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= MAX_ID):
        raise Http404
    return int(text)


def reader_of(request: HttpRequest) -> Principal:
    """The person who reads. Raises Unauthenticated (401) when the account acts no longer."""
    return principal_of(request)
