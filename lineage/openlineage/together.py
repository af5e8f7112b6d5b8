"""One act for what comes in at the same moment: whoever finds nobody at work goes ahead, with all who came meanwhile.

An act costs the same for one event as for ten: a transaction, its stamp, its commit. Nobody waits for company: a call
that comes alone is carried out at once, and those that come while it is carried out are the next act.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from governance import errors

Given = TypeVar("Given")
Made = TypeVar("Made")

LONGEST_WAIT = 30.0  # s; more than any act takes, less than a web server lets a request run


class _Call(Generic[Given, Made]):
    """One caller's part, and what became of it."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.made: list[Made] = []
        self.error: Exception | None = None
        self.leads = False
        self.woken = threading.Event()

    def answer(self) -> Made:
        if self.error is not None:
            raise self.error
        return self.made[0]


class Together(Generic[Given, Made]):
    """Carries calls of threads of one process out, those of one key at the same moment in one go.

    Args:
        carry_out: takes the parts of some calls and returns as many answers. It raises without having done anything.
        at_most: parts in one go.
    """

    def __init__(self, carry_out: Callable[[Sequence[Given]], Sequence[Made]], *, at_most: int = 50) -> None:
        self._carry_out = carry_out
        self._at_most = at_most
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, deque[_Call[Given, Made]]] = {}

    def __call__(self, key: Hashable, given: Given) -> Made:
        """The answer to one part. Raises what carrying it out raised; Unavailable if that came to no end."""
        call: _Call[Given, Made] = _Call(given)
        with self._lock:
            queue = self._waiting.get(key)
            if queue is None:  # nobody is at work for this key
                self._waiting[key] = queue = deque()
                call.leads = True
            queue.append(call)
        if not call.leads:
            if not call.woken.wait(LONGEST_WAIT):
                with self._lock:
                    given_up = not call.woken.is_set()
                    if given_up and call in queue:
                        queue.remove(call)
                if given_up:
                    raise errors.Unavailable(_("The record is busy. Send it again in a moment."))
            if not call.leads:
                return call.answer()
        try:
            self._lead(queue)
        finally:
            with self._lock:
                if queue:
                    queue[0].leads = True
                    queue[0].woken.set()
                else:
                    del self._waiting[key]
        return call.answer()

    def _lead(self, queue: deque[_Call[Given, Made]]) -> None:
        with self._lock:
            calls = [queue.popleft() for _number in range(min(len(queue), self._at_most))]
        try:
            try:
                self._together(calls)
            except Exception:
                if len(calls) == 1:
                    raise
                for call in calls:  # one of them may be at fault: each by itself
                    try:
                        self._together([call])
                    except Exception as error:
                        call.error = error
        except Exception as error:
            calls[0].error = error
        finally:
            for call in calls:
                if not call.made and call.error is None:  # the leader's thread was ended in the middle
                    call.error = errors.Unavailable(_("The record is busy. Send it again in a moment."))
                call.woken.set()

    def _together(self, calls: Sequence[_Call[Given, Made]]) -> None:
        for call, made in zip(calls, self._carry_out([call.given for call in calls]), strict=True):
            call.made = [made]
