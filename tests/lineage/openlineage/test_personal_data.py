"""What OpenLineage reports of columns is looked at too: by their names, since it brings no values."""

from typing import Any

from lineage.models import DataProfile, PersonalDataFind, SensitivityFlag
from tests.cast import Cast
from tests.lineage.openlineage.conftest import why, worked
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


def test_the_same_report_again_asks_nothing_again(cast: Cast) -> None:
    reported(cast)
    reported(cast)
    assert PersonalDataFind.objects.count() == SensitivityFlag.objects.filter(column="ssn").count() == 1
