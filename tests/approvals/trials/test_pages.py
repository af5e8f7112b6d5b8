"""The pages of trials: planned with the size shown, watched, looked at on record, concluded."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import look_at_trial, record_deviation
from approvals.models import Trial, TrialDeviation, TrialLook
from tests.approvals.trials.scenes import COMPLAINTS, begun, challenge, count, counted, locked, send, span
from tests.approvals.world import WHY, World

Browser = Callable[[str], Any]
TYPED = {
    "title": "Challenger on half", "hypothesis": "It is better", "environment": "production", "metric": "repaid",
    "metric_kind": "proportion", "better": "higher", "sides": "two", "baseline": "0.3", "minimum_effect": "0.2",
    "alpha": "0.05", "power": "0.8", "challenger_share": "0.5", "units_per_day": "50", "looks": "1", "spending": "none",
    **{f"guardrail_{n}_kind": "proportion" for n in (1, 2, 3)}, **{f"guardrail_{n}_better": "lower" for n in (1, 2, 3)},
}  # fmt: skip


def page(signed_in: Browser, who: str, address: str) -> str:
    answer = signed_in(who).get(address)
    assert answer.status_code == 200, answer.content[:300]
    text: str = answer.content.decode()
    return text


def test_a_trial_is_planned_with_its_size_shown_before_it_is_locked(w: World, signed_in: Browser) -> None:
    address = f"/trials/new?model={w.model.pk}"
    assert "Plan a trial of" in page(signed_in, "owner", address)
    shown = signed_in("owner").post(address, {**TYPED, "size": "1"})
    assert (shown.status_code, Trial.objects.count()) == (200, 0)
    assert "It takes 93 units of the champion and 93 of the challenger" in shown.content.decode()
    wrong = signed_in("owner").post(
        address, {**TYPED, "minimum_effect": "0.9", "guardrail_1_metric": "late", "lock": "1"}
    )
    assert wrong.status_code == 400
    assert "A guardrail has a metric and a margin" in wrong.content.decode()
    beyond = signed_in("owner").post(address, {**TYPED, "minimum_effect": "0.9", "lock": "1"})
    assert "would lie outside 0 and 1" in beyond.content.decode()
    done = signed_in("owner").post(
        address, {**TYPED, "guardrail_1_metric": "complaints", "guardrail_1_margin": "0.05", "lock": "1"}
    )
    trial = Trial.objects.get()
    assert (done.status_code, done.headers["Location"]) == (302, f"/trials/{trial.pk}")
    assert trial.guardrails.get().metric == "complaints"
    assert "takes one of the roles" in page(signed_in, "viewer", address)


def test_a_trial_is_followed_from_its_plan_to_its_conclusion(w: World, signed_in: Browser) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    address = f"/trials/{trial.pk}"
    assert "Running" in page(signed_in, "risk", address)
    counted(w, trial, (60, 18), (60, 33))
    before = page(signed_in, "risk", address)
    assert "Nobody has looked at the result" in before and "0.55" not in before
    signed_in("business").post(f"{address}/look", {"reason": "The board asks"})
    assert TrialLook.objects.get().recorded_by == w.cast.business
    looked = page(signed_in, "viewer", address)
    assert "Look 1" in looked and "Bruno Business" in looked and "<svg" in looked
    counted(w, trial, (60, 18), (60, 33), window=1)
    for arm in ("champion", "challenger"):
        send(w, trial, *[count(trial, arm, 60, 1, guardrail="complaints", window=n) for n in range(2)])
    assert "Both arms have their units: conclude it" in page(signed_in, "risk", address)
    assert signed_in("risk").post(f"{address}/conclude", {"reason": "As planned"}).status_code == 302
    end = page(signed_in, "viewer", address)
    assert "The challenger is better, by the plan" in end and "looked at 2 times, the plan has 1" in end
    assert "guardrail harm" in end
    assert "repaid: 0.55 with the challenger, 0.3 with the champion; difference 0.25 (" in end
    assert "Concluded: good" in page(signed_in, "viewer", f"/trials?model={w.model.pk}")


def test_a_wrong_split_is_an_alarm_while_it_runs(w: World, signed_in: Browser) -> None:
    trial = begun(w)
    counted(w, trial, (90, 30), (40, 20))
    assert "The split of units is not the planned one" in page(signed_in, "viewer", f"/trials/{trial.pk}")


def test_a_deviation_is_recorded_and_accepted_by_someone_else(w: World, signed_in: Browser) -> None:
    trial = begun(w)
    address = f"/trials/{trial.pk}"
    form = {"kind": "data", "happened_at": "2026-01-01T10:00", "text": "<b>An hour</b> was lost"}
    assert signed_in("risk").post(f"{address}/deviate", {**form, "text": ""}).status_code == 400
    assert signed_in("risk").post(f"{address}/deviate", form).status_code == 302
    deviation = TrialDeviation.objects.get()
    own, other = page(signed_in, "risk", address), page(signed_in, "risk2", address)
    assert "&lt;b&gt;An hour" in own and "Accept it" not in own and "Accept it" in other
    refused = signed_in("risk").post(f"/trial-deviations/{deviation.pk}/accept", {"reason": "Fine"})
    assert (refused.status_code, "Nobody accepts a deviation they recorded" in refused.content.decode()) == (403, True)
    assert (
        signed_in("risk2").post(f"/trial-deviations/{deviation.pk}/accept", {"reason": "Both arms alike"}).status_code
        == 302
    )
    assert "Accepted by Rolf Risk" in page(signed_in, "viewer", address)


@pytest.mark.parametrize("state", ["planned", "running", "concluded"])
def test_the_page_costs_a_known_number_of_queries(w: World, signed_in: Browser, state: str) -> None:
    trial = locked(w, guardrails=[COMPLAINTS]) if state == "planned" else begun(w, guardrails=[COMPLAINTS])
    if state != "planned":
        for window in range(3):
            counted(w, trial, (40, 10), (40, 20), window=window)
            look_at_trial(actor=w.cast.business, trial=trial, **WHY)
            record_deviation(
                actor=w.cast.risk2, trial=trial, kind=TrialDeviation.Kind.OTHER, text="Odd",
                happened_at=span(trial).started_at, **WHY,
            )  # fmt: skip
    if state == "concluded":
        conclude_trial(actor=w.cast.validator, trial=trial, **WHY)
    browser = signed_in("risk")
    browser.get("/trials")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert browser.get(f"/trials/{trial.pk}").status_code == 200
    assert len(asked) < 15, [one["sql"][:120] for one in asked]


def test_the_list_costs_the_same_however_long_it_is(w: World, signed_in: Browser) -> None:
    browser, sizes = signed_in("viewer"), []
    begun(w)
    for number in range(2):
        browser.get("/trials")
        with CaptureQueriesContext(connection) as asked:
            browser.get("/trials")
        sizes.append(len(asked))
        for more in range(3):
            challenge(w, locked(w, title=f"Trial {number} {more}"), 10 + 3 * number + more)
    assert sizes[0] == sizes[1] < 15


def test_release_serving_and_model_pages_lead_to_the_trial(w: World, signed_in: Browser) -> None:
    trial = begun(w)
    at = span(trial)
    link = f'href="/trials/{trial.pk}"'
    assert link in page(signed_in, "risk", f"/promotions/{at.challenger}")
    from approvals.models import Promotion

    assert link in page(signed_in, "risk", f"/releases/{Promotion.objects.get(pk=at.challenger).release_id}")
    assert f"/trials?model={w.model.pk}" in page(signed_in, "risk", f"/models/{w.model.pk}")


def test_a_trial_as_it_was_shows_what_was_counted_seen_and_decided_by_then(w: World, signed_in: Browser) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counted(w, trial, (60, 18), (60, 33))
    look_at_trial(actor=w.cast.risk, trial=trial, **WHY)
    then = timezone.now()
    counted(w, trial, (40, 12), (40, 22), window=1)
    record_deviation(
        actor=w.cast.pipeline, trial=trial, kind=TrialDeviation.Kind.DATA, text="An hour was lost",
        happened_at=then, **WHY,
    )  # fmt: skip
    conclude_trial(actor=w.cast.validator, trial=trial, **WHY)
    address = f"/trials/{trial.pk}/as-it-was"
    answer = signed_in("viewer").get(address, {"at": then.isoformat()})
    before = re.sub(r"\s*<[^>]+>\s*", "|", answer.content.decode())
    assert "|champion||60||93||1|" in before
    assert "None was on record then." in before.split("How it was concluded")[1][:60]
    assert "60 / 60" in before and "An hour was lost" not in before
    now = page(signed_in, "viewer", address)
    assert "An hour was lost" in now and "did not pass its plan" in now and "100" in now
    assert f'action="{address}"' in page(signed_in, "viewer", f"/trials/{trial.pk}")
