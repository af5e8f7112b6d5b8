"""Events that come at the same moment are one act, and each caller has an answer of its own."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from governance import errors
from lineage.openlineage import together
from lineage.openlineage.together import Together
from tests.waiting import PATIENCE


class Slow:
    """Squares numbers, a go at a time; the first go waits until it is let on."""

    def __init__(self) -> None:
        self.goes: list[list[int]] = []
        self.begun, self.on = threading.Event(), threading.Event()

    def __call__(self, parts: Sequence[int]) -> list[int]:
        self.goes.append(list(parts))
        self.begun.set()
        self.on.wait(PATIENCE)
        if 13 in parts:
            raise errors.Invalid("No thirteen.")
        return [part * part for part in parts]


def arrived(calls: Together[int, int], key: str, count: int) -> None:
    """Wait until so many calls wait for the one that is carried out."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if len(calls._waiting[key]) == count:
            return
        threading.Event().wait(0.005)
    pytest.fail("they did not come")


def test_a_call_alone_is_carried_out_at_once() -> None:
    slow = Slow()
    slow.on.set()
    calls = Together(slow)
    assert [calls("a", 3), calls("a", 4)] == [9, 16]
    assert slow.goes == [[3], [4]]
    assert calls._waiting == {}


def test_those_who_come_meanwhile_are_the_next_go_and_each_has_its_own_answer() -> None:
    slow = Slow()
    calls = Together(slow, at_most=5)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(calls, "a", 0)
        assert slow.begun.wait(PATIENCE)
        others = [pool.submit(calls, "a", number) for number in range(1, 9)]
        arrived(calls, "a", 8)
        slow.on.set()
        assert first.result(PATIENCE) == 0
        assert [one.result(PATIENCE) for one in others] == [number * number for number in range(1, 9)]
    assert [len(go) for go in slow.goes] == [1, 5, 3]
    assert calls._waiting == {}


def test_one_at_fault_is_refused_and_its_neighbours_are_not() -> None:
    slow = Slow()
    calls = Together(slow)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(calls, "a", 0)
        assert slow.begun.wait(PATIENCE)
        bad, good, better = (pool.submit(calls, "a", number) for number in (13, 2, 3))
        arrived(calls, "a", 3)
        slow.on.set()
        assert (first.result(PATIENCE), good.result(PATIENCE), better.result(PATIENCE)) == (0, 4, 9)
        with pytest.raises(errors.Invalid):
            bad.result(PATIENCE)


def test_another_accounts_events_are_an_act_of_their_own() -> None:
    slow = Slow()
    calls = Together(slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(calls, "a", 1)
        assert slow.begun.wait(PATIENCE)
        slow.begun.clear()
        second = pool.submit(calls, "b", 2)
        assert slow.begun.wait(PATIENCE), "it waits for nobody else's"
        slow.on.set()
        assert (first.result(PATIENCE), second.result(PATIENCE)) == (1, 4)


def test_who_waits_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "LONGEST_WAIT", 0.05)
    slow = Slow()
    calls = Together(slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(calls, "a", 1)
        assert slow.begun.wait(PATIENCE)
        with pytest.raises(errors.Unavailable):
            calls("a", 2)
        slow.on.set()
        assert first.result(PATIENCE) == 1
    assert slow.goes == [[1]], "what was given up is not carried out"


def test_a_go_that_is_ended_in_the_middle_leaves_nobody_waiting() -> None:
    slow = Slow()

    def ended(parts: Sequence[int]) -> list[int]:
        if not slow.goes:
            slow(parts)
            raise SystemExit
        return slow(parts)

    calls = Together(ended)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(calls, "a", 1)
        assert slow.begun.wait(PATIENCE)
        second = pool.submit(calls, "a", 2)
        arrived(calls, "a", 1)
        slow.on.set()
        with pytest.raises(SystemExit):
            first.result(PATIENCE)
        assert second.result(PATIENCE) == 4
