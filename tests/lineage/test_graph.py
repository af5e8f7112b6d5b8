"""The lineage as a graph: neighbourhoods, everything above and below, what is live below, and of others only that they are."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage import actions, neighbourhood
from lineage.models import Dataset, DatasetVersion, Run, RunInput, RunOutput
from lineage.pages import layers
from tests.approvals.gate.test_travel import HOPS, column, raised
from tests.approvals.serving import scenes
from tests.approvals.world import WHY, World, world
from tests.cast import Cast
from tests.lineage.atlas import weave

Api = Callable[[str], Any]
V1 = "/api/v1/lineage"


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version made from three datasets."""
    return world(cast)


def asked(api: Any, what: str, **query: Any) -> Any:
    answer = api.get(f"{V1}/{what}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_neighbourhood_is_nearest_first_and_goes_on_from_its_edge(w: World, api: Api) -> None:
    client = api("pipeline")
    raw = f"dataset_version:{w.versions['raw'].pk}"
    told = asked(client, "graph", node=raw, depth=1)
    assert [(n["kind"], n["name"], n["step"]) for n in told["nodes"]] == [
        ("dataset_version", "raw", 0), ("run", "derive", -1), ("run", "derive", 1),
    ]  # fmt: skip
    assert [n["more_above"] for n in told["nodes"]] == [False, True, False]
    assert {(e["start"], e["role"]) for e in told["edges"]} == {
        (f"run:{w.runs['raw'].pk}", "output"), (raw, "source"),
    }  # fmt: skip
    far = asked(client, "graph", node=raw, depth=20)
    assert {n["name"] for n in far["nodes"]} == {"source", "raw", "features", "derive", "train", "scoring"}
    assert not any(n["more_above"] or n["more_below"] for n in far["nodes"]) and not far["cut"]
    assert asked(client, "graph", node=raw, limit=2)["cut"]
    above = asked(client, "upstream", node=f"model_version:{w.version.pk}")
    assert {n["name"] for n in above["results"]} == {"source", "raw", "features", "derive", "train"}
    first = asked(client, "downstream", node=f"dataset_version:{w.versions['source'].pk}", limit=4)
    rest = asked(client, "downstream", node=f"dataset_version:{w.versions['source'].pk}", cursor=first["next"])
    assert len(first["results"]) == 4 and rest["next"] is None
    assert {n["name"] for n in first["results"] + rest["results"]} == {"raw", "features", "derive", "train", "scoring"}


def test_a_voided_link_is_not_drawn_and_the_past_is_as_it_was(w: World, api: Api) -> None:
    before = timezone.now()
    link = RunInput.objects.get(run=w.runs["raw"])
    actions.correct_link(actor=w.cast.steward, link=link, **WHY)
    client, node = api("pipeline"), f"dataset_version:{w.versions['raw'].pk}"
    assert {n["name"] for n in asked(client, "upstream", node=node)["results"]} == {"derive"}
    assert "source" not in {n["name"] for n in asked(client, "graph", node=node, depth=9)["nodes"]}
    then = asked(client, "upstream", node=node, as_of=before.isoformat())
    assert {n["name"] for n in then["results"]} == {"derive", "source"}
    early = (before - timedelta(days=400)).date().isoformat()
    assert client.get(f"{V1}/graph", {"node": node, "as_of": early}).status_code == 404


def test_a_loop_ends_and_what_is_wide_is_cut_to_the_newest(w: World, api: Api) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=w.versions["features"], role="source")
    client, node = api("pipeline"), f"dataset_version:{w.versions['raw'].pk}"
    assert len(asked(client, "graph", node=node, depth=20)["nodes"]) == 7
    assert len(asked(client, "downstream", node=node)["results"]) == 5
    wide = weave(w.cast, [1, 40], reads=1)
    found = neighbourhood.around(("dataset_version", wide[0][0].pk), down=1)
    assert len(found.steps) == 25 and (("dataset_version", wide[0][0].pk), 1) in found.more


