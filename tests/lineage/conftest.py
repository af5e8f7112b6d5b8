"""Facts that most tests begin with, made through the actions as a pipeline makes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import CollectionTerms, Dataset, DatasetVersion, Model, ModelVersion, Run
from tests.cast import Cast

WHY = "A test of the facts"


def digest(of: object) -> str:
    """A well-formed digest that stands for `of`."""
    import hashlib

    return "sha256:" + hashlib.sha256(repr(of).encode()).hexdigest()


class Facts:
    """Makes facts in `retail` as its pipeline, with as few words as a test needs."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    def dataset(self, name: str = "loans", **content: Any) -> Dataset:
        """A dataset."""
        return actions.register_dataset(
            actor=self.cast.pipeline, reason=WHY, namespace=self.cast.retail, name=name, **content
        ).record

    def version(self, dataset: Dataset | None = None, label: str = "v1", **content: Any) -> DatasetVersion:
        """A dataset version; by default of `loans`."""
        owner = dataset or self.dataset()
        content.setdefault("digest", digest((owner.pk, label)))
        return actions.register_dataset_version(
            actor=self.cast.pipeline, reason=WHY, dataset=owner, label=label, **content
        ).record

    def source(self, dataset: Dataset | None = None, label: str = "source", **content: Any) -> DatasetVersion:
        """A dataset version whose provenance is complete."""
        whole = {
            "source": "Bureau of Loans",
            "origin": "Branches",
            "origin_geography": "DE",
            "date": "2024-02-01",
            "generation_period_start": "2023-01-01",
            "generation_period_end": "2023-12-31",
            "generation_method": "recorded at application",
        }
        import datetime

        dates = {k: datetime.date.fromisoformat(v) for k, v in whole.items() if k.startswith(("date", "generation_p"))}
        return self.version(dataset, label, **{**whole, **dates, **content})

    def terms(self, dataset: Dataset, actor: Any = None, **content: Any) -> CollectionTerms:
        """Terms; the pipeline's when they are the first."""
        content.setdefault("licence", "CC-BY-4.0")
        return actions.record_terms(actor=actor or self.cast.pipeline, reason=WHY, dataset=dataset, **content).record

    def run(self, key: str = "run-1", **content: Any) -> Run:
        """A run."""
        content.setdefault("job_name", "train")
        return actions.register_run(
            actor=self.cast.pipeline, reason=WHY, namespace=self.cast.retail, run_key=key, **content
        ).record

    def model(self, name: str = "scoring", **content: Any) -> Model:
        """A model."""
        return actions.register_model(
            actor=self.cast.pipeline, reason=WHY, namespace=self.cast.retail, name=name, **content
        ).record

    def model_version(self, model: Model | None = None, **content: Any) -> ModelVersion:
        """A model version; by default of `scoring`."""
        content.setdefault("digest", digest(sorted(content.items(), key=str)))
        return actions.register_model_version(
            actor=self.cast.pipeline, reason=WHY, model=model or self.model(), **content
        ).record


@pytest.fixture
def facts(cast: Cast) -> Facts:
    """The maker of facts."""
    return Facts(cast)


@contextmanager
def _attack(principal: Any) -> Iterator[Callable[..., Any]]:
    with recorded_action(actor=principal, reason="An attack in SQL"), connection.cursor() as cursor:

        def execute(sql: str, *parameters: Any) -> Any:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else None

        yield execute


@pytest.fixture
def attack() -> Callable[[Any], Any]:
    """Raw SQL under the app's login, inside a stamped transaction: `with attack(cast.pipeline) as sql: sql(...)`."""
    return _attack
