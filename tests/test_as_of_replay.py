"""As of any moment the API answers what replaying the writes up to it gives, whatever was written in whatever order."""

import copy
import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage import actions
from lineage.models import Dataset, Run
from tests.cast import Cast
from tests.test_as_of import moment

Api = Callable[[str], Any]
_number = itertools.count(1)
WORDS = st.text(alphabet="ab äß%'\"\\", min_size=1, max_size=6).map(lambda text: f"x{text}")
WRITES = st.lists(
    st.one_of(
        st.just(("dataset",)),
        st.just(("run",)),
        st.tuples(st.just("title"), st.integers(0, 5), WORDS),
        st.tuples(st.just("is_live"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("version"), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from(["complete", "failed", "aborted"])),
    ),
    min_size=3,
    max_size=10,
)


class Replay:
    """Writes through the actions, and beside them keeps what should be on record after each."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.datasets: list[Dataset] = []
        self.runs: list[Run] = []
        self.now: dict[str, dict[int, Any]] = {"datasets": {}, "runs": {}, "dataset-versions": {}}
        self.after: list[tuple[datetime, dict[str, dict[int, Any]]]] = []

    def write(self, what: str, place: int = 0, value: Any = None) -> None:
        """One write, or none where there is nothing yet to write on."""
        why, number = {"reason": "Replayed"}, next(_number)
        if what == "dataset":
            made, _new = actions.register_dataset(
                actor=self.cast.pipeline, namespace=self.cast.retail, name=f"replay-{number}", **why
            )
            self.datasets.append(made)
            self.now["datasets"][made.pk] = ("", False)
        elif what == "run":
            run, _new = actions.register_run(
                actor=self.cast.pipeline,
                namespace=self.cast.retail,
                job_name="replay",
                run_key=f"replay-{number}",
                **why,
            )
            self.runs.append(run)
            self.now["runs"][run.pk] = run.state
        elif what == "end" and self.runs:
            run = self.runs[place % len(self.runs)]
            if self.now["runs"][run.pk] == "running":
                actions.end_run(actor=self.cast.pipeline, run=run, state=value, **why)
                self.now["runs"][run.pk] = value
        elif what == "version" and self.datasets:
            dataset = self.datasets[place % len(self.datasets)]
            version, _new = actions.register_dataset_version(
                actor=self.cast.pipeline, dataset=dataset, label=str(number), digest=f"sha256:{number:064x}", **why
            )
            self.now["dataset-versions"][version.pk] = dataset.pk
        elif what in ("title", "is_live") and self.datasets:
            dataset = self.datasets[place % len(self.datasets)]
            actions.update_dataset(actor=self.cast.steward, dataset=dataset, changes={what: value}, **why)
            title, live = self.now["datasets"][dataset.pk]
            self.now["datasets"][dataset.pk] = (value, live) if what == "title" else (title, value)
        self.after.append((moment(), copy.deepcopy(self.now)))


SHOWN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "datasets": lambda row: (row["title"], row["is_live"]),
    "runs": lambda row: row["state"],
    "dataset-versions": lambda row: row["dataset"],
}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, picks=st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_as_of_answers_what_replaying_the_writes_gives(
    cast: Cast, api: Api, writes: list[tuple[Any, ...]], picks: list[int]
) -> None:
    replay, pipeline = Replay(cast), api("pipeline")
    for one in writes:
        replay.write(*one)
    ours = {collection: set(rows) for collection, rows in replay.now.items()}
    for pick in {pick % len(replay.after) for pick in picks}:
        then, expected = replay.after[pick]
        asked = then.isoformat().replace("+", "%2B")
        for collection, shown in SHOWN.items():
            rows = pipeline.get(f"/api/v1/{collection}?limit=500&as_of={asked}").json()["results"]
            assert {r["id"]: shown(r) for r in rows if r["id"] in ours[collection]} == expected[collection]
            for id in sorted(ours[collection])[:2]:
                answer = pipeline.get(f"/api/v1/{collection}/{id}?as_of={asked}")
                assert (answer.status_code == 200) is (id in expected[collection])
