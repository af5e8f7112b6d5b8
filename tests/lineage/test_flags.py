"""A machine may raise a flag; only a data steward clears one."""

from typing import Any

import pytest

from governance import errors
from lineage import actions, queries
from lineage.models import DatasetVersion, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts


@pytest.fixture
def version(facts: Facts) -> DatasetVersion:
    """A dataset version with three columns."""
    return facts.version(schema=[{"name": name} for name in ("id", "income", "diagnosis")])


def raise_flag(cast: Cast, version: DatasetVersion, present: str = "yes", **more: Any) -> SensitivityFlag:
    """A flag raised by the pipeline."""
    more.setdefault("category", "pd:Income")
    return actions.raise_flag(actor=cast.pipeline, reason=WHY, dataset_version=version, present=present, **more).record


def review(cast: Cast, version: DatasetVersion, present: str = "no", **more: Any) -> SensitivityFlag:
    """The steward's answer."""
    more.setdefault("category", "pd:Income")
    return actions.review_flag(actor=cast.steward, reason=WHY, dataset_version=version, present=present, **more).record


def test_the_newest_answer_per_column_and_category_is_in_force(cast: Cast, version: DatasetVersion) -> None:
    unknown = raise_flag(cast, version, "unknown", column="income")
    yes = raise_flag(cast, version, column="income")
    other = raise_flag(cast, version, category="pd:MedicalHealth", column="diagnosis")
    assert queries.flags_in_force(version) == [other, yes]
    assert yes.supersedes == unknown


def test_the_same_answer_again_is_the_same_flag(cast: Cast, version: DatasetVersion) -> None:
    assert raise_flag(cast, version) == raise_flag(cast, version)


def test_a_pipeline_that_repeats_a_reviewed_answer_undoes_no_review(cast: Cast, version: DatasetVersion) -> None:
    raise_flag(cast, version)
    reviewed = review(cast, version, "yes")
    assert raise_flag(cast, version) == reviewed


def test_a_category_of_article_9_is_special_whatever_its_sender_says(cast: Cast, version: DatasetVersion) -> None:
    assert raise_flag(cast, version, category="pd:MedicalHealth", special_category=False).special_category


MILDER = [
    ({}, {"present": "no"}),
    ({}, {"present": "unknown"}),
    ({"present": "unknown"}, {"present": "no"}),
    ({"special_category": True}, {"special_category": False}),
    ({"excluded_from_training": True}, {"excluded_from_training": False}),
    ({}, {"treatment": "anonymised"}),
    ({"regulation_sets": ["PII", "PFI"]}, {"regulation_sets": ["PII"]}),
]


@pytest.mark.parametrize(("before", "after"), MILDER)
def test_a_pipeline_makes_no_flag_milder(
    cast: Cast, version: DatasetVersion, before: dict[str, Any], after: dict[str, Any]
) -> None:
    first = raise_flag(cast, version, **{"present": "yes", **before})
    with pytest.raises(errors.SeparationOfDuties) as caught:
        raise_flag(cast, version, **{"present": "yes", **before, **after})
    assert caught.value.params["code"] == "only-a-steward-clears"
    assert queries.flags_in_force(version) == [first]


@pytest.mark.parametrize(("before", "after"), MILDER)
def test_a_steward_may(cast: Cast, version: DatasetVersion, before: dict[str, Any], after: dict[str, Any]) -> None:
    raise_flag(cast, version, **{"present": "yes", **before})
    milder = review(cast, version, **{"present": "yes", **before, **after})
    assert queries.flags_in_force(version) == [milder]
    assert milder.assessment == "reviewed"


def test_a_pipeline_may_raise_again_what_a_steward_cleared(cast: Cast, version: DatasetVersion) -> None:
    review(cast, version, "no", special_category=True)
    raised = raise_flag(cast, version, "unknown")
    assert queries.flags_in_force(version) == [raised]


@pytest.mark.parametrize("name", ["pipeline", "owner", "compliance", "outsider"])
def test_nobody_but_a_steward_of_the_namespace_reviews(cast: Cast, version: DatasetVersion, name: str) -> None:
    with pytest.raises(errors.Forbidden):
        actions.review_flag(
            actor=getattr(cast, name), reason=WHY, dataset_version=version, category="pd:Income", present="no"
        )


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("column", {"column": "incomes"}),
        ("category", {"category": "health"}),
        ("category", {"category": "pd:MedicalHealht"}),
        ("present", {"present": "perhaps"}),
        ("regulation_sets", {"regulation_sets": ["PII", "XXX"]}),
        ("treatment", {"treatment": "blessed"}),
        ("assessment", {"assessment": "reviewed"}),
        ("data_subjects", {"data_subjects": ["patients"]}),
    ],
)
def test_a_flag_that_means_nothing_is_refused_by_field(
    cast: Cast, version: DatasetVersion, field: str, content: dict[str, Any]
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        raise_flag(cast, version, **content)
    assert list(caught.value.errors) == [field]
