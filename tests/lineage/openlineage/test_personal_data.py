"""What OpenLineage reports of columns is looked at too: by their names, since it brings no values."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from governance.unit_of_work import recorded_action
from lineage.actions.personal_data import record_finds
from lineage.models import DataProfile, DatasetVersion, OpenLineageIntake, PersonalDataFind, SensitivityFlag
from lineage.openlineage.bodies import canonical
from lineage.openlineage.redaction import redacted
from lineage.quality.documents import ColumnProfile, PersonalFind
from lineage.quality.finds import finds_in
from tests.cast import Cast
from tests.lineage.openlineage.conftest import WHY, why, worked
from tests.lineage.openlineage.streams import LAKE, dataset, event

METRICS = {
    "rowCount": 10,
    "columnMetrics": {
        "ssn": {"nullCount": 0, "distinctCount": 10, "min": 219099999, "max": 771234567, "quantiles": {"0.5": 457555462}},
        "amount": {"nullCount": 0, "min": 1, "max": 9},
    },
}  # fmt: skip


def reported(cast: Cast) -> Any:
    """A run that wrote a dataset with such metrics."""
    made = dataset(LAKE, "people", version={"datasetVersion": "sha256:" + "cd" * 32}, dataQualityMetrics=METRICS)
    (intake,) = worked(cast.pipeline, event("COMPLETE", "spark", "people", "03:00:00", source="spark", outputs=[made]))
    return intake


def test_a_column_whose_name_says_so_raises_a_flag_and_its_numbers_are_not_kept(cast: Cast) -> None:
    intake = reported(cast)
    assert why(intake) == []
    (find,) = PersonalDataFind.objects.all()
    assert (find.column, find.pattern, find.by_name, find.matched) == ("ssn", "us_ssn", True, 0)
    raised = SensitivityFlag.objects.get(column="ssn")
    assert (raised.present, raised.assessment, raised.recorded_by) == ("unknown", "detected", cast.pipeline)
    assert ["find", find.pk, "us_ssn ssn"] in intake.made
    columns = {one["name"]: one for one in DataProfile.objects.get().columns}
    assert "219099999" not in str(columns) and "457555462" not in str(columns)
    assert columns["amount"]["max"] == 9


VALUES = ("219099999", "771234567", "457555462")


def test_nor_are_they_in_the_event_that_is_kept_and_shown(
    cast: Cast, api: Callable[[str], Any], signed_in: Callable[[str], Any]
) -> None:
    intake = reported(cast)
    texts = [
        intake.body,
        api("pipeline").get(f"/api/v1/openlineage-events/{intake.event_id}/text").content.decode(),
        signed_in("viewer").get(f"/openlineage/{intake.event_id}").content.decode(),
    ]
    assert not [value for text in texts for value in VALUES if value in text]
    measured = json.loads(texts[1])["outputs"][0]["facets"]["dataQualityMetrics"]["columnMetrics"]
    assert measured["ssn"] == {"_redacted": ["max", "min", "quantiles"], "distinctCount": 10, "nullCount": 0}
    assert measured["amount"] == {"nullCount": 0, "min": 1, "max": 9}
    assert hashlib.sha256(intake.body.encode()).hexdigest() == intake.event.body_digest


def test_what_is_found_in_the_values_later_is_left_out_of_the_event_as_it_is_read(
    cast: Cast, api: Callable[[str], Any], signed_in: Callable[[str], Any]
) -> None:
    intake = reported(cast)
    address, page = f"/api/v1/openlineage-events/{intake.event_id}/text", f"/openlineage/{intake.event_id}"
    assert json.loads(api("pipeline").get(address).content)["outputs"][0]["facets"]["dataQualityMetrics"][
        "columnMetrics"
    ]["amount"] == {"nullCount": 0, "min": 1, "max": 9}
    column = ColumnProfile("amount", "integer", count=10, personal=(PersonalFind("us_ssn", 10, 10, ()),))
    profile = DataProfile.objects.get()
    with recorded_action(actor=cast.pipeline, reason=WHY):
        record_finds(profile, DatasetVersion.objects.get(), finds_in([column]))
    assert PersonalDataFind.objects.filter(column="amount").exists()
    for text in (api("pipeline").get(address).content.decode(), signed_in("viewer").get(page).content.decode()):
        assert "_redacted" in text and '"max": 9' not in text and '"max":9' not in text
    assert '"max":9' in OpenLineageIntake.objects.get(pk=intake.pk).body, "the text is final"


@pytest.mark.parametrize("place", ["facets", "inputFacets", "outputFacets"])
def test_measures_are_taken_out_wherever_they_stand_and_once(place: str) -> None:
    event = {"inputs": [{"namespace": "s3://lake", "name": "people", place: {"dataQualityMetrics": METRICS}}]}
    once = redacted(event)
    assert not [value for value in VALUES if value in canonical(once)]
    assert redacted(once) == once


def test_the_same_report_again_asks_nothing_again(cast: Cast) -> None:
    reported(cast)
    reported(cast)
    assert PersonalDataFind.objects.count() == SensitivityFlag.objects.filter(column="ssn").count() == 1