def test_what_is_live_below_and_the_flags_that_arrive(w: World, api: Api) -> None:
    scenes.policy(w, {})
    promotion = scenes.go_live(w)
    client = api("pipeline")
    for node in (
        f"dataset_version:{w.versions['source'].pk}", f"run:{w.runs['raw'].pk}", f"run:{w.runs['model'].pk}",
        f"model_version:{w.version.pk}",
    ):  # fmt: skip
        told = asked(client, "impact", node=node)
        assert [one["promotion"] for one in told["results"]] == [promotion.pk] and told["elsewhere"] == 0
    raised(w)
    column(w, *HOPS[0], masking=True)
    column(w, *HOPS[1])
    (one,) = asked(client, "flags", node=f"model_version:{w.version.pk}")["results"]
    assert (one["category"], one["column"], one["answered"]) == ("pd:Income", "x", False)
    assert [(s["dataset"], s["column"], s["masking"]) for s in one["way"]] == [
        ("source", "diagnosis", False), ("raw", "code", True), ("features", "x", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "query", "field"),
    [
        ("graph", {}, "node"),
        ("graph", {"node": "dataset:1"}, "node"),
        ("graph", {"node": "run:0"}, "node"),
        ("graph", {"node": "run:" + "9" * 19}, "node"),
        ("graph", {"node": "run:1", "depth": "21"}, "depth"),
        ("graph", {"node": "run:1", "limit": "501"}, "limit"),
        ("graph", {"node": "run:1", "direction": "left"}, "direction"),
        ("graph", {"node": "run:1", "surprise": "1"}, "surprise"),
        ("upstream", {"node": "run:1", "cursor": "x"}, "cursor"),
        ("downstream", {"node": "run:1", "as_of": "tomorrow"}, "as_of"),
        ("impact", {"node": "run:1", "as_of": "2026-01-01"}, "as_of"),
        ("flags", {"node": "model:1"}, "node"),
    ],
)
def test_what_means_nothing_is_named(api: Api, what: str, query: dict[str, str], field: str) -> None:
    answer = api("pipeline").get(f"{V1}/{what}", query)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == [field]


def test_of_others_only_that_they_are(w: World, api: Api) -> None:
    """A71: what another namespace read of ours is no record of ours to name, and its ids are told to nobody."""
    with recorded_action(actor=w.cast.outsider_pipeline, **WHY):
        theirs = Dataset.objects.create(namespace=w.cast.elsewhere, name="okapi")
        version = DatasetVersion.objects.create(dataset=theirs, label="okapi-1")
        run = Run.objects.create(namespace=w.cast.elsewhere, job_name="okapi-job", run_key="okapi-run")
        RunInput.objects.create(run=run, dataset_version=w.versions["raw"], role="source")
        RunOutput.objects.create(run=run, dataset_version=version, role="output")
    client, node = api("pipeline"), f"dataset_version:{w.versions['raw'].pk}"
    told = client.get(f"{V1}/graph", {"node": node, "depth": 5})
    assert b"okapi" not in told.content
    elsewhere = [n for n in told.json()["nodes"] if n["id"] is None]
    assert [(n["node"], n["name"], n["namespace"]) for n in elsewhere] == [
        ("elsewhere:1", "", ""), ("elsewhere:2", "", ""),
    ]  # fmt: skip
    below = client.get(f"{V1}/downstream", {"node": node, "limit": 500})
    assert b"okapi" not in below.content and all(n["namespace"] == "retail" for n in below.json()["results"])
    assert client.get(f"{V1}/graph", {"node": f"dataset_version:{version.pk}"}).status_code == 404


def test_layers_lead_to_the_right_but_for_what_closes_a_loop() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "b"), ("z", "c"), ("c", "d")]
    place = layers.columns(["a", "b", "c", "d", "z"], edges)
    assert place == {"a": 0, "b": 1, "c": 2, "z": 1, "d": 3}
    rows = layers.rows(place, edges)
    tops = layers.heights(rows, edges, lambda _node: 10, 5)
    assert min(tops.values()) == 0
    for layer in rows:
        assert all(tops[below] - tops[above] >= 15 - 1e-9 for above, below in pairwise(layer))
