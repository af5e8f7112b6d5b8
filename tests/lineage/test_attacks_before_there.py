"""What is not there yet, under the app's login: foreign keys are looked at when the transaction ends, rules before (attack A03)."""

from typing import Any

import pytest
from django.db import DatabaseError, connection

from governance import errors
from governance.unit_of_work import recorded_action
from tests.cast import Cast

LATER = 10**9  # an id that is given out later, in the same transaction, to what the rules would have refused
PROFILE = (
    "INSERT INTO lineage_dataprofile (namespace_id, dataset_version_id, said_at, content_digest, columns, how, engine,"
    " format, file_digest, complete, stopped_by, rows, rules)"
    " VALUES (%s, %s, now(), 'before', '[]', 'handed-in', '', 'csv', 'sha256:' || repeat('0', 64), true, '', 1, '[]')"
)
RESULT = (
    "INSERT INTO lineage_qualityresult (namespace_id, dataset_version_id, said_at, content_digest, assertion,"
    ' "column", success, severity, expected, actual, description)'
    " VALUES (%s, %s, now(), 'before', 'x', '', true, '', '', '', '')"
)
LINK = (
    "INSERT INTO lineage_runinput (run_id, dataset_version_id, role, link_method) VALUES (%s, %s, 'source', 'declared')"
)


def refused(who: Any, sql: str, *values: Any) -> str:
    """The code with which a rule refuses a statement by itself, before the transaction ends."""
    with (
        pytest.raises((errors.Refused, DatabaseError)) as caught,
        recorded_action(actor=who, reason="An attack in SQL"),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
        raise DatabaseError("no rule refused it")
    found: Any = caught.value
    return str(found.params.get("code")) if isinstance(found, errors.Refused) else str(found)


@pytest.mark.django_db
@pytest.mark.parametrize("report", [PROFILE, RESULT])
def test_nothing_is_reported_of_a_version_that_comes_later(cast: Cast, report: str) -> None:
    """It could be of other bytes, of another namespace, or another producer's: nothing of that could be asked."""
    assert refused(cast.pipeline, report, cast.retail.pk, LATER) == "report-elsewhere"


@pytest.mark.django_db
def test_nothing_is_recorded_that_belongs_to_what_comes_later(cast: Cast) -> None:
    """It would lie in no namespace: neither in the acts that its auditors see, nor in what is found there."""
    tag = "INSERT INTO lineage_modeltag (model_id, key, value, removed) VALUES (%s, 'k', 'v', false)"
    assert refused(cast.pipeline, tag, LATER) == "not-there-yet"


@pytest.mark.django_db
def test_nothing_is_linked_to_a_run_that_comes_later(cast: Cast) -> None:
    """It could be given one of the product's own keys afterwards, which bind only what they are named after."""
    assert refused(cast.pipeline, LINK, LATER, LATER) == "no-such-run"
