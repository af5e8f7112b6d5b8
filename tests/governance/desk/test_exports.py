"""Exports: all that one may read and no more, harmless to spreadsheets, resumable, on record."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import CredentialEvent
from governance.accounts.roles import Role
from governance.desk.models import Act, Export
from governance.history.models import governed_models, history_model
from governance.unit_of_work import recorded_action
from lineage.models import Dataset
from tests.cast import Cast
from tests.governance.desk.conftest import Desk

Door = Callable[[str], Any]


def taken(browser: Any, what: str, **query: Any) -> list[dict[str, Any]]:
    """An export as its rows, in both forms, which must agree on keys."""
    lines = _text(browser.get(f"/api/v1/exports/{what}", {**query, "form": "jsonl"})).splitlines()
    rows = [json.loads(line) for line in lines]
    table = list(csv.DictReader(io.StringIO(_text(browser.get(f"/api/v1/exports/{what}", {**query, "form": "csv"})))))
    # Each taking is an act of its own, and the second form would have one more.
    rows, table = ([row for row in both if row.get("kind") != "governance_export"] for both in (rows, table))
    assert [next(iter(row.values())) for row in table] == [str(next(iter(row.values()))) for row in rows]
    return rows


def _text(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    text: str = b"".join(answer.streaming_content).decode()
    return text


def test_every_kind_and_its_history_can_be_taken_out(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    for model in governed_models():
        table = model._meta.db_table
        for what, there in (("records", model), ("history", history_model(model))):
            lines = _text(auditor.get(f"/api/v1/exports/{what}", {"table": table, "form": "jsonl"})).splitlines()
            assert len(lines) == there._default_manager.count(), (what, table)
            assert all(json.loads(line)["id"] for line in lines)
    assert taken(auditor, "records", table="governance_rolegrant", as_of="2020-01-01T00:00:00Z") == []


def test_A71_an_export_holds_what_its_reader_may_read_and_no_more(desk: Desk, signed_in: Door) -> None:
    viewer = signed_in("viewer")
    for what in ("records", "history"):
        told = json.dumps(taken(viewer, what, table="lineage_dataset"))
        assert "mortgage-arrears" in told
        assert "quagga" not in told
    assert taken(viewer, "records", table="lineage_recall") == []


@pytest.mark.parametrize(
    "title",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "\n=1", "\uff1d1", "\u3000=cmd|' /C calc'!A0", '"=1', "x"],
)
def test_A81_a_formula_in_an_export_is_text(title: str, desk: Desk, signed_in: Door) -> None:
    with recorded_action(actor=desk.cast.steward, reason=title.strip() or "x"):
        desk.here.title = title
        desk.here.save()
    answer = signed_in("viewer").get("/api/v1/exports/records", {"table": "lineage_dataset"})
    (row,) = [r for r in csv.DictReader(io.StringIO(_text(answer), newline="")) if r["id"] == str(desk.here.pk)]
    harmless = title[0] not in "=+-@\t\r\n \uff1d\u3000"
    assert row["title"] == (title if harmless else f"'{title}")
    exact = taken(signed_in("viewer"), "records", table="lineage_dataset")
    assert title in [one["title"] for one in exact]


def test_A81_nor_does_what_a_process_says_of_itself_run_in_a_spreadsheet(desk: Desk, signed_in: Door) -> None:
    """Name and door of an act are settings of the session: whoever holds the app's password writes them."""
    with recorded_action(actor=desk.cast.steward, reason="quokkas"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('muniment.act', '=1+1', true), set_config('muniment.door', '=2+2', true)")
        desk.here.title = "Changed"
        desk.here.save()
    answer = signed_in("auditor").get("/api/v1/exports/acts", {"reason": "quokkas"})
    (row,) = csv.DictReader(io.StringIO(_text(answer), newline=""))
    assert (row["name"], row["door"]) == ("'=1+1", "'=2+2")


def test_what_broke_off_is_resumed_after_the_last_whole_row(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    whole = taken(auditor, "history", table="governance_principal")
    middle = whole[len(whole) // 2]["history_id"]
    rest = taken(auditor, "history", table="governance_principal", after=middle)
    assert rest == [row for row in whole if row["history_id"] > middle]


def test_records_as_of_a_moment(desk: Desk, signed_in: Door) -> None:
    first = history_model(Dataset)._default_manager.filter(id=desk.here.pk).earliest("history_date").history_date  # type: ignore[attr-defined]  # a historical row
    rows = taken(signed_in("viewer"), "records", table="lineage_dataset", as_of=first.isoformat())
    assert [row["title"] for row in rows if row["id"] == desk.here.pk] == ["Arrears of Müller & Söhne"]
    assert [r["title"] for r in taken(signed_in("viewer"), "records", table="lineage_dataset")
            if r["id"] == desk.here.pk] == ["Arrears, Müller & Söhne"]  # fmt: skip


def test_acts_are_taken_out_by_the_filters_of_their_list(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    assert len(taken(auditor, "acts")) == Act.objects.exclude(kind="governance_export").count()
    (row,) = taken(auditor, "acts", reason="zebras")
    assert (row["kind"], row["namespace"], row["actor"]) == (
        "lineage_dataset",
        "elsewhere",
        "outsider_pipeline (service)",
    )


def test_an_export_is_on_record_before_it_begins_and_a_refused_one_is_not(desk: Desk, signed_in: Door) -> None:
    signed_in("viewer").get("/api/v1/exports/records", {"table": "lineage_dataset", "form": "jsonl", "after": 1})
    export = Export.objects.get()
    assert (export.what, export.format, export.filters, export.recorded_by) == (
        "lineage_dataset", "jsonl", {"table": "lineage_dataset", "after": "1"}, desk.cast.viewer,
    )  # fmt: skip
    for query in ({}, {"table": "auth_user"}, {"table": "lineage_dataset", "form": "xlsx"},
                  {"table": "lineage_dataset", "after": "x"}, {"table": "lineage_dataset", "as_of": "2999-01-01T00:00Z"},
                  {"table": "lineage_dataset", "limit": "5"}):  # fmt: skip
        assert signed_in("viewer").get("/api/v1/exports/records", query).status_code == 400, query
    assert signed_in("viewer").get("/api/v1/exports/acts").status_code == 403
    assert Export.objects.count() == 1
    assert "lineage_dataset" in signed_in("auditor").get("/audit/exports").content.decode()


def test_the_review_of_access_tells_who_could_sign_when(cast: Cast, signed_in: Door) -> None:
    auditor = signed_in("auditor")

    def of(name: str, **query: Any) -> list[dict[str, Any]]:
        rows = auditor.get("/api/v1/access-review", query).json()["results"]
        return [row for row in rows if row["principal_name"].startswith(f"{name}@")]

    (risk,) = of("risk")
    assert risk["could_sign"] and risk["in_force"]
    assert (risk["granted_by"], risk["approved_by"], risk["namespace"]) == ("Anna Admin", "Anton Admin", "retail")
    assert not of("auditor")[0]["could_sign"]
    granted = grant_role(
        actor=cast.admin, principal=cast.viewer, role=Role.RISK_MANAGER, namespace=cast.retail, reason="Helps out"
    )
    assert [row["could_sign"] for row in of("viewer", role="risk_manager")] == [False]
    approve_grant(actor=cast.admin2, grant=granted, reason="Helps out")
    assert [row["could_sign"] for row in of("viewer", role="risk_manager")] == [True]
    granted.refresh_from_db()
    before = granted.recorded_at.isoformat()
    assert [row["approved_by"] for row in of("viewer", role="risk_manager", at=before)] == [None]
    with recorded_action(actor=cast.admin, reason="Forgot it"):
        CredentialEvent.objects.create(principal=cast.risk2, kind="password_reset")
    (suspended,) = of("risk2")
    assert suspended["in_force"] and not suspended["could_sign"] and suspended["signing_suspended_since"]
    deactivate_principal(actor=cast.admin, principal=cast.risk2, reason="Left")
    assert not of("risk2")[0]["active"]
    assert of("risk2", in_force="true") == []
    page = auditor.get("/audit/access", {"who": "Rita Risk"}).content.decode()
    assert "Anton Admin" in page and "Rolf Risk" not in page
    rows = taken(auditor, "access", role="risk_manager", namespace="retail")
    assert {row["principal"] for row in rows} == {"Rita Risk", "Rolf Risk", "Viktor Viewer"}


def test_an_auditor_of_one_namespace_reviews_that_one_and_grants_of_everywhere(cast: Cast, signed_in: Door) -> None:
    granted = grant_role(
        actor=cast.admin, principal=cast.viewer, role=Role.AUDITOR, namespace=cast.retail, reason="Audit of retail"
    )
    approve_grant(actor=cast.admin2, grant=granted, reason="Audit of retail")
    rows = signed_in("viewer").get("/api/v1/access-review").json()["results"]
    assert {row["namespace"] for row in rows} == {"retail", None}
    assert "Otto Outsider" not in signed_in("viewer").get("/audit/access").content.decode()
    assert "Otto Outsider" in signed_in("auditor").get("/audit/access").content.decode()


@pytest.mark.parametrize("address", ["/audit/access", "/audit/samples", "/audit/exports", "/api/v1/access-review"])
def test_pages_of_oversight_ask_few_questions(address: str, desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    with CaptureQueriesContext(connection) as asked:
        assert auditor.get(address).status_code == 200
    assert len(asked) <= 12
