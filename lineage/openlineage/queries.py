"""Reading what came in, for pages and the API."""

from __future__ import annotations

import json
from typing import Any

from lineage.models import OpenLineageEvent


def event_text(event: OpenLineageEvent) -> dict[str, Any]:
    """The event as it is kept, redacted."""
    found: dict[str, Any] = json.loads(event.intake.body)
    return found
