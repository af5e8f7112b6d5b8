"""The product against an independent model of its rules: after every step of random histories they answer alike."""

import ast
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.approvals.model import flow, rules
from tests.approvals.model.direct import Direct
from tests.approvals.model.flow import quorum
from tests.approvals.model.histories import ACTS, CHOICES, Disagreement, History, Step, at_random
from tests.approvals.model.stage import Stage

LENGTH = 40
STEPS = int(os.environ.get("MODEL_STEPS", "10000"))  # .ci/run asks for fewer, to land in time
HALVES = ("one half", "the other half")
number = st.integers(0, CHOICES - 1)
steps = st.lists(st.tuples(number, number, number, number), min_size=LENGTH, max_size=LENGTH)


def run(stage: Stage, history: Sequence[Step], way: type[Stage] = Direct) -> int:
    """Run a history; the number of steps at which something happened. Raises Disagreement."""
    with stage.history(way) as fresh:
        running = History(fresh)
        running.run(history)
        return len(running.log)


def run_or_tell(stage: Stage, history: Sequence[Step], number: int) -> int:
    """Run a history. Raises Disagreement on the shortest one that dropping its steps one by one comes down to.

    Hypothesis needs five minutes to shrink forty steps, number by number; this takes seconds, and is read as a story.

    Args:
        number: which history it is; each tenth goes through the actions.
    """
    way = Stage if number % 10 == 0 else Direct
    try:
        return run(stage, history, way)
    except Disagreement as found:
        shortest, left = found, list(history)
    for position in reversed(range(len(left))):
        fewer = left[:position] + left[position + 1 :]
        try:
            run(stage, fewer, way)
        except Disagreement as found:
            shortest, left = found, fewer
    raise shortest


@pytest.mark.parametrize("half", HALVES)  # one for each of two test processes
def test_ten_thousand_random_steps_are_answered_alike(stage: Stage, half: str) -> None:
    done, numbers = 0, itertools.count()

    @settings(max_examples=STEPS * 29 // 2000, deadline=None, database=None, phases=[Phase.generate])
    @given(steps)
    def histories(history: list[Step]) -> None:
        nonlocal done
        # Hypothesis takes the seed from the function, which both halves share: the second reads its histories backwards.
        done += run_or_tell(stage, history if half == HALVES[0] else history[::-1], next(numbers))

    histories()
    assert done >= STEPS // 2


@pytest.mark.soak
def test_a_million_random_steps_are_answered_alike(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Two to three hours on one core. With `-s` it tells each minute how far it is.

    MODEL_SEED continues where an earlier night was broken off, MODEL_STEPS asks for another number of steps, and
    MODEL_EVERY=2 takes each second seed only: two of them, from an even and from an odd seed, share two cores.
    """
    first, every = int(os.environ.get("MODEL_SEED", "0")), int(os.environ.get("MODEL_EVERY", "1"))
    asked = int(os.environ.get("MODEL_STEPS", "1000000"))
    done, begun = 0, time.monotonic()
    said = begun

    def tell(what: str) -> None:
        took = time.monotonic() - begun
        with capsys.disabled():
            print(f"{done:,} steps agree in {took:,.0f} s, {1000 * took / done:.2f} ms a step; {what}", flush=True)

    for seed in itertools.count(first, every):
        try:
            done += run_or_tell(stage, at_random(seed, LENGTH), seed // every)
        except Disagreement as found:
            found.add_note(f"It was the history of seed {seed}.")
            raise
        if done >= asked:
            tell(f"that is all of them: the histories of the seeds {first} to {seed}, every {every}. No disagreement.")
            return
        if time.monotonic() - said > 60:
            said = time.monotonic()
            tell(f"the next seed is {seed + every}")


@pytest.mark.parametrize("way", [Stage, Direct])
def test_every_kind_of_event_happens(stage: Stage, way: type[Stage]) -> None:
    """A history that did only what is easy would agree with anything."""
    happened: Counter[str] = Counter()
    signing = ACTS.index(History.sign)
    for act in dict.fromkeys(ACTS):
        with stage.history(way) as fresh:
            running = History(fresh)
            # Something is found; everybody signs something; each third rejects it.
            running.run([(ACTS.index(History.find), 0, 0, 0)])
            running.run((signing, person, asked, 1 if person % 3 else 2) for person in range(8) for asked in range(2))
            before = len(running.log)
            running.run((ACTS.index(act), n, n + 1, n) for n in range(4))
            happened[act.__name__] += len(running.log) - before
    assert {act.__name__ for act in ACTS} == {name for name, times in happened.items() if times}


def test_the_model_shares_nothing_with_the_product() -> None:
    for module in (rules, flow):
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in named - {flow.__name__}} <= sys.stdlib_module_names


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1, max_size=2),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=7),
)
def test_the_models_flow_is_what_trying_everything_finds(wanted: dict[str, int], pairs: list[tuple[str, str]]) -> None:
    able = {key: {person for asked, person in pairs if asked == key} for key in wanted}
    places = [key for key, count in wanted.items() for _place in range(count)]
    people = [*"xyz", *[""] * len(places)]
    tried = itertools.permutations(people, len(places))
    best = max(sum(person in able[key] for key, person in zip(places, one, strict=True)) for one in tried)
    assert quorum(wanted, able) == best
