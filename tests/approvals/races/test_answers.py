"""A21 for what is live: facts that answer, against promotions in the same slots, and against one another.

Wrong is what no order of acts explains: something is live that the committed fact should have stopped.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import pytest
from django.utils import timezone

from approvals.models import LiveSlot, Promotion, PromotionEnd, Release, ServingNotice
from governance.unit_of_work import recorded_action
from lineage.models import CollectionTerms, ModelVersion
from tests.approvals.races.harness import CONNECTIONS, PAUSE, Act, longer, play, without
from tests.approvals.raw import Connection, promote
from tests.approvals.serving.scenes import LAST_GOOD, go_live, on_own_data, policy
from tests.approvals.world import WHY, World, give_terms
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]
ROUNDS = 5  # in `make test`
LONG = 300  # in `make soak`
TO_FAIL = 150  # rounds within which a missing lock must show


@pytest.fixture
def connections(raw: Raw) -> list[Connection]:
    """Of the app's."""
    found = [raw("app") for _ in range(CONNECTIONS)]
    for one in found:
        one.execute("SET statement_timeout = '170s'")
    return found


def withdrawing(terms: CollectionTerms) -> Callable[[Connection], object]:
    """Withdraw, and try again where the database asks for that, as an action does, but for as long as it takes."""

    def act(connection: Connection) -> None:
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                with connection.transaction():
                    connection.execute(
                        "INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [terms.pk]
                    )
                return
            except psycopg.Error as error:
                if error.sqlstate != "40001" or time.monotonic() > limit:
                    raise

    return act


def promoting(release: Release, replaces: int) -> Callable[[Connection], object]:
    """Promote a release in the place of what was live."""
    return lambda connection: promote(connection, release, replaces)


@dataclass
class Seen:
    """What came of the rounds. Wrong: live on data whose terms are withdrawn, or not once where it should be."""

    rounds: int = 0
    wrong: int = 0
    fallbacks: int = 0
    surprises: list[str] = field(default_factory=list)
    pause: float = PAUSE


Play = Callable[[Seen], None]


def against_promotions(w: World, connections: list[Connection]) -> Play:
    """Terms three datasets upstream go, against fifteen promotions into one slot: of versions on that data, and of versions
    on other data."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    affected = [w.version, *[w.retrain(n) for n in range(2, 8)]]
    others = [on_own_data(w, f"other-{n}") for n in range(8)]
    on_data = {v.pk for v in affected}

    def round_(seen: Seen) -> None:
        terms = give_terms(w.cast, w.datasets["source"], effective_from=timezone.now())
        if seen.rounds % 2 == 0:
            clear(w)
            go_live(w, random.choice(others))
        go_live(w, affected[0])
        replaces = LiveSlot.objects.get().promotion_id
        versions: list[ModelVersion] = random.sample([*affected, *others], CONNECTIONS - 1)
        releases = [w.release(version) for version in versions]
        acts = [Act(connections[0], w.cast.steward, withdrawing(terms))]
        acts += [
            Act(one, w.cast.pipeline, promoting(release, replaces))
            for one, release in zip(connections[1:], releases, strict=True)
        ]
        fact, *promotions = play(acts, pause=seen.pause)
        seen.rounds += 1
        seen.surprises += [f"the fact: {fact.refusal}"] if fact.refusal else []
        seen.surprises += [p.refusal for p in promotions if p.refusal and not p.refusal.startswith(("MU007", "MU008"))]
        live = [slot.promotion for slot in LiveSlot.objects.select_related("promotion__release")]
        seen.wrong += bool({p.release.model_version_id for p in live} & on_data)
        seen.wrong += Promotion.objects.filter(end__isnull=True).count() != len(live)
        seen.fallbacks += sum(p.kind == "fallback" for p in live)

    return round_


def against_one_another(w: World, connections: list[Connection]) -> Play:
    """Two withdrawals reach the same promotion, and the fallback of the one rests on the data of a third."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    spare = on_own_data(w, "spare")
    dataset = spare.source_run.inputs.get().dataset_version.dataset  # type: ignore[union-attr]  # it has one

    def round_(seen: Seen) -> None:
        clear(w)
        terms = [give_terms(w.cast, one, effective_from=timezone.now())
                 for one in (w.datasets["source"], w.datasets["raw"], dataset)]  # fmt: skip
        go_live(w, spare)
        promotion = go_live(w)
        outcomes = play([
            Act(connection, w.cast.steward, withdrawing(one)) for connection, one in zip(connections, terms, strict=False)
        ], pause=seen.pause)  # fmt: skip
        seen.rounds += 1
        seen.surprises += [o.refusal for o in outcomes if o.refusal]
        # What it fell back to rests on terms that went as well.
        seen.wrong += LiveSlot.objects.exists()
        seen.wrong += PromotionEnd.objects.get(promotion=promotion).kind != "suspended"
        seen.wrong += ServingNotice.objects.filter(promotion=promotion, end__kind="carried_out").count() != 1
        seen.fallbacks += Promotion.objects.filter(kind="fallback", pk__gt=promotion.pk).count()

    return round_


#: Race -> how it is set up, and the locks without which it must go wrong.
RACES = {
    "a-withdrawal-against-promotions": (against_promotions, ("roots",)),
    "withdrawals-against-one-another": (against_one_another, ("fallback",)),
}


@pytest.mark.parametrize("name", RACES)
def test_A21_nothing_stays_live_on_withdrawn_terms_and_without_the_lock_it_does(
    w: World, raw: Raw, connections: list[Connection], name: str
) -> None:
    run(w, raw, connections, name, ROUNDS)


@pytest.mark.soak
@pytest.mark.parametrize("name", RACES)
def test_A21_nothing_stays_live_on_withdrawn_terms_in_three_hundred_rounds(
    w: World, raw: Raw, connections: list[Connection], name: str
) -> None:
    run(w, raw, connections, name, LONG)


def run(w: World, raw: Raw, connections: list[Connection], name: str, rounds: int) -> None:
    """Without the lock until it goes wrong; then as shipped, on until one fell back: who comes first is chance."""
    race, locks = RACES[name]
    round_ = race(w, connections)
    owner = raw("owner")
    without(owner, "queue", *locks)  # the queue would hide the missing lock
    broken = Seen()
    while not broken.wrong and broken.rounds < TO_FAIL:
        broken.pause = longer(broken.rounds)
        round_(broken)
    print(f"\n{name}, without {', '.join(locks)}: {broken}")
    assert broken.wrong, "the race was never seen to fail: it tests nothing"
    clear(w)
    without(owner)
    seen = Seen()
    while seen.rounds < rounds or not (seen.fallbacks or seen.rounds > 10 * rounds):
        # Once the rounds are over, until one is through before another begins.
        seen.pause = PAUSE if seen.rounds < rounds else longer(seen.rounds)
        round_(seen)
    print(f"{name}, as shipped: {seen}")
    assert (seen.wrong, seen.surprises[:5]) == (0, [])
    assert seen.fallbacks, "no round ended with a fallback"


def clear(w: World) -> None:
    """End what is live."""
    with recorded_action(actor=w.cast.risk, **WHY):
        for slot in LiveSlot.objects.all():
            PromotionEnd.objects.create(promotion=slot.promotion, kind="retired", reason="Next round")
