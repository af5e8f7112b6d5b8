"""Rounds of one fact against fifteen promotions on sixteen connections, and what went wrong in them.

Wrong is what no order of acts explains: a fact was committed before a promotion committed, the gate should have been
closed by it, and the promotion went live all the same.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from governance.accounts.models import Principal
from tests.approvals.raw import Connection, acting
from tests.waiting import PATIENCE

CONNECTIONS = 16
#: With these an act is sent away to come again, as an action does by itself; nothing of it is recorded. Expected of each:
#: an empty slot, for one, has no row to lock, and who was overtaken between two looks at it is told so.
RETRIED = ("40001",)
#: Seconds within which acts begin, and for which they last, at most.
PAUSE = 0.004
GUARDS = Path(__file__).parents[3] / "approvals" / "sql" / "50_promotions.sql"


@dataclass
class Outcome:
    """What one connection did in a round, on one monotonic clock (seconds)."""

    began: float
    committing: float = 0.0  # just before COMMIT was sent
    ended: float = 0.0  # just after COMMIT, or the refusal, came back
    refusal: str = ""  # SQLSTATE and code; "" = committed

    @property
    def committed(self) -> bool:
        return not self.refusal


@dataclass
class Tally:
    """What came of the rounds."""

    rounds: int = 0
    overlapped: int = 0
    promoted: int = 0
    refused: int = 0
    wrong: int = 0
    deadlocks: int = 0
    surprises: list[str] = field(default_factory=list)
    pause: float = PAUSE

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.overlapped} truly overlapped, {self.promoted} promoted, "
            f"{self.refused} refused, {self.wrong} wrong, {self.deadlocks} deadlocks"
        )


@dataclass(frozen=True)
class Act:
    """One connection's part in a round."""

    connection: Connection
    actor: Principal
    do: Callable[[Connection], object]


def play(acts: Sequence[Act], *, pause: float = PAUSE) -> list[Outcome]:
    """All acts at once, each in a transaction of its own; outcomes in the order of the acts."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[Outcome | None] = [None] * len(acts)

    def run(number: int, act: Act) -> None:
        delay, hold = random.uniform(0, pause), random.uniform(0, pause)
        barrier.wait(PATIENCE)
        time.sleep(delay)
        outcome = outcomes[number] = Outcome(time.monotonic())
        try:
            with acting(act.connection, act.actor):
                act.do(act.connection)
                time.sleep(hold)  # a transaction has more to do than this one row
                outcome.committing = time.monotonic()
        except psycopg.Error as error:
            outcome.refusal = f"{error.sqlstate} {(error.diag.message_detail or '')[:60]}"
        outcome.ended = time.monotonic()

    threads = [threading.Thread(target=run, args=(n, act)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return [outcome for outcome in outcomes if outcome is not None]


def longer(rounds: int) -> float:
    """Seconds for `play`, after so many rounds without a lock that did not go wrong: twice as long every ten.

    However slow the machine, acts then last long enough for one to be committed within another: that this shows is no luck.
    """
    return float(min(PAUSE * 2 ** (rounds // 10), 0.5))


def count(tally: Tally, fact: Outcome, promotions: Sequence[Outcome], expected: Sequence[str]) -> None:
    """Judge a round: `expected` are the SQLSTATEs with which a promotion may be refused."""
    tally.rounds += 1
    tally.overlapped += any(p.began < fact.ended and fact.began < p.ended for p in promotions)
    for promotion in promotions:
        tally.promoted += promotion.committed
        tally.refused += not promotion.committed
        if promotion.committed and fact.committed and fact.ended < promotion.committing:
            tally.wrong += 1
        notice(tally, promotion, expected)


def notice(tally: Tally, outcome: Outcome, expected: Sequence[str]) -> None:
    """Count deadlocks and keep what nobody expected."""
    tally.deadlocks += outcome.refusal.startswith("40P01")
    if outcome.refusal and not outcome.refusal.startswith((*expected, *RETRIED)):
        tally.surprises.append(outcome.refusal)


def without(owner: Connection, *locks: str, guards: Path = GUARDS) -> None:
    """Install guards, the promotion's unless others are named, with the lines marked `lock: <name>` taken out.

    Unknown names fail the test.
    """
    text = guards.read_text()
    for name in locks:
        text, found = re.subn(rf"^(.*?)\s*-- lock: {name}$", _neutral, text, flags=re.M)
        assert found == 1, f"no line is marked `lock: {name}`"
    owner.execute(text)  # type: ignore[arg-type]  # a file of ours


def _neutral(line: re.Match[str]) -> str:
    code = line.group(1)
    if code.strip().startswith("WHERE l.promotion_id"):
        return ""
    if code.strip().startswith("|| muniment.stripe"):  # the queue's last line closes the call
        return code.replace("true);", "true) WHERE false;")
    if code.rstrip().endswith("FOR UPDATE;") or code.rstrip().endswith("FOR SHARE;"):
        return re.sub(r"FOR (UPDATE|SHARE);$", ";", code.rstrip())
    return "" if code.strip().startswith("PERFORM muniment.lock_") else re.sub(r"FOR NO KEY UPDATE;$", ";", code)
