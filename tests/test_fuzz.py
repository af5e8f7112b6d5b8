"""The whole API against its own schema: no fault, no answer it does not tell of, nothing changed by a refused call."""

import os
from collections.abc import Iterator
from zlib import crc32

import pytest

from tests.approvals.world import World, world
from tests.cast import Cast
from tests.fuzzing import Fuzzer, in_this_transaction, operations
from tests.permission_table.things import Things

WHO = ("pipeline", "auditor", "risk", "tester", "steward", "admin", "outsider_pipeline", "policy")


@pytest.fixture
def w(cast: Cast) -> Iterator[World]:
    """A model version with everything in order."""
    with in_this_transaction():
        yield world(cast)


def report(fuzzer: Fuzzer) -> str:
    """What went wrong, as text."""
    return "\n\n".join(f"== {where}\n{told}" for where, told in fuzzer.faults.items())


def test_each_operation_answers_as_its_schema_says(w: World) -> None:
    fuzzer = Fuzzer(Things(w, "promotions"), examples=2)
    every = list(operations())
    fuzzer.id("promotions")  # while nothing else stands in its way
    for operation in every:
        # By its name, so that a new operation does not change who calls the others.
        fuzzer.try_out(operation, WHO[crc32(operation.label.encode()) % len(WHO)])
    assert not fuzzer.faults, report(fuzzer)
    assert fuzzer.calls >= len(every)
    assert fuzzer.accepted > 30  # keys and sessions do open doors


@pytest.mark.soak
@pytest.mark.parametrize("who", WHO)
def test_each_operation_answers_every_role_as_its_schema_says(who: str, w: World) -> None:
    """FUZZ_EXAMPLES asks for another number of calls of each operation than sixty."""
    fuzzer = Fuzzer(Things(w, "promotions"), examples=int(os.environ.get("FUZZ_EXAMPLES", "60")), random=True)
    fuzzer.id("promotions")
    for operation in operations():
        fuzzer.try_out(operation, who)
    print(f"{who}: {fuzzer.calls} calls, {fuzzer.accepted} accepted")
    assert not fuzzer.faults, report(fuzzer)
