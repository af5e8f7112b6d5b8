"""A21 for what is live: facts that answer, against promotions in the same slots, and against one another.

Wrong is what no order of acts explains: something is live that the committed fact should have stopped.
"""

import random
from collections.abc import Callable

import psycopg
import pytest
from django.utils import timezone

from approvals.models import LiveSlot, Promotion, PromotionEnd, Release, ServingNotice
from governance.unit_of_work import recorded_action
from lineage.models import CollectionTerms, ModelVersion
from tests.approvals.races.harness import CONNECTIONS, Act, play
from tests.approvals.raw import Connection, promote
from tests.approvals.serving.scenes import LAST_GOOD, go_live, on_own_data, policy
from tests.approvals.world import WHY, World, give_terms

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]
ROUNDS = 5


@pytest.fixture
def connections(raw: Raw) -> list[Connection]:
    """Of the app's."""
    found = [raw("app") for _ in range(CONNECTIONS)]
    for one in found:
        one.execute("SET statement_timeout = '30s'")
    return found


def withdrawing(terms: CollectionTerms) -> Callable[[Connection], object]:
    """Withdraw, and try again where the database asks for that, as an action does."""

    def act(connection: Connection) -> None:
        for _attempt in range(6):
            try:
                with connection.transaction():
                    connection.execute(
                        "INSERT INTO lineage_termswithdrawal (terms_id, reason) VALUES (%s, 'No')", [terms.pk]
                    )
                return
            except psycopg.Error as error:
                if error.sqlstate != "40001":
                    raise

    return act


def promoting(release: Release, replaces: int) -> Callable[[Connection], object]:
    """Promote a release in the place of what was live."""
    return lambda connection: promote(connection, release, replaces)


def test_A21_a_withdrawal_three_datasets_upstream_leaves_nothing_live_on_it(
    w: World, connections: list[Connection]
) -> None:
    """Fifteen promotions into one slot: of versions on the data whose terms go, and of versions on other data."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    affected = [w.version, *[w.retrain(n) for n in range(2, 8)]]
    others = [on_own_data(w, f"other-{n}") for n in range(8)]
    on_data = {v.pk for v in affected}
    surprises: list[str] = []
    fallbacks = 0
    for round_ in range(10 * ROUNDS):
        if round_ >= ROUNDS and fallbacks:
            break  # which of the sixteen comes first is chance: on until one fell back
        terms = give_terms(w.cast, w.datasets["source"], effective_from=timezone.now())
        if round_ % 2 == 0:
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
        fact, *promotions = play(acts)
        assert fact.committed, fact.refusal
        surprises += [p.refusal for p in promotions if p.refusal and not p.refusal.startswith(("MU007", "MU008"))]
        live = [slot.promotion for slot in LiveSlot.objects.select_related("promotion__release")]
        assert not {p.release.model_version_id for p in live} & on_data, "live on withdrawn terms"
        fallbacks += sum(p.kind == "fallback" for p in live)
        assert Promotion.objects.filter(end__isnull=True).count() == len(live)
    assert not surprises, surprises[:5]
    assert fallbacks, "no round ended with a fallback"


def test_A21_two_withdrawals_that_meet_below_end_it_once_without_a_deadlock(
    w: World, connections: list[Connection]
) -> None:
    """Both reach the same promotion, and the fallback of the one rests on the data of the other."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    spare = on_own_data(w, "spare")
    dataset = spare.source_run.inputs.get().dataset_version.dataset  # type: ignore[union-attr]  # it has one
    for _round in range(ROUNDS):
        clear(w)
        first = give_terms(w.cast, w.datasets["source"], effective_from=timezone.now())
        second = give_terms(w.cast, w.datasets["raw"], effective_from=timezone.now())
        third = give_terms(w.cast, dataset, effective_from=timezone.now())
        go_live(w, spare)
        promotion = go_live(w)
        outcomes = play([
            Act(connection, w.cast.steward, withdrawing(terms))
            for connection, terms in zip(connections, (first, second, third), strict=False)
        ])  # fmt: skip
        assert [o.refusal for o in outcomes] == ["", "", ""]
        assert not LiveSlot.objects.exists(), "what it fell back to rests on terms that went as well"
        assert PromotionEnd.objects.get(promotion=promotion).kind == "suspended"
        assert ServingNotice.objects.filter(promotion=promotion, end__kind="carried_out").count() == 1


def clear(w: World) -> None:
    """End what is live."""
    with recorded_action(actor=w.cast.risk, **WHY):
        for slot in LiveSlot.objects.all():
            PromotionEnd.objects.create(promotion=slot.promotion, kind="retired", reason="Next round")
