"""Pages by key: a list that grows while it is read neither skips nor repeats, and the last page costs as the first.

No counts: counting reads everything, and the number of what one may not see is itself a leak (attack A71).
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.core import signing
from django.db.models import Model, Q
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from governance.errors import Invalid, Missing

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
CURSOR = r"\.?[0-9A-Za-z_-]+:[0-9A-Za-z]+:[0-9A-Za-z_-]{43}"
"""What a cursor looks like: a signed value, when it was signed, and the signature."""


class KeysetPagination(BasePagination):
    """Newest first by id; a view's `ordering` may name one other column before it: ("-recorded_at", "-id").

    A view with `order()` is asked for it, since its readers may choose. All parts of an ordering run the same way, the
    last is unique, none is nullable.
    """

    ordering: tuple[str, ...] = ("-id",)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of records. Raises Invalid for a malformed limit or cursor, Missing for a cursor from elsewhere."""
        self.request = request
        asked = view.order() if hasattr(view, "order") else getattr(view, "ordering", None)
        ordering = tuple(asked or self.ordering)
        limit = read_limit(request)
        salt = self._salt(request, view)
        if (cursor := request.query_params.get("cursor")) is not None:
            queryset = queryset.filter(after(queryset.model, ordering, read_cursor(cursor, ordering, salt)))
        rows = list(queryset.order_by(*ordering)[: limit + 1])
        self.next: str | None = None
        if len(rows) > limit:
            rows = rows[:limit]
            token = signing.dumps([_plain(rows[-1], column) for column in ordering], salt=salt, compress=True)
            self.next = replace_query_param(request.build_absolute_uri(), "cursor", token)
        return rows

    @staticmethod
    def _salt(request: Request, view: Any) -> str:
        # Bound to the list and its filters: a cursor moved to another list would point to nowhere in particular.
        own = sorted((name, value) for name, value in request.query_params.items() if name not in ("cursor", "limit"))
        return json.dumps(["muniment.cursor", request.path.rstrip("/"), own])

    def get_paginated_response(self, data: Any) -> Response:
        """The page and the address of the next."""
        return Response({"results": data, "next": self.next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For OpenAPI. `schema` is that of the whole list."""
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {
                "results": schema,
                "next": {"type": ["string", "null"], "format": "uri", "description": "Address of the next page."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For OpenAPI."""
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "How many at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where to go on: taken from `next`, not to be made up.",
                "schema": {"type": "string", "pattern": f"^{CURSOR}$"},
            },
        ]


def read_limit(request: Request) -> int:
    """The page size asked for. Raises Invalid unless it is 1 to MAX_LIMIT in plain digits."""
    given = request.query_params.get("limit")
    if given is None:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= MAX_LIMIT):
        sentence = _("A whole number from 1 to %(max)d.") % {"max": MAX_LIMIT}
        raise Invalid(_("The limit is not valid."), errors={"limit": [sentence]})
    return int(given)


def read_cursor(cursor: str, ordering: Sequence[str], salt: str) -> list[Any]:
    """The key values a cursor holds. Raises Invalid for what is none, Missing when it is not of this very list."""
    unchanged = {"cursor": [_("Take it unchanged from `next` of the same list with the same filters.")]}
    if not re.fullmatch(CURSOR, cursor):
        raise Invalid(_("The cursor is not valid."), errors=unchanged)
    try:
        values = signing.loads(cursor, salt=salt)
    except signing.BadSignature:
        values = None
    if not isinstance(values, list) or len(values) != len(ordering):
        raise Missing(_("The cursor leads to no page of this list."), errors=unchanged)
    return values


def after(model: type[Model], ordering: Sequence[str], values: Sequence[Any]) -> Q:
    """The condition "beyond these values" in an ordering whose parts run the same way."""
    condition, equal = Q(), Q()
    first = f"{ordering[0].lstrip('-')}__{'lte' if ordering[0].startswith('-') else 'gte'}"
    # An index is entered by this alone; by the alternatives below it would be read from its beginning.
    bound = Q(**{first: values[0]})
    for part, value in zip(ordering, values, strict=True):
        column = part.lstrip("-")
        lookup = "lt" if part.startswith("-") else "gt"
        condition |= equal & Q(**{f"{column}__{lookup}": value})
        equal &= Q(**{column: value})
    return bound & condition


def _plain(row: Any, part: str) -> Any:
    value = getattr(row, part.lstrip("-"))
    return value if isinstance(value, int | str) else value.isoformat()
