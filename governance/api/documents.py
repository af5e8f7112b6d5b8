"""One record told in a published format, as a file to take away: the same record gives the same bytes."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy, override
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from governance.api.conditional import known_already
from governance.api.moments import PastMomentField
from governance.api.serializers import FilterSerializer
from governance.history.moments import standing_at

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
NAME_LENGTH = 80
"""Characters of a record's name that its file keeps."""


class Document(NamedTuple):
    """A file: what it is called, without its digest and ending; its media type; its bytes."""

    name: str
    ending: str
    media_type: str
    content: bytes


ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH, description=gettext_lazy("Id of the record."))
"""The parameter of a document's address, for the schema."""


class DocumentQuery(FilterSerializer):
    """As of when."""

    own = frozenset({"format"})
    as_of = PastMomentField(
        required=False,
        help_text=gettext_lazy(
            "Tell it as the record stood at this moment (inclusive): a day (its first instant in UTC) or a date-time"
            " with its offset, not in the future. Who may read is judged now."
        ),
    )


def moment_asked(request: HttpRequest) -> datetime | None:
    """The moment of `as_of`; None for now. Raises ValidationError for other parameters, and for no moment."""
    query = DocumentQuery(data=request.GET)
    query.is_valid(raise_exception=True)
    asked: datetime | None = query.validated_data.get("as_of")
    return asked


@contextmanager
def standing(moment: datetime | None) -> Iterator[None]:
    """Read as of a moment, or now, and in English: the bytes must not hang on the reader's language."""
    with override("en"), nullcontext() if moment is None else standing_at(moment):
        yield


def json_bytes(value: Any) -> bytes:
    """JSON in one form: keys as they stand, two blanks, UTF-8, a line end."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def answered(request: HttpRequest, document: Document) -> HttpResponse:
    """The file with its digest (RFC 9530 Content-Digest, ETag, first digits in its name); 304 for whoever has it."""
    digest = hashlib.sha256(document.content).digest()
    etag = f'"{digest.hex()}"'
    if known_already(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
        return HttpResponse(status=304, headers={"ETag": etag})
    plain = _NO_NAME.sub("-", document.name)[:NAME_LENGTH].strip("-.") or "record"
    name = f"{plain}.{digest.hex()[:12]}.{document.ending}"
    return HttpResponse(
        document.content,
        content_type=document.media_type,
        headers={
            "ETag": etag,
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
