"""Structured logs: one JSON object a line, with the request, the act and the principal a line belongs to.

Never a secret: what is logged of a request is its method, its route as the URL table spells it (not the address: a
password reset's holds a key), its status and its time. Headers, bodies, query strings and cookies are never logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.apps import apps

_context: ContextVar[dict[str, Any] | None] = ContextVar("muniment_log_context", default=None)

FIELDS = ("request_id", "principal_id", "action_id", "task", "message_id", "job_id")
"""What a line may belong to; `extra={…}` of a call may name further figures, shown under `data`."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def note(**values: Any) -> None:
    """Say what the lines from here on belong to, within the running request, task or thread."""
    _context.set({**(_context.get() or {}), **values})


def forget() -> None:
    """Nothing is known of what the next lines belong to: a new task begins in this process."""
    _context.set(None)


@contextmanager
def belonging(**values: Any) -> Iterator[None]:
    """`note` for the length of a block."""
    token = _context.set({**(_context.get() or {}), **values})
    try:
        yield
    finally:
        _context.reset(token)


def context() -> dict[str, Any]:
    """What a line written now belongs to; inside an act, the act and who acts."""
    found = dict(_context.get() or {})
    if not apps.models_ready:  # a line written while Django starts
        return found
    from governance.unit_of_work import action_in_hand  # late: settings name this module before the models are there

    running = action_in_hand()
    if running is not None:
        found |= {"action_id": str(running.id), "principal_id": running.actor.pk}
    return found


class JsonFormatter(logging.Formatter):
    """One line of JSON per record: time (UTC), level, logger, message, what it belongs to, the exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= {name: value for name, value in context().items() if name in FIELDS}
        if data := {name: value for name, value in vars(record).items() if name not in _STANDARD}:
            line["data"] = {name: _plain(value) for name, value in data.items() if name not in ("request", "response")}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    """For people at a terminal: the usual line, and in brackets what it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = super().format(record)
        belongs = " ".join(f"{name}={value}" for name, value in context().items() if name in FIELDS)
        return f"{line} [{belongs}]" if belongs else line


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
