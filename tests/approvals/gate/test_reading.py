"""The gate's answer names nothing of a namespace that its reader does not read; what is decided by keeps it whole."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.promotions import ask_for_promotion
from approvals.gate.gate import RequirementStatus, ask
from approvals.gate.reading import as_read_by
from approvals.models import RefusedAttempt
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.models import Dataset, DatasetVersion, RunInput
from tests.approvals.mlflow.asking import Caller
from tests.approvals.world import FACTS, WHY, World, flag

SECRET = "numbat-registry"


@pytest.fixture
def elsewhere(w: World) -> DatasetVersion:
    """The model was trained on data of another namespace too, of which nothing is said."""
    w.policy(*FACTS)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        made = Dataset.objects.create(namespace=w.cast.elsewhere, name=SECRET)
        version = DatasetVersion.objects.create(dataset=made, label="numbat-1")
        RunInput.objects.create(run=w.runs["model"], dataset_version=version, role="training")
    flag(w.cast, version, category="pd:Health", present="unknown", assessment="declared", column="numbat-column")
    return version


def told(rows: list[RequirementStatus]) -> str:
    return str([row.as_dict() for row in rows])


def test_a_reader_of_the_models_namespace_is_told_that_and_not_which(w: World, elsewhere: DatasetVersion) -> None:
    whole = ask(w.release()).requirements
    assert SECRET in told(whole) and "numbat-1" in told(whole)
    shown = as_read_by(whole, w.cast.viewer)
    assert "numbat" not in told(shown)
    assert [(one.key, one.status, one.reason) for one in shown] == [(one.key, one.status, one.reason) for one in whole]
    by_key = {one.key: one for one in shown}
    assert "(of another namespace)" in by_key["terms"].message
    assert {"kind": "dataset_version", "hidden": True} in by_key["provenance"].rests_on
    assert "features" in told(whole) or by_key["provenance"].rests_on[0].get("id") != elsewhere.pk


def test_who_reads_both_is_told_whole(w: World, elsewhere: DatasetVersion) -> None:
    whole = ask(w.release()).requirements
    assert as_read_by(whole, w.cast.auditor) == whole


def test_each_door_masks_and_the_record_does_not(
    w: World, elsewhere: DatasetVersion, api: Callable[[str], Any], signed_in: Callable[[str], Any]
) -> None:
    release = w.release()
    answer = api("pipeline").get("/api/v1/gate?model=scoring&version=1&environment=production")
    assert answer.status_code == 200 and "of another namespace" in answer.content.decode()
    assert "numbat" not in answer.content.decode()
    answer = api("pipeline").get("/api/v1/gate?model=scoring&version=1&environment=production&enforce=true")
    assert answer.status_code == 409 and "numbat" not in answer.content.decode()
    page = signed_in("viewer").get(f"/releases/{release.pk}")
    assert page.status_code == 200 and "numbat" not in page.content.decode()
    answer = Caller().post("registered-models/alias", name="scoring", alias="champion", version="1")
    assert answer.status_code == 409 and "numbat" not in answer.content.decode()
    with pytest.raises(errors.GateClosed) as closed:
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    assert "numbat" not in str(closed.value.requirements)
    assert all(SECRET in str(one.requirements) for one in RefusedAttempt.objects.all())
    assert RefusedAttempt.objects.exists()
    assert "numbat" in signed_in("auditor").get(f"/releases/{release.pk}").content.decode()
