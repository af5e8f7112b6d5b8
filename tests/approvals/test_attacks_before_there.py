"""Judgements on what is not there yet, under the app's login: nothing could be asked of it (attack A03)."""

from approvals.models import PlanKind
from tests.approvals.monitoring import scene
from tests.approvals.world import World
from tests.lineage.test_attacks_before_there import LATER, refused

WINDOW = (
    "INSERT INTO approvals_monitoringwindow (promotion_id, plan_id, kind, window_start, window_end, predictions, counts,"
    " content_digest, verdict) VALUES (%s, %s, 'predictions', now() - interval '2 hours', now() - interval '1 hour', 1, '{}', 'x', '')"
)
EXPECTED = "INSERT INTO approvals_expectationplan (plan_id, expectation_set_id) VALUES (%s, %s)"


def test_no_window_is_counted_of_a_promotion_that_comes_later(w: World) -> None:
    plan = scene.watch(w)
    assert refused(w.cast.pipeline, WINDOW, LATER, plan.pk) == "no-such-promotion"
    assert refused(w.cast.pipeline, WINDOW, LATER, LATER) == "no-such-promotion"


def test_no_plan_is_tied_to_expectations_that_come_later(w: World) -> None:
    w.plan(PlanKind.PERFORMANCE)
    assert refused(w.cast.steward, EXPECTED, LATER, LATER) == "expectations-recorded"
