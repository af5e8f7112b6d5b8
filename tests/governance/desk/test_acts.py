"""Acts: an auditor finds who did what, when, where and why, and sees each act whole; of their own namespaces only."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.roles import Role
from governance.desk.models import Act
from governance.history.models import governed_models, history_model
from tests.cast import Cast
from tests.databases import as_login
from tests.governance.desk.conftest import Desk

Door = Callable[[str], Any]


def listed(browser: Any, **query: Any) -> list[dict[str, Any]]:
    answer = browser.get("/api/v1/acts", query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


@pytest.fixture
def auditor_of_retail(cast: Cast) -> Cast:
    """The viewer is made an auditor of `retail`, and of nothing else."""
    granted = grant_role(
        actor=cast.admin, principal=cast.viewer, role=Role.AUDITOR, namespace=cast.retail, reason="Audit of retail"
    )
    approve_grant(actor=cast.admin2, grant=granted, reason="Audit of retail")
    return cast


def test_every_row_of_history_belongs_to_an_act_that_the_desk_lists(desk: Desk) -> None:
    for model in governed_models():
        history = history_model(model)
        written = {(row.action_id, row.history_type) for row in history._default_manager.all()}
        kept = set(Act.objects.filter(kind=model._meta.db_table).values_list("action_id", "op"))
        assert kept == written, model


def test_one_row_leads_each_act_in_each_namespace(desk: Desk) -> None:
    acts = list(Act.objects.values_list("action_id", "namespace_id", "lead"))
    assert {(a, n) for a, n, _lead in acts} == {(a, n) for a, n, lead in acts if lead}
    assert len([1 for *_one, lead in acts if lead]) == len({(a, n) for a, n, _lead in acts})


def test_acts_are_found_by_person_kind_record_namespace_reason_name_and_door(desk: Desk, signed_in: Door) -> None:
    auditor, retail = signed_in("auditor"), desk.cast.retail
    mine = desk.act(desk.here)
    for query in (
        {"by": desk.cast.steward.pk},
        {"kind": "lineage_dataset", "object": desk.here.pk},
        {"reason": "committee renamed"},
        {"reason": "COMMIT renam", "kind": "lineage_dataset"},
        {"namespace": retail.name, "door": "command", "by": desk.cast.steward.pk},
    ):
        assert mine in [act["action_id"] for act in listed(auditor, **query)], query
    (registered,) = listed(auditor, name="lineage.register_dataset", by=desk.cast.pipeline.pk)
    assert registered["reason"] == "Ordered by the risk committee"
    assert [part["kind"] for part in registered["wrote"]] == ["lineage_dataset"]
    assert listed(auditor, reason="committee", by=desk.cast.outsider_pipeline.pk) == []


def test_a_period_is_entered_by_its_end(desk: Desk, signed_in: Door) -> None:
    newest = Act.objects.order_by("-at").values_list("at", flat=True)[0]
    auditor = signed_in("auditor")
    assert listed(auditor, since=newest.isoformat())[0]["action_id"] == desk.act(desk.here)
    assert desk.act(desk.here) not in [a["action_id"] for a in listed(auditor, until=newest.isoformat())]


def test_an_auditor_of_one_namespace_sees_that_one_only(desk: Desk, auditor_of_retail: Cast, signed_in: Door) -> None:
    browser = signed_in("viewer")
    assert {p["namespace"] for act in listed(browser, limit=500) for p in act["wrote"]} == {"retail"}
    assert browser.get("/api/v1/acts", {"namespace": "elsewhere"}).status_code == 404
    there = desk.act(desk.there)
    assert browser.get(f"/api/v1/acts/{there}").status_code == 404
    assert browser.get(f"/audit/acts/{there}").status_code == 404
    page = browser.get("/audit", {"reason": "zebras"}).content.decode()
    assert "No such act" in page
    assert "quagga" not in browser.get("/audit").content.decode()
    assert signed_in("auditor").get(f"/api/v1/acts/{there}").status_code == 200


def test_pages_of_acts_by_key_neither_skip_nor_repeat(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    seen: list[str] = []
    address: str | None = "/api/v1/acts?limit=3"
    while address:
        answer = auditor.get(address).json()
        seen += [act["action_id"] for act in answer["results"]]
        address = answer["next"]
    assert set(seen) == {str(a) for a in Act.objects.values_list("action_id", flat=True)}
    whole = [act["action_id"] for act in listed(auditor, limit=500)]
    assert list(dict.fromkeys(seen)) == whole


def test_an_act_is_shown_whole_before_and_after_with_its_ledger_entry(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    act = auditor.get(f"/api/v1/acts/{desk.act(desk.here)}").json()
    (written,) = act["written"]
    assert written["changes"] == [
        {"column": "title", "old": "Arrears of Müller & Söhne", "new": "Arrears, Müller & Söhne"}
    ]
    row = history_model(type(desk.here))._default_manager.latest("history_id")
    assert (written["ledger_entry"], written["history_id"]) == (row.ledger_entry_id, row.history_id)  # type: ignore[attr-defined]  # a historical row
    page = auditor.get(f"/audit/acts/{act['action_id']}").content.decode()
    for expected in ("The committee renamed it", "Arrears, Müller &amp; Söhne", f"ledger entry {row.ledger_entry_id}"):  # type: ignore[attr-defined]  # as above
        assert expected in page


def test_wrong_questions_are_told_beside_their_field(cast: Cast, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    for query, sentence in (
        ({"who": "nobody at all"}, "Nobody is called so"),
        ({"object": "7"}, "Say of which kind"),
        ({"namespace": "nowhere"}, "No such namespace"),
        ({"since": "2026-02-02", "until": "2026-01-01"}, "ends before it begins"),
        ({"since": "yesterday"}, "Enter a valid date"),
    ):
        answer = auditor.get("/audit", query)
        assert answer.status_code == 400, query
        assert sentence in answer.content.decode(), query
    assert auditor.get("/api/v1/acts", {"object": "7"}).status_code == 400
    assert auditor.get("/api/v1/acts", {"kind": "auth_user"}).status_code == 400
    for odd in ("x", str(uuid.uuid4()), "%00"):
        assert auditor.get(f"/api/v1/acts/{odd}").status_code == 404
        assert auditor.get(f"/audit/acts/{odd}").status_code == 404
    assert auditor.get("/audit?before=x").status_code == 404


def test_words_of_a_reason_narrowed_to_a_kind_find_that_kind_and_no_word_passes_for_a_kind(
    desk: Desk, signed_in: Door
) -> None:
    auditor = signed_in("auditor")
    assert len(listed(auditor, reason="committee", kind="lineage_dataset")) == 2
    assert listed(auditor, reason="committee", kind="lineage_model") == []
    for trick in (":lineage_dataset", "lineage dataset", "' | ':", "nothing | :lineage_dataset"):
        assert listed(auditor, reason=trick) == listed(auditor, reason=trick, kind="lineage_dataset") == [], trick


def test_the_app_cannot_write_the_desks_tables(own_database: str, raw: Callable[[str], Any]) -> None:
    app = raw("app")
    for statement in (
        "DELETE FROM governance_act",
        "UPDATE governance_act SET reason = 'another'",
        "INSERT INTO governance_searchentry (kind, object_id, title, words, at) VALUES ('x', 1, '', '', now())",
    ):
        with pytest.raises(Exception, match="permission denied"):
            app.execute(statement)


def test_what_the_desk_keeps_is_worked_out_anew_from_the_histories(
    own_database: str, raw: Callable[[str], Any]
) -> None:
    """As after a dump of an older release: no trigger kept these tables while the histories grew."""
    owner = raw("owner")
    kept = "SELECT action_id, kind, op, namespace_id, actor_id, reason FROM governance_act ORDER BY 1, 2, 3, 4"
    words = "SELECT kind, object_id, title, words::text FROM governance_searchentry ORDER BY 1, 2"
    before = owner.execute(kept).fetchall(), owner.execute(words).fetchall()
    owner.execute("TRUNCATE governance_act, governance_searchentry")
    for (name,) in owner.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'keep_%'").fetchall():
        owner.execute(f"DROP FUNCTION {name} CASCADE")
    from governance.history import guards

    with as_login("owner"):
        guards.install()
    assert (owner.execute(kept).fetchall(), owner.execute(words).fetchall()) == before
    assert owner.execute(
        "SELECT count(*) FROM (SELECT action_id, namespace_id FROM governance_act GROUP BY 1, 2"
        " HAVING count(*) FILTER (WHERE lead) <> 1) x"
    ).fetchone() == (0,)


@pytest.mark.parametrize("address", ["/audit", "/api/v1/acts", "/api/v1/acts?kind=lineage_dataset&reason=ordered"])
def test_lists_of_acts_ask_few_questions(address: str, desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert auditor.get(address).status_code == 200
    assert len(asked) <= 15
