"""The log as C2SP tlog-tiles serves it, for clients and monitors written by others: `/log/checkpoint`, `/log/tile/…`.

Open to all: a checkpoint and a tile are hashes and a signature. The leaves themselves are not (api.py asks who reads).
"""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from governance.ledger import merkle, store

_INDEX = r"(?:x[0-9]{3}/)*[0-9]{3}"
TILE_PATH = re.compile(rf"(0|[1-9]|[1-5][0-9]|6[0-3])/({_INDEX})(?:\.p/([1-9][0-9]{{0,2}}))?")


def tile_path(level: int, index: int, width: int = merkle.TILE_WIDTH) -> str:
    """The path of a tile below `/log/tile/`: indices in groups of three digits, all but the last marked x."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"{level}/{'/'.join(groups)}" + ("" if width == merkle.TILE_WIDTH else f".p/{width}")


def parse_tile_path(path: str) -> tuple[int, int, int] | None:
    """(level, index, width) of a path in its one canonical spelling, else None."""
    match = TILE_PATH.fullmatch(path)
    if match is None:
        return None
    level, index = int(match[1]), int(re.sub(r"[x/]", "", match[2]))
    width = int(match[3] or merkle.TILE_WIDTH)
    if index >= 1 << 55 or (match[3] and width >= merkle.TILE_WIDTH) or tile_path(level, index, width) != path:
        return None
    return level, index, width


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint; 404 before the first."""
    head = store.newest_checkpoint()
    if head is None:
        raise Http404(_("The log has no checkpoint yet."))
    response = HttpResponse(head.note.encode(), content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def tile(request: HttpRequest, path: str) -> HttpResponse:
    """A tile's hashes. Partial ones are kept for every checkpoint that was signed."""
    place = parse_tile_path(path)
    if place is None:
        raise Http404(_("That is not the path of a tile."))
    try:
        hashes = store.read_tile(*place)
    except store.TileMissing as error:
        raise Http404(_("The log has no such tile.")) from error
    response = HttpResponse(hashes, content_type="application/octet-stream")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
