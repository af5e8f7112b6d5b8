"""Retrains that race for the last use of an envelope, and a revocation against a retrain that goes live on it."""

from collections.abc import Callable

import pytest

from approvals.models import ChangePlanUse, LiveSlot, Promotion, Release
from tests.approvals.envelope.scene import Scene
from tests.approvals.races.harness import PAUSE, Act, Tally, longer, notice, play, without
from tests.approvals.raw import Connection, promote
from tests.approvals.world import World

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]
TO_FAIL = 60  # rounds within which a missing lock must show


def going(release: Release, replaces: int | None) -> Callable[[Connection], object]:
    """Promote a release in the place of what is live."""
    return lambda connection: promote(connection, release, replaces)


def test_two_retrains_race_for_the_last_use_and_one_wins(s: Scene, w: World, raw: Raw) -> None:
    live = s.approve(uses=1)
    releases = [w.release(s.retrain()) for _number in range(2)]
    for release in releases:
        s.sign(release, "steward")
    acts = [Act(raw("app"), w.cast.pipeline, going(release, live.pk)) for release in releases]
    outcomes = play(acts)
    assert sorted(o.committed for o in outcomes) == [False, True]
    assert [u.number for u in ChangePlanUse.objects.order_by("number")] == [0, 1]
    assert Promotion.objects.filter(end__isnull=True).count() == 1


def test_a_revocation_and_a_retrain_come_one_after_the_other(s: Scene, w: World, raw: Raw) -> None:
    owner, connections = raw("owner"), (raw("app"), raw("app"))
    without(owner, "envelope")
    assert rounds(s, connections, TO_FAIL).wrong, "the race was never seen to fail: it tests nothing"
    without(owner)
    tally = rounds(s, connections, 4, until_wrong=False)
    assert (tally.wrong, tally.deadlocks, tally.surprises) == (0, 0, [])


def rounds(s: Scene, connections: tuple[Connection, Connection], most: int, *, until_wrong: bool = True) -> Tally:
    """Each round an envelope of its own; wrong is a retrain that went live on one revoked before."""
    tally = Tally()
    for _number in range(most):
        base = s.retrain()
        plan = s.envelope(base=base)
        live = s.approve(plan)
        release = s.w.release(s.retrain())
        s.sign(release, "steward")

        def revoke(connection: Connection, of: int = plan.pk) -> None:
            connection.execute(
                "INSERT INTO approvals_changeplanrevocation (change_plan_id, reason) VALUES (%s, 'No')", [of]
            )

        revoked, gone = play([
            Act(connections[0], s.w.cast.risk, revoke), Act(connections[1], s.w.cast.pipeline, going(release, live.pk)),
        ], pause=longer(tally.rounds) if until_wrong else PAUSE)  # fmt: skip
        tally.rounds += 1
        tally.wrong += gone.committed and revoked.committed and revoked.ended < gone.committing
        notice(tally, revoked, ())
        notice(tally, gone, ("MU007",))
        assert LiveSlot.objects.filter(model=s.w.model).count() == 1
        if tally.wrong and until_wrong:
            break
    return tally
