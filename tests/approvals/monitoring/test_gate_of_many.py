"""What the gate looks at of many windows: the newest of each reporter and no others, found without looking at the rest."""

import random
from collections.abc import Iterable

from approvals.actions.evidence import Measured, report_evidence
from approvals.models import Evidence, MonitoringWindow, Plan, Promotion
from approvals.queries import involved_persons
from governance.accounts.models import Principal
from tests.approvals.monitoring import scene
from tests.approvals.world import WHY, World, database

COUNTED = 50  # of each reporter under a plan, by when they were recorded and by the window's end


def of_no_window(w: World, promotion: Promotion, plan: Plan, by: Principal, n: int, *, claim: bool) -> None:
    """Evidence on what serves, beside any window."""
    measured = (
        Measured(run_started_at=promotion.started_at, claim="passed", tool=f"tool {n}")
        if claim
        else Measured(run_started_at=promotion.started_at, tool=f"{n}", values=[{"metric": "error_rate", "value": "0"}])
    )
    report_evidence(
        actor=by, plan=plan, subject=promotion, subject_digest=f"sha256:{w.version.digest_value}", measured=measured,
        **WHY,
    )  # fmt: skip


def newest(windows: Iterable[MonitoringWindow]) -> set[int]:
    """The evidence of those that count, by their definition."""
    rows = [(one.evidence_id or 0, one.window_end) for one in windows]
    recorded = sorted(rows, reverse=True)[:COUNTED]
    ended = sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)[:COUNTED]
    return {pk for pk, _end in [*recorded, *ended]}


def looked_at(w: World, promotion: Promotion) -> set[int]:
    """The evidence that the gate looks at."""
    kind = "monitoring_operations"
    found: list[int] = database("SELECT muniment.newest_while_serving(%s, %s, %s)", w.version.pk, promotion.pk, kind)
    return set(found)


def test_it_is_the_newest_of_each_reporter_and_kind_whatever_the_order_they_came_in(w: World) -> None:
    promotion = scene.live(w)
    first, second = scene.watch(w, title="First"), scene.watch(w, title="Second")
    chance, expected = random.Random(7), set()
    for plan, by, count in ((first, w.cast.pipeline, 90), (first, w.cast.tester, 60), (second, w.cast.pipeline, 20)):
        for n in chance.sample(range(count), count):  # reported one by one, in no order
            rate = chance.choice(["0.01", "0.5"])
            scene.report(w, scene.values(promotion, plan, rate, n), by=by)
        expected |= newest(MonitoringWindow.objects.filter(plan=plan, recorded_by=by))
    for claim in (True, False):
        for n in range(COUNTED + 3):
            of_no_window(w, promotion, first, w.cast.pipeline, n, claim=claim)
        beside = Evidence.objects.filter(window=None, claim="passed" if claim else "").order_by("-pk")
        expected |= set(beside.values_list("pk", flat=True)[:COUNTED])
    assert len(expected) < Evidence.objects.filter(promotion=promotion).count()
    assert looked_at(w, promotion) == expected


def test_who_reported_under_any_plan_had_a_hand_in_it_however_much_others_reported(w: World) -> None:
    promotion = scene.live(w)
    before = involved_persons(w.version)
    assert not before & {w.cast.validator.pk, w.cast.steward.pk}
    plans = [scene.watch(w, title=f"Plan {n}") for n in range(3)]
    scene.report(w, *[scene.values(promotion, plan, n=n) for plan in plans for n in range(40)])
    scene.report(w, scene.values(promotion, plans[1], n=3), by=w.cast.validator)
    scene.report(w, scene.values(promotion, plans[2], n=50), by=w.cast.steward)
    assert involved_persons(w.version) == before | {w.cast.validator.pk, w.cast.steward.pk}
