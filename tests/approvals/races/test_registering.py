"""Sixteen clients register what they trained at once: each told version stands once, with its run, and none is refused."""

from collections.abc import Callable

import pytest

from lineage.models import MlflowRegistration, ModelVersion, Run
from tests.approvals.races.harness import CONNECTIONS, Act, play
from tests.approvals.raw import Connection
from tests.approvals.world import World

pytestmark = pytest.mark.usefixtures("own_database")
ROUNDS = 6


@pytest.mark.parametrize("sources", [1, CONNECTIONS], ids=["the same address", "each its own address"])
@pytest.mark.parametrize("run", ["", "a"], ids=["no run", "one run"])
def test_told_at_once_each_address_is_one_version_numbered_without_gaps(
    w: World, raw: Callable[[str], Connection], sources: int, run: str
) -> None:
    connections = [raw("app") for _ in range(CONNECTIONS)]
    before = ModelVersion.objects.filter(model=w.model).count()
    for number in range(ROUNDS):
        key = f"{run}{number:031x}" if run else ""
        made: list[int] = []

        def register(place: int, key: str = key, number: int = number, made: list[int] = made) -> Callable[..., None]:
            def do(connection: Connection) -> None:
                source = f"s3://models/{number}/{place % sources}"
                asked = [w.model.pk, source, key, "", "", "mlflow", True]
                row = connection.execute(
                    "SELECT id FROM muniment.register_told(%s, %s, %s, %s, %s, %s, %s)", asked
                ).fetchone()
                if row is not None:
                    made.append(int(row[0]))

            return do

        acts = [Act(one, w.cast.pipeline, register(place)) for place, one in enumerate(connections)]
        outcomes = play(acts)
        assert [one.refusal for one in outcomes] == [""] * CONNECTIONS
        assert len(made) == len(set(made)) == sources, "no row where it stands already"
        assert Run.objects.filter(run_key=key).count() == (1 if run else 0)
    versions = ModelVersion.objects.filter(model=w.model)
    numbers = sorted(versions.values_list("number", flat=True))
    assert numbers == list(range(1, before + ROUNDS * sources + 1))
    assert MlflowRegistration.objects.filter(model_version__in=versions).count() == ROUNDS * sources
