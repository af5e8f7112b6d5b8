"""Records for the desk: acts of several people in both namespaces."""

from dataclasses import dataclass
from typing import Any

import pytest

from governance.unit_of_work import receipt, recorded_action
from lineage.actions.datasets import register_dataset
from lineage.models import Dataset
from tests.cast import Cast


@dataclass(frozen=True)
class Desk:
    """A dataset here and one of the outsider's, each with the words that search is asked for."""

    here: Dataset
    there: Dataset
    cast: Cast

    def act(self, record: Any) -> str:
        """The id of the newest act on a record."""
        return receipt(record)["action_id"]


@pytest.fixture
def desk(cast: Cast) -> Desk:
    """The pipeline registers `mortgage-arrears`; the outsider's pipeline `quagga-census`, for reasons of their own."""
    here, _ = register_dataset(
        actor=cast.pipeline, reason="Ordered by the risk committee", namespace=cast.retail, name="mortgage-arrears",
        title="Arrears of Müller & Söhne", description="",
    )  # fmt: skip
    there, _ = register_dataset(
        actor=cast.outsider_pipeline, reason="Counting zebras", namespace=cast.elsewhere, name="quagga-census",
        title="", description="",
    )  # fmt: skip
    with recorded_action(actor=cast.steward, reason="The committee renamed it"):
        here.title = "Arrears, Müller & Söhne"
        here.save()
    return Desk(here, there, cast)
