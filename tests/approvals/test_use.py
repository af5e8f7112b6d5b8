"""`GET /api/v1/use`: may I train on this, for this purpose, here? It answers as the gate will."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage.models import RunInput, RunOutput, TermsWithdrawal
from tests.approvals.world import PURPOSE, WHY, World, database, dataset, derive, flag, give_terms, train

Ask = Callable[..., dict[str, Any]]
DAY = datetime.timedelta(days=1)


@pytest.fixture
def use(w: World, api: Callable[[str], Any]) -> Ask:
    """Ask as the pipeline about `features` in Germany, unless said otherwise."""

    def ask(expect: int = 200, who: str = "pipeline", **query: str) -> dict[str, Any]:
        asked = {"dataset": "features", "purpose": PURPOSE, "place": "DE"} | query
        answer = api(who).get("/api/v1/use", {name: value for name, value in asked.items() if value})
        assert answer.status_code == expect, answer.content
        found: dict[str, Any] = answer.json()
        return found

    return ask


def reasons(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """The reason and the dataset of each problem."""
    return [(problem["reason"], problem["params"]["dataset"]) for problem in answer["problems"]]


def withdraw(w: World, name: str) -> None:
    """A steward withdraws a dataset's terms."""
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms[name], reason="The source objected")


def test_what_the_terms_permit_is_allowed(use: Ask) -> None:
    assert use() == {
        "allowed": True,
        "until": None,
        "namespace": "retail",
        "dataset": "features",
        "version": "1",
        "purpose": PURPOSE,
        "places": ["DE"],
        "storage": [],
        "problems": [],
    }


def test_a_purpose_not_permitted_is_refused_for_everything_upstream(use: Ask) -> None:
    answer = use(purpose="dpv:Marketing")
    assert answer["allowed"] is False
    assert sorted(reasons(answer)) == [("purpose-not-permitted", name) for name in ("features", "raw", "source")]
    assert "do not permit the purpose dpv:Marketing" in answer["problems"][0]["message"]


def test_terms_withdrawn_far_upstream_count(w: World, use: Ask) -> None:
    withdraw(w, "source")
    answer = use()
    assert (answer["allowed"], reasons(answer)) == (False, [("terms-withdrawn", "source")])


def test_a_place_is_asked_for_where_terms_limit_places_and_judged(use: Ask) -> None:
    asked = use(place="")
    assert {reason for reason, _name in reasons(asked)} == {"geography-missing"}
    assert "place=DE" in asked["problems"][0]["message"]
    assert use(place="fr,DE")["places"] == ["DE", "FR"]
    assert {reason for reason, _name in reasons(use(place="DE,US"))} == {"geography-not-permitted"}


def test_where_it_is_kept_is_judged_where_asked_for_everything_upstream(w: World, use: Ask) -> None:
    give_terms(w.cast, w.datasets["source"], permitted_storage_geographies=["EU"], forbidden_storage_geographies=["FR"])
    assert use()["allowed"] is True, "not asked about, not judged"
    assert use(storage="DE")["allowed"] is True
    forbidden, outside = use(storage="FR"), use(storage="US,DE")
    assert reasons(forbidden) == [("storage-forbidden", "source")]
    assert reasons(outside) == [("storage-not-permitted", "source")]
    assert "Permitted: EU" in outside["problems"][0]["message"]
    assert forbidden["problems"][0]["params"]["terms"] == w.datasets["source"].terms.order_by("-number")[0].pk


def test_a_dataset_without_terms_or_version_is_refused(w: World, use: Ask) -> None:
    dataset(w.cast, "bare")
    answer = use(dataset="bare")
    assert (answer["allowed"], reasons(answer), answer["version"]) == (False, [("terms-missing", "bare")], "1")


