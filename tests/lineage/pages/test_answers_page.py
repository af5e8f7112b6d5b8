"""The page that answers for all columns of a dataset version in one sitting."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lineage import actions, queries
from lineage.models import DatasetVersion, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Browser = Callable[[str], Any]


@pytest.fixture
def facts(cast: Cast) -> Facts:
    """The maker of facts."""
    return Facts(cast)


@pytest.fixture
def version(facts: Facts) -> DatasetVersion:
    """Three columns; one known to hold income, one unknown."""
    made = facts.version(schema=[{"name": name} for name in ("id", "income", "diagnosis")])
    for column, category, present in (("income", "pd:Income", "yes"), ("diagnosis", "pd:MedicalHealth", "unknown")):
        actions.raise_flag(
            actor=facts.cast.pipeline,
            reason=WHY,
            dataset_version=made,
            column=column,
            category=category,
            present=present,
        )
    return made


def fields(page: str) -> dict[str, str]:
    """The hidden places of a page's rows, by name."""
    return dict(re.findall(r'<input type="hidden" name="(at-\d+)" value="([^"]*)"', page))


def place(page: str, column: str) -> str:
    """The number of a column's row."""
    return next(name.removeprefix("at-") for name, at in fields(page).items() if at.partition(":")[2] == column)


def address(version: DatasetVersion) -> str:
    return f"/dataset-versions/{version.pk}/answers"


def in_force(version: DatasetVersion) -> dict[str, tuple[str, str]]:
    return {flag.column: (flag.present, flag.assessment) for flag in queries.flags_in_force(version)}


def test_what_is_unknown_stands_first_then_what_nobody_answered(version: DatasetVersion, signed_in: Browser) -> None:
    page = signed_in("steward").get(address(version)).content.decode()
    assert [at.partition(":")[2] for at in fields(page).values()] == ["diagnosis", "", "id", "income"]


def test_all_of_it_is_saved_in_one_act(version: DatasetVersion, signed_in: Browser) -> None:
    browser = signed_in("steward")
    page = browser.get(address(version)).content.decode()
    sent = {
        **fields(page), "reason": "Read the data dictionary", f"present-{place(page, 'diagnosis')}": "yes",
        f"treatment-{place(page, 'diagnosis')}": "pseudonymised", "rest_no": "on", "confirm": "on",
    }  # fmt: skip
    answered = browser.post(address(version), sent)
    assert answered.status_code == 302
    assert in_force(version) == {
        "diagnosis": ("yes", "reviewed"), "income": ("yes", "reviewed"), "": ("no", "reviewed"), "id": ("no", "reviewed"),
    }  # fmt: skip
    newest = SensitivityFlag.history.filter(history_change_reason="Read the data dictionary")
    assert len({row.action_id for row in newest}) == 1
    assert SensitivityFlag.objects.get(column="diagnosis", present="yes").treatment == "pseudonymised"


def test_nothing_is_answered_no_without_the_tick(version: DatasetVersion, signed_in: Browser) -> None:
    browser = signed_in("steward")
    page = browser.get(address(version)).content.decode()
    before = in_force(version)
    for missing, sent in (("Nothing is answered yet", {"reason": "x"}), ("Give a reason", {"rest_no": "on"})):
        answered = browser.post(address(version), {**fields(page), **sent})
        assert answered.status_code == 400
        assert missing in answered.content.decode()
    assert in_force(version) == before


def test_what_cannot_be_kept_is_said_beside_its_row_and_nothing_is_lost(
    version: DatasetVersion, signed_in: Browser
) -> None:
    browser = signed_in("steward")
    page = browser.get(address(version)).content.decode()
    number, other = place(page, "id"), place(page, "diagnosis")
    sent = {**fields(page), "reason": "Read it", f"present-{number}": "no", f"category-{number}": "not a term",
            f"present-{other}": "no"}  # fmt: skip
    answered = browser.post(address(version), sent)
    text = answered.content.decode()
    assert answered.status_code == 400
    row = text[text.index(f'id="row-{number}"') : text.index(f'name="at-{number}"')]
    assert "Write a term as prefix:Name" in row
    assert f'name="category-{number}" value="not a term"' in text
    assert f'name="present-{other}" value="no" checked' in text
    assert ">Read it</textarea>" in text
    assert in_force(version)["diagnosis"] == ("unknown", "declared")


def test_an_owner_who_would_make_an_answer_milder_is_refused_beside_the_row(
    version: DatasetVersion, signed_in: Browser
) -> None:
    browser = signed_in("owner")
    page = browser.get(address(version)).content.decode()
    number = place(page, "income")
    answered = browser.post(address(version), {**fields(page), "reason": "Wishful", f"present-{number}": "no"})
    text = answered.content.decode()
    assert answered.status_code == 403
    row = text[text.index(f'id="row-{number}"') : text.index(f'name="at-{number}"')]
    assert "review makes a flag milder" in row


def test_an_answer_given_meanwhile_is_not_overwritten(version: DatasetVersion, signed_in: Browser, cast: Cast) -> None:
    browser = signed_in("steward")
    page = browser.get(address(version)).content.decode()
    actions.raise_flag(
        actor=cast.pipeline,
        reason=WHY,
        dataset_version=version,
        column="diagnosis",
        category="pd:MedicalHealth",
        present="yes",
    )
    sent = {**fields(page), "reason": "Read it", f"present-{place(page, 'diagnosis')}": "no"}
    answered = browser.post(address(version), sent)
    assert answered.status_code == 409
    assert "Somebody answered on 1 row meanwhile" in answered.content.decode()
    assert in_force(version)["diagnosis"] == ("yes", "declared")


def test_a_viewer_reads_and_has_no_form_fields(version: DatasetVersion, signed_in: Browser) -> None:
    page = signed_in("viewer").get(address(version)).content.decode()
    assert "pd:Income" in page
    assert fields(page) == {}


def test_five_hundred_columns_take_no_more_queries_than_three(
    facts: Facts, version: DatasetVersion, signed_in: Browser
) -> None:
    wide = facts.version(label="wide", schema=[{"name": f"column_{n}"} for n in range(500)])
    browser = signed_in("steward")
    counts = []
    for one in (version, wide):
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(address(one)).status_code == 200
        counts.append(len(asked))
    assert counts[1] <= counts[0] <= 15
