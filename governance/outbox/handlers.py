"""Who does the work of which topic.

A worked example, in `approvals/tasks.py`::

    from governance.outbox import Message, handles, notify

    @handles("release.opened")
    def tell_those_awaited(message: Message) -> None:
        release = Release.objects.select_related("model_version__model").get(pk=message.payload["release"])
        notify(
            people_awaited(release),
            "signature-awaited",
            {"model": release.model_version.model.name, "version": release.model_version.number},
            f"/releases/{release.pk}",
            message,
        )

and in the action, after its root is locked and before its transaction ends::

    enqueue("release.opened", {"release": release.pk}, subject=f"release:{release.pk}")

The rules a handler lives by:

* It runs inside a transaction that also marks the message delivered: what it writes to the database happens exactly
  once.
* What it does outside the database happens at least once (the worker may be killed before the commit): make it
  idempotent.
* It reads the records anew; the payload carries ids, not copies of facts.
* It raises when it cannot do its work. The relay tries again later, and in the end puts the message aside as dead.
* It opens no `recorded_action` (that is a transaction of its own). Work that writes governed rows is a task that a
  handler starts, or a scheduled one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from django.utils.module_loading import autodiscover_modules

from governance.outbox.models import OutboxMessage

Handler = Callable[[OutboxMessage], None]

# Rooms inside the app `governance` keep their tasks one level deeper than Django's autodiscovery looks.
OWN_ROOMS = ("governance.outbox.notices", "governance.jobs.tasks")

_registry: dict[str, Handler] = {}


class NoHandler(LookupError):
    """Nobody handles this topic. It is kept and tried again: a newer release of the code may know it."""


def handles(topic: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the one handler of `topic`. Raises ValueError if the topic has another."""

    def register(function: Handler) -> Handler:
        known = _registry.setdefault(topic, function)
        if (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            raise ValueError(f"topic {topic!r} is handled by {known.__module__}.{known.__qualname__} already")
        return function

    return register


def load() -> None:
    """Import what registers topics and kinds of notice: every app's `tasks`. A web process does it at first need."""
    autodiscover_modules("tasks")
    for room in OWN_ROOMS:
        import_module(room)


def handler_for(topic: str) -> Handler:
    """The handler of `topic`; every app's `tasks` module is loaded first. Raises NoHandler."""
    if topic not in _registry:
        load()
    try:
        return _registry[topic]
    except KeyError:
        raise NoHandler(f"no handler for topic {topic!r}: is the worker older than the web process?") from None
