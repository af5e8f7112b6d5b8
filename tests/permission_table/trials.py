"""Trials: the API and the pages, and the records their rows point at."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import accept_deviation, look_at_trial, record_deviation
from approvals.models import LiveSlot, Trial, TrialDeviation
from tests.approvals.trials import scenes
from tests.approvals.world import World
from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

if TYPE_CHECKING:
    from tests.permission_table.things import Things


def trial(w: World, **more: Any) -> Any:
    """A trial that runs and has counted, beside whatever champion is live."""
    if not LiveSlot.objects.filter(model=w.model, slot="champion").exists():
        made = scenes.begun(w, **more)
    else:
        made = scenes.locked(w, **more)
        scenes.challenge(w, made, 20)
    scenes.counted(w, made, (10, 3), (10, 4))
    return made


def look(w: World) -> Any:
    return look_at_trial(actor=w.cast.validator, trial=trial(w), **WHY)[0]


def deviation(w: World) -> Any:
    return record_deviation(
        actor=w.cast.pipeline, trial=trial(w), kind=TrialDeviation.Kind.DATA, text="An hour was lost",
        happened_at=timezone.now(), **WHY,
    )  # fmt: skip


def conclusion(w: World) -> Any:
    return conclude_trial(actor=w.cast.validator, trial=trial(w), **WHY)[0]


def concluded(w: World) -> None:
    """One of everything: a trial that was looked at, deviated and was concluded."""
    made = trial(w, guardrails=[scenes.COMPLAINTS])
    scenes.send(w, made, scenes.count(made, "champion", 10, 1, guardrail="complaints"))
    look_at_trial(actor=w.cast.validator, trial=made, **WHY)
    odd = record_deviation(
        actor=w.cast.pipeline, trial=made, kind=TrialDeviation.Kind.DATA, text="An hour was lost",
        happened_at=timezone.now(), **WHY,
    )  # fmt: skip
    accept_deviation(actor=w.cast.risk2, deviation=odd, **WHY)
    conclude_trial(actor=w.cast.validator, trial=made, **WHY)


def plan(things: "Things") -> dict[str, Any]:
    """What is sent to lock one."""
    return {
        "model": things.id("models"), "environment": "production", "title": "A row's trial", "hypothesis": "It is better",
        "metric": "repaid", "metric_kind": "proportion", "better": "higher", "minimum_effect": "0.02",
        "baseline": "0.3", "units_per_day": 1000,
    }  # fmt: skip


def typed(things: "Things") -> dict[str, Any]:
    """What the form sends to lock one."""
    return {
        **{name: value for name, value in plan(things).items() if name != "model"}, "sides": "two", "alpha": "0.05",
        "power": "0.8", "challenger_share": "0.5", "looks": "1", "spending": "none", "lock": "1",
        **{f"guardrail_{n}_kind": "proportion" for n in (1, 2, 3)}, **{f"guardrail_{n}_better": "lower" for n in (1, 2, 3)},
    }  # fmt: skip


def counts(things: "Things") -> dict[str, Any]:
    """What a pipeline sends of the window after the one that is there."""
    made = Trial.objects.get(pk=things.id("trials"))
    start = scenes.span(made).started_at + scenes.WINDOW
    return {"counts": [{
        "arm": "champion", "window_start": start.isoformat(), "window_end": (start + scenes.WINDOW).isoformat(),
        "units": 10, "total": "3",
    }]}  # fmt: skip


def deviating(_things: "Things") -> dict[str, Any]:
    """What is sent of a deviation."""
    return {
        "kind": "data",
        "text": "An hour was lost",
        "happened_at": (timezone.now() - timedelta(hours=1)).isoformat(),
    }


LOOKERS = {"anonymous": 401, "outsider": 404, "viewer": 403}
ACTORS = {"anonymous": 302, "outsider": 404, "viewer": 403}

GET: dict[str, Row] = {
    **{
        f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY)
        for name in ("trials", "trial-counts", "trial-looks", "trial-deviations", "trial-conclusions")
    },
    **{
        f"api/v1/{name}/<id>": Row(READERS, HIDDEN)
        for name in ("trials", "trial-counts", "trial-looks", "trial-deviations", "trial-conclusions")
    },
    "api/v1/trials/<id>/assign": Row(READERS, HIDDEN, query=lambda _things: {"unit": "customer-7"}),
    "trials": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "trials/new": Row(PAGE_READERS, PAGE_HIDDEN, query=lambda things: {"model": things.id("models")}),
    "trials/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "api/v1/trials": Row(("owner", "pipeline", "validator", "risk", "business"), {**LOOKERS, "auditor": 403}, plan),
    "api/v1/trials/<id>/assign": Row(
        ("pipeline", "viewer"), {"anonymous": 401, "outsider": 404}, lambda _things: {"units": ["customer-7"]}
    ),
    "api/v1/trials/<id>/counts": Row(("pipeline", "tester"), {**LOOKERS, "risk": 403, "auditor": 403}, counts),
    "api/v1/trials/<id>/look": Row(("business", "pipeline"), LOOKERS),
    "api/v1/trials/<id>/deviations": Row(("pipeline", "auditor"), LOOKERS, deviating),
    "api/v1/trials/<id>/conclude": Row(("pipeline", "validator"), {**LOOKERS, "auditor": 403}),
    "api/v1/trial-deviations/<id>/accept": Row(
        ("risk", "validator"), {**LOOKERS, "owner": 403, "pipeline": 403, "auditor": 403}
    ),
    "trials/new": Row(
        ("owner",), {"anonymous": 302, "outsider": 404, "viewer": 403}, typed,
        lambda things: {"model": things.id("models")},
    ),
    "trials/<id>/look": Row(("business",), ACTORS),
    "trials/<id>/conclude": Row(("risk",), ACTORS),
    "trials/<id>/deviate": Row(
        ("risk",), ACTORS, lambda _things: {"kind": "data", "text": "Lost", "happened_at": "2026-01-01T00:00"}
    ),
    "trial-deviations/<id>/accept": Row(("risk",), {**ACTORS, "owner": 403}),
}  # fmt: skip
