"""Registering again is safe; telling it differently is refused by name."""

import threading
from typing import Any

import pytest
from django.db import connection

from governance import errors
from lineage import actions
from lineage.models import Dataset, DatasetVersion, ModelVersion
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest


def test_the_same_dataset_is_the_same_record(cast: Cast) -> None:
    first = actions.register_dataset(
        actor=cast.pipeline, reason=WHY, namespace=cast.retail, name="loans", title="Loans"
    )
    again = actions.register_dataset(
        actor=cast.pipeline, reason=WHY, namespace=cast.retail, name="loans", title="Loans"
    )
    assert (first.created, again.created, again.record) == (True, False, first.record)


def test_a_dataset_told_differently_is_refused_and_the_field_named(facts: Facts) -> None:
    facts.dataset(title="Loans")
    with pytest.raises(errors.AlreadyDifferent) as caught:
        facts.dataset(title="Debts")
    assert list(caught.value.errors) == ["title"]


def test_what_a_client_leaves_out_of_a_dataset_is_not_compared(facts: Facts) -> None:
    assert facts.dataset(title="Loans") == facts.dataset()


def test_a_version_is_identified_by_dataset_digest_and_label(facts: Facts) -> None:
    first = facts.version(rows=10)
    assert facts.version(rows=10) == first
    assert facts.version(label="v2", digest=str(digest((first.dataset_id, "v1"))), rows=10) != first


def test_a_version_of_the_same_digest_and_other_rows_is_refused(facts: Facts) -> None:
    facts.version(rows=10, origin="Branches")
    with pytest.raises(errors.AlreadyDifferent) as caught:
        facts.version(rows=11, origin="Elsewhere")
    assert sorted(caught.value.errors) == ["origin", "rows"]
    assert DatasetVersion.objects.count() == 1


def test_a_schema_without_descriptions_is_the_same_as_one_with_blank_ones(facts: Facts) -> None:
    first = facts.version(schema=[{"name": "income", "type": "double"}])
    assert facts.version(schema=[{"name": "income", "type": "double", "description": ""}]) == first


def test_a_retrain_is_never_swallowed(facts: Facts) -> None:
    one, two = facts.run("run-1"), facts.run("run-2")
    first = facts.model_version(digest=digest("bytes"), source_run=one)
    assert facts.model_version(digest=digest("bytes"), source_run=one) == first
    retrained = facts.model_version(digest=digest("bytes"), source_run=two)
    bare = facts.model_version(digest=digest("bytes"))
    assert [first.number, retrained.number, bare.number] == [1, 2, 3]
    assert facts.model_version(digest=digest("bytes")) == bare


def test_a_replayed_create_without_a_digest_makes_no_second_version(facts: Facts) -> None:
    first = facts.model_version(digest=None, artifact_uri="runs:/1/model")
    assert facts.model_version(digest=None, artifact_uri="runs:/1/model") == first
    assert facts.model_version(digest=None, artifact_uri="runs:/2/model").number == 2


def test_the_same_artifact_with_other_metrics_is_refused(facts: Facts) -> None:
    facts.model_version(digest=digest("bytes"), metrics={"auc": 0.83})
    with pytest.raises(errors.AlreadyDifferent) as caught:
        facts.model_version(digest=digest("bytes"), metrics={"auc": 0.97})
    assert list(caught.value.errors) == ["metrics"]


def test_a_refused_registration_takes_no_number(facts: Facts) -> None:
    facts.model_version(digest=digest(1), metrics={"auc": 0.83})
    with pytest.raises(errors.AlreadyDifferent):
        facts.model_version(digest=digest(1), metrics={"auc": 0.97})
    assert facts.model_version(digest=digest(2)).number == 2


@pytest.mark.parametrize("name", ["outsider", "auditor", "viewer", "risk", "outsider_pipeline"])
def test_who_does_not_register_there_is_refused(cast: Cast, name: str) -> None:
    with pytest.raises(errors.Forbidden) as caught:
        actions.register_dataset(actor=getattr(cast, name), reason=WHY, namespace=cast.retail, name="loans")
    assert caught.value.params["roles"] == ["pipeline", "model_owner", "data_steward"]
    assert not Dataset.objects.exists()


def test_an_account_cannot_own_a_dataset(facts: Facts, cast: Cast) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.dataset(owner=cast.pipeline)
    assert list(caught.value.errors) == ["owner"]


def test_eight_pipelines_registering_the_same_at_once_make_one_record(own_database: str, facts: Facts) -> None:
    model, made, failed = facts.model(), [], []
    barrier = threading.Barrier(8)

    def register() -> None:
        try:
            barrier.wait()
            dataset = actions.register_dataset(
                actor=facts.cast.pipeline, reason=WHY, namespace=facts.cast.retail, name="contested"
            )
            version = actions.register_model_version(
                actor=facts.cast.pipeline, reason=WHY, model=model, digest=digest("contested")
            )
            made.append((dataset, version))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    _together(register, 8)
    assert failed == []
    assert sum(dataset.created for dataset, _version in made) == 1
    assert sum(version.created for _dataset, version in made) == 1
    assert {version.record.number for _dataset, version in made} == {1}


def test_numbers_stay_gapless_when_eight_register_different_versions_at_once(own_database: str, facts: Facts) -> None:
    model, failed = facts.model(), []
    barrier = threading.Barrier(8)

    def register(place: int) -> None:
        try:
            barrier.wait()
            for turn in range(3):
                actions.register_model_version(
                    actor=facts.cast.pipeline, reason=WHY, model=model, digest=digest((place, turn))
                )
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    _together(register, 8, numbered=True)
    assert failed == []
    numbers = ModelVersion.objects.filter(model=model).order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 25))


def _together(work: Any, count: int, *, numbered: bool = False) -> None:
    threads = [threading.Thread(target=work, args=(place,) if numbered else ()) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