def test_until_is_the_first_moment_known_to_end_it(w: World, use: Ask) -> None:
    now = timezone.now()
    give_terms(w.cast, w.datasets["source"], storage_duration_days=40, effective_from=now - DAY)
    assert datetime.datetime.fromisoformat(str(use()["until"])) == now + 39 * DAY
    give_terms(w.cast, w.datasets["raw"], effective_from=now - DAY, effective_to=now + 10 * DAY)
    assert datetime.datetime.fromisoformat(str(use()["until"])) == now + 10 * DAY
    # Agreed already, and narrower: the end of today's permission is known.
    give_terms(w.cast, w.datasets["features"], effective_from=now + 3 * DAY, permitted_purposes=["dpv:Marketing"])
    assert datetime.datetime.fromisoformat(str(use()["until"])) == now + 3 * DAY


def test_terms_that_follow_without_a_gap_end_nothing(w: World, use: Ask) -> None:
    now = timezone.now()
    give_terms(w.cast, w.datasets["raw"], effective_from=now - DAY, effective_to=now + 10 * DAY)
    give_terms(w.cast, w.datasets["raw"], effective_from=now + 10 * DAY)
    assert use()["until"] is None


def test_retention_beyond_the_end_of_the_calendar_is_no_error(w: World, use: Ask) -> None:
    give_terms(w.cast, w.datasets["raw"], storage_duration_days=2**31 - 1)
    assert use()["allowed"] is True


def test_the_version_named_counts_and_the_newest_else(w: World, use: Ask) -> None:
    _other, tainted = dataset(w.cast, "tainted")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        newer = w.versions["features"]
        newer.pk, newer.label, newer.digest_value = None, "2", "2" * 64
        newer._state.adding = True
        newer.save()
    flag(w.cast, newer)
    derive(w.cast, tainted, newer)
    assert reasons(use()) == [("terms-missing", "tainted")]
    assert use(version="1")["allowed"] is True
    assert "version" in use(404, version="3")["errors"]


def test_it_answers_as_the_gate_for_a_model_trained_on_it(w: World, use: Ask) -> None:
    """Over a model version in between, a compared one beside it, and a loop."""
    made, scores = dataset(w.cast, "scores")
    give_terms(w.cast, made)
    compared = train(w.cast, w.model, None, "compared")
    run = database("SELECT min(run_id) FROM lineage_runoutput WHERE dataset_version_id = %s", w.versions["raw"].pk)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        scoring = RunInput.objects.create(run_id=run, dataset_version=scores, role="source").run  # a loop
        RunInput.objects.create(run=scoring, model_version=w.version, role="source")
        RunInput.objects.create(run=scoring, model_version=compared, role="baseline")
        RunOutput.objects.create(run=scoring, dataset_version=scores, role="output")
    trained = train(w.cast, w.model, scores, "on-scores")
    above = database("SELECT muniment.datasets_above(%s)", scores.pk)
    closure = database(
        "SELECT array_agg(DISTINCT v.dataset_id ORDER BY v.dataset_id) FROM muniment.closure_of_model_version(%s) c"
        " JOIN lineage_datasetversion v ON v.id = c.id WHERE c.kind = 'dataset_version'",
        trained.pk,
    )
    assert above == closure
    assert set(above) == {*(d.pk for d in w.datasets.values()), made.pk}
    w.policy({"key": "terms", "kind": "terms"})
    withdraw(w, "source")
    row = w.ask(w.release(trained))["terms"]
    assert reasons(use(dataset="scores")) == [(row.reason, row.params["dataset"])]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"purpose": ""}, "purpose"),
        ({"purpose": "marketing"}, "purpose"),
        ({"purpose": "dpv:Marketting"}, "purpose"),
        ({"place": "Germany"}, "place"),
        ({"storage": "Germany"}, "storage"),
        ({"place": "DE,"}, "place"),
        ({"place": ",".join(["DE"] * 101)}, "place"),
        ({"dataset": ""}, "dataset"),
        ({"for": "me"}, "for"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_right_is_refused_by_field(use: Ask, query: dict[str, str], field: str) -> None:
    assert list(use(400, **query)["errors"]) == [field]


def test_another_namespace_is_answered_as_unknown(w: World, use: Ask) -> None:
    hidden, unknown = use(404, who="outsider_pipeline"), use(404, who="outsider_pipeline", dataset="nowhere")
    assert hidden["detail"] == unknown["detail"]
    assert use(404, namespace="elsewhere")["detail"] == unknown["detail"]
