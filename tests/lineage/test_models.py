"""Models: the tier follows from answers, versions hold finite numbers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import errors
from lineage import actions
from lineage.models import ModelVersion, RiskTier
from lineage.risk import QUESTIONS, tier_of
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

ORDER = [RiskTier.LOW, RiskTier.MEDIUM, RiskTier.HIGH]


def test_a_model_nobody_asked_about_is_of_high_risk(facts: Facts) -> None:
    assert facts.model().risk_tier == "high"


def test_a_model_answered_no_throughout_is_of_low_risk(facts: Facts) -> None:
    assert facts.model(risk_answers=dict.fromkeys(QUESTIONS, False)).risk_tier == "low"


@given(st.dictionaries(st.sampled_from(sorted(QUESTIONS)), st.booleans()), st.sampled_from(sorted(QUESTIONS)))
def test_leaving_a_question_open_or_answering_yes_never_lowers_the_tier(answers: dict[str, bool], key: str) -> None:
    left_open = {question: answer for question, answer in answers.items() if question != key}
    no, yes = tier_of({**answers, key: False}), tier_of({**answers, key: True})
    assert ORDER.index(no) <= ORDER.index(yes) == ORDER.index(tier_of(left_open))


@pytest.mark.parametrize("answers", [{"is_nice": True}, {"personal_data": "no"}, {"personal_data": 0}])
def test_answers_to_other_questions_or_in_other_words_are_refused(facts: Facts, answers: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.model(risk_answers=answers)
    assert [name.split(".")[0] for name in caught.value.errors] == ["risk_answers"]


def test_only_a_model_owner_changes_a_model_and_the_tier_follows(facts: Facts, cast: Cast) -> None:
    model = facts.model()
    with pytest.raises(errors.Forbidden):
        actions.update_model(actor=cast.pipeline, reason=WHY, model=model, changes={"title": "Scoring"})
    answers = dict.fromkeys(QUESTIONS, False) | {"personal_data": True}
    changed = actions.update_model(actor=cast.owner, reason=WHY, model=model, changes={"risk_answers": answers})
    assert changed.risk_tier == "medium"


@pytest.mark.parametrize("changes", [{}, {"name": "other"}, {"risk_tier": "low"}, {"namespace": 2}])
def test_nothing_and_fixed_columns_cannot_be_changed(facts: Facts, cast: Cast, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid):
        actions.update_model(actor=cast.owner, reason=WHY, model=facts.model(), changes=changes)


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("digest", {"digest": None}),
        ("metrics.auc", {"metrics": {"auc": float("nan")}}),
        ("metrics.auc", {"metrics": {"auc": float("inf")}}),
        ("metrics.auc", {"metrics": {"auc": "0.9"}}),
        ("metrics.passed", {"metrics": {"passed": True}}),
        ("parameters.layers", {"parameters": {"layers": [1, 2]}}),
        ("parameters.rate", {"parameters": {"rate": float("-inf")}}),
        ("model_card.praise", {"model_card": {"praise": "best"}}),
    ],
)
def test_a_version_that_cannot_be_kept_is_refused_by_field(facts: Facts, field: str, content: dict[str, Any]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.model_version(**{"digest": digest(1), **content})
    assert list(caught.value.errors) == [field]
    assert not ModelVersion.objects.exists()


def test_a_run_of_another_namespace_trains_no_model_here(facts: Facts, cast: Cast) -> None:
    theirs = actions.register_run(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, job_name="train", run_key="r"
    ).record
    with pytest.raises(errors.Invalid) as caught:
        facts.model_version(source_run=theirs)
    assert list(caught.value.errors) == ["source_run"]
