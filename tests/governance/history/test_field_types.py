"""Every stored Django field type goes through the recorder exactly, whatever the session's print settings are."""

import datetime
import decimal
import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange, NumericRange

from governance.ledger.models import LedgerEntry
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.history.lab import Everything

UTC = datetime.UTC
VALUES: list[tuple[str, Any]] = [
    ("big", 2**63 - 1),
    ("big", -(2**63)),
    ("binary", b"\x00\xff\x80quote'back\\slash"),
    ("boolean", False),
    ("char", "ünïcödé ‮ 'quoted' \\ \t end "),
    ("date", datetime.date(1, 1, 1)),
    ("date", datetime.date(9999, 12, 31)),
    ("moment", datetime.datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC)),
    ("decimal", decimal.Decimal("0.8349")),
    ("decimal", decimal.Decimal("-99999999.9999")),
    ("duration", datetime.timedelta(days=-1, microseconds=1)),
    ("email", "a@b.example"),
    ("path", "/etc/hosts"),
    ("real", 0.1 + 0.2),
    ("real", 5e-324),
    ("real", 1.7976931348623157e308),
    ("address", "2001:db8::1"),
    ("integer", -(2**31)),
    ("document", {"b": [1, 2.5, None, "é", {"a": True}], "nested": {"null": None}}),
    ("document", "only a string"),
    ("positive_big", 2**63 - 1),
    ("positive", 2**31 - 1),
    ("positive_small", 32767),
    ("slug", "a-slug"),
    ("small", -32768),
    ("text", "line\nline\r\n" + "x" * 100_000),
    ("time", datetime.time(23, 59, 59, 999999)),
    ("url", "https://bank.example/?q=1"),
    ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    ("numbers", [1, None, 3]),
    ("numbers", []),
    ("words", [["a", None], ["", 'quo"te,{}']]),
    ("integer_range", NumericRange(1, 5)),
    ("big_range", NumericRange(None, 2**40)),
    ("decimal_range", NumericRange(decimal.Decimal("0.5"), decimal.Decimal("1.25"), "[]")),
    ("moment_range", DateTimeTZRange(datetime.datetime(2026, 1, 1, tzinfo=UTC), None)),
    ("date_range", DateRange(datetime.date(2026, 1, 1), datetime.date(2026, 2, 1))),
]


def test_every_type_reads_back_from_the_history_as_it_was_written(laboratory: Cast) -> None:
    for column, value in VALUES:
        with recorded_action(actor=laboratory.admin, reason="one of each"):
            made = Everything.objects.create(**{column: value})
        live = Everything.objects.get(pk=made.pk)
        kept = Everything.history.get(id=made.pk)
        for field in Everything._meta.concrete_fields:
            assert getattr(kept, field.attname) == getattr(live, field.attname), (column, field.name)
        assert getattr(kept, column) == value, column


def test_foreign_keys_are_kept_by_id(laboratory: Cast) -> None:
    with recorded_action(actor=laboratory.admin, reason="links"):
        made = Everything.objects.create(other=laboratory.retail, single=laboratory.risk)
    kept = Everything.history.get(id=made.pk)
    assert (kept.other_id, kept.single_id) == (laboratory.retail.pk, laboratory.risk.pk)


def test_json_null_and_sql_null_stay_two_things(laboratory: Cast) -> None:
    from django.db.models import Value
    from django.db.models.fields.json import JSONField

    with recorded_action(actor=laboratory.admin, reason="two kinds of nothing"):
        json_null = Everything.objects.create(document=Value(None, JSONField()))
        sql_null = Everything.objects.create(document=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, document IS NULL FROM lab_historicaleverything ORDER BY id")
        assert cursor.fetchall() == [(json_null.pk, False), (sql_null.pk, True)]


PRINT_SETTINGS = {
    "TimeZone": "America/St_Johns",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "lc_monetary": "C.UTF-8",
}


@pytest.mark.parametrize("setting", PRINT_SETTINGS)
def test_A11_session_settings_do_not_change_what_is_recorded(setting: str, laboratory: Cast) -> None:
    values = {column: value for column, value in VALUES if column in ("moment", "duration", "real", "binary", "date")}
    with recorded_action(actor=laboratory.admin, reason="printing"):
        Everything.objects.create(**values)
    columns = '"date", "moment", "duration", "real", "binary"'
    bodies = [body_without_stamp()]
    with recorded_action(actor=laboratory.admin, reason="printing"), connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, PRINT_SETTINGS[setting]])
        cursor.execute(f"INSERT INTO lab_everything ({columns}) SELECT {columns} FROM lab_everything")
    bodies.append(body_without_stamp())
    assert bodies[0] == bodies[1]
    assert len(bodies[0]) > 100


def body_without_stamp() -> str:
    """The newest entry's body from the first column that the test writes: id and moment of recording differ."""
    return (LedgerEntry.objects.latest("id").body or "").partition('"big":')[2]
