"""Which kinds of jobs there are: registered by the rooms, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from governance.accounts.models import Principal
from governance.outbox.handlers import load

if TYPE_CHECKING:
    from governance.jobs.runner import Run

Work = Callable[["Run"], None]
MayRead = Callable[[Principal, Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of job."""

    name: str
    title: str | Promise
    may_read: MayRead
    work: Work
    at_once: int


_registry: dict[str, Kind] = {}


def job(name: str, *, title: str | Promise, may_read: MayRead, at_once: int = 0) -> Callable[[Work], Work]:
    """Register the decorated function as the work of jobs of this kind.

    Args:
        name: stable, for example "evidence-pack"; stored with each job.
        title: what people call it.
        may_read: whether a principal may have the file of a job with these parameters, asked at each download.
        at_once: how many of this kind run at the same time, whoever asked for them; the others wait, and leave the
            workers to other kinds. 0: as many as there are workers.

    Raises:
        ValueError: another function does that kind.
    """

    def register(work: Work) -> Work:
        known = _registry.setdefault(name, Kind(name, title, may_read, work, at_once))
        if (known.work.__module__, known.work.__qualname__) != (work.__module__, work.__qualname__):
            raise ValueError(f"jobs of kind {name!r} are done by {known.work.__module__}.{known.work.__qualname__}")
        return work

    return register


def find_kind(name: str) -> Kind:
    """The kind of that name; every app's `tasks` is loaded first. Raises LookupError: is the worker older than web?"""
    if name not in _registry:
        load()
    try:
        return _registry[name]
    except KeyError:
        raise LookupError(f"no work for jobs of kind {name!r}: is the worker older than the web process?") from None


def limits() -> dict[str, int]:
    """The kinds of which only so many run at the same time."""
    load()
    return {kind.name: kind.at_once for kind in _registry.values() if kind.at_once}


def title_of(name: str) -> str:
    """What people call jobs of that kind; its name where nobody knows it any more."""
    try:
        return str(find_kind(name).title)
    except LookupError:
        return name
