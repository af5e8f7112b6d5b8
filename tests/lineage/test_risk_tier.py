"""The risk tier follows from the answers, in Python and in the database alike, and nobody picks it (A40)."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.unit_of_work import recorded_action
from lineage.models import Model, RiskTier
from lineage.risk import QUESTIONS, tier_of
from tests.cast import Cast

ANSWERS = st.dictionaries(st.sampled_from(sorted(QUESTIONS)), st.booleans())
ALL_NO = dict.fromkeys(QUESTIONS, False)


def tier_in_database(answers: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.risk_tier_of(%s::jsonb)", [json.dumps(answers)])
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_database_and_python_agree_on_every_answer() -> None:
    @settings(max_examples=80, deadline=None)
    @given(ANSWERS)
    def agree(answers: dict[str, bool]) -> None:
        assert tier_in_database(answers) == tier_of(answers)

    agree()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answers", [{}, [], None, "no", {**ALL_NO, "safety_component": "false"}, {**ALL_NO, "safety_component": 0}]
)
def test_what_is_no_plain_no_counts_as_yes(answers: Any) -> None:
    assert tier_in_database(answers) == RiskTier.HIGH


def test_A40_a_tier_lowered_by_hand_does_not_stick(cast: Cast) -> None:
    with recorded_action(actor=cast.owner, reason="proposed"):
        model = Model.objects.create(namespace=cast.retail, name="scoring", risk_tier=RiskTier.LOW, risk_answers={})
    model.refresh_from_db()
    assert model.risk_tier == RiskTier.HIGH
    with recorded_action(actor=cast.owner, reason="lower it"), connection.cursor() as cursor:
        cursor.execute("UPDATE lineage_model SET risk_tier = 'low' WHERE id = %s", [model.pk])
    model.refresh_from_db()
    assert model.risk_tier == RiskTier.HIGH
