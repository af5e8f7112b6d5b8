"""The past in pages and questions: records as they were, what was live when, what changed between two moments."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.promotions import end_promotion
from approvals.actions.sign_offs import declare_conflict
from approvals.models import PromotionEnd
from approvals.pages.as_it_was import KINDS
from governance.history.moments import PresentOnly, standing_at
from governance.unit_of_work import receipt
from lineage.actions import register_dataset, update_dataset, update_model, withdraw_terms
from lineage.models import Dataset, Model
from tests.approvals.serving import scenes
from tests.approvals.world import World, signature, world
from tests.cast import Cast
from tests.permission_table.found import entry_as_found
from tests.permission_table.things import Things
from tests.test_as_of import moment

Api = Callable[[str], Any]


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def at(then: datetime) -> str:
    """A moment as an address carries it."""
    return then.astimezone(UTC).isoformat().replace("+00:00", "Z")


def rename(w: World, title: str, why: str) -> None:
    update_dataset(actor=w.cast.steward, reason=why, dataset=w.datasets["raw"], changes={"title": title})


# --- Between two moments --------------------------------------------------------------------------------------------


def test_a_difference_names_the_field_both_values_who_when_and_why(w: World, api: Api) -> None:
    before = moment()
    rename(w, "First", "A first name")
    rename(w, "Second", "A better name")
    address = f"/api/v1/differences?table=lineage_dataset&id={w.datasets['raw'].pk}"
    with CaptureQueriesContext(connection) as queries:
        answer = api("pipeline").get(f"{address}&from={at(before)}").json()
    assert len(queries) <= 8, [q["sql"] for q in queries]
    (one,) = answer["differences"]
    told = (one["field"], one["label"], one["before"], one["after"], one["times"], one["by_name"], one["reason"])
    assert told == ("title", "title", "", "Second", 2, "Stefan Steward", "A better name")
    assert (answer["existed_before"], answer["existed_after"]) == (True, True)
    assert api("pipeline").get(f"{address}&from={at(moment())}").json()["differences"] == []
    whole = api("pipeline").get(f"{address}&from=2001-01-01").json()
    assert whole["existed_before"] is False
    assert {"name", "namespace", "title"} <= {d["field"] for d in whole["differences"]}
    never = api("pipeline").get(f"{address}&from=2001-01-01&to=2001-01-02").json()
    assert (never["existed_after"], never["differences"]) == (False, [])


def test_a_field_changed_and_changed_back_is_no_difference(w: World, api: Api) -> None:
    rename(w, "First", "Named")
    before = moment()
    rename(w, "Second", "Tried")
    rename(w, "First", "Taken back")
    address = f"/api/v1/differences?table=lineage_dataset&id={w.datasets['raw'].pk}&from={at(before)}"
    assert api("pipeline").get(address).json()["differences"] == []


WRONG = (
    ("id=1&from=2026-01-01", "table"), ("table=nothing&id=1&from=2026-01-01", "table"),
    ("table=lineage_dataset&from=2026-01-01", "id"), ("table=lineage_dataset&id=x&from=2026-01-01", "id"),
    ("table=lineage_dataset&id={id}", "from"), ("table=lineage_dataset&id={id}&from=then", "from"),
    ("table=lineage_dataset&id={id}&from=9999-01-01", "from"),
    ("table=lineage_dataset&id={id}&from=2026-01-02&to=2026-01-01", "to"),
    ("table=lineage_dataset&id={id}&from=2026-01-01&too=2026-01-01", "too"),
)  # fmt: skip


def test_a_question_that_cannot_be_right_names_its_parameter(w: World, api: Api) -> None:
    for query, field in WRONG:
        answer = api("pipeline").get("/api/v1/differences?" + query.format(id=w.datasets["raw"].pk))
        assert answer.status_code == 400, (query, answer.content)
        assert field in answer.json()["errors"]


def test_a_conflicts_text_is_withheld_from_who_may_not_read_it(w: World, signed_in: Api) -> None:
    conflict = declare_conflict(actor=w.cast.risk, model=w.model, text="My sister sells it", reason="So says my cousin")
    asked = f"table=approvals_conflictofinterest&id={conflict.pk}&from=2026-01-01"
    history = f"/api/v1/history?table=approvals_conflictofinterest&object={conflict.pk}"
    for who, reads in (("risk", True), ("compliance", True), ("auditor", True), ("viewer", False), ("admin", False)):
        for address in (f"/api/v1/differences?{asked}", f"/differences?{asked}", history):
            answer = signed_in(who).get(address)
            assert answer.status_code in (200, 404)
            said = answer.content.decode()
            assert ("My sister" in said, "my cousin" in said) == (reads, reads), (who, address)
    told = signed_in("viewer").get(f"/api/v1/differences?{asked}").json()["differences"]
    assert [(d["before"], d["after"]) for d in told if d["withheld"]] == [(None, None)]
    assert {d["reason"] for d in told} == {None}
    act = f"/audit/acts/{receipt(conflict)['action_id']}"
    exported = [
        f"/api/v1/exports/{what}?table=approvals_conflictofinterest&form=jsonl" for what in ("records", "history")
    ]
    for who, reads in (("auditor", True), ("admin", False)):
        assert ("My sister" in signed_in(who).get(act).content.decode()) is reads, who
        for address in exported:
            said = b"".join(signed_in(who).get(address)).decode()
            assert ("My sister" in said) is reads, (who, address)
            assert ("my cousin" in said) is (reads and "history" in address), (who, address)
    page = f"/admin/approvals/conflictofinterest/{conflict.pk}"
    for address in (f"{page}/change/", f"{page}/history/"):
        theirs, others = (signed_in(who).get(address).content.decode() for who in ("auditor", "admin"))
        assert "My sister" in theirs
        assert "My sister" not in others
        assert ("my cousin" in theirs) is ("history" in address)
        assert "my cousin" not in others


def test_the_page_of_differences_says_it_in_words(w: World, signed_in: Api) -> None:
    update_dataset(actor=w.cast.steward, reason="Someone answers", dataset=w.datasets["raw"],
                   changes={"title": "Loans", "owner": w.cast.owner})  # fmt: skip
    address = f"/differences?table=lineage_dataset&id={w.datasets['raw'].pk}&from=2026-01-01T00:00"
    text = signed_in("viewer").get(address).content.decode()
    for said in ("Olga Owner", "Loans", "Stefan Steward", "Someone answers"):
        assert said in text
    refused = signed_in("viewer").get(f"{address}&to=2001-01-01T00:00")
    assert refused.status_code == 400
    assert "Name a moment after the first." in refused.content.decode()
    assert signed_in("viewer").get("/differences?table=auth_user&id=1").status_code == 404
    assert signed_in("viewer").get("/differences?table=lineage_dataset&id=987654321").status_code == 404


def test_the_page_of_differences_names_the_records_that_a_field_points_at(w: World, signed_in: Api) -> None:
    release = w.release()
    address = f"/differences?table=approvals_release&id={release.pk}&from=2026-01-01T00:00"
    with CaptureQueriesContext(connection) as queries:
        text = signed_in("auditor").get(address).content.decode()
    assert len(queries) <= 15, [q["sql"] for q in queries]
    assert f"production (id {release.environment_id})" in text
    assert f"{w.model.name} · model version 1 (id {w.version.pk})" in text
    assert f'<p class="lede">{w.model.name} · model version 1 · release {release.pk}</p>' in text
    theirs = signed_in("viewer").get(address).content.decode()
    assert f"production (id {release.environment_id})" in theirs, (
        "a role of one namespace reads an environment's name too"
    )
    assert signed_in("outsider").get(address).status_code == 404


# --- Live when ------------------------------------------------------------------------------------------------------


def test_live_at_a_moment_names_every_slot_and_who_had_signed(w: World, api: Api, signed_in: Api) -> None:
    w.policy({"key": "artifact", "kind": "artifact"}, signature("risk", "risk_manager"))
    nothing = moment()
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    first = scenes.go_live(w)
    live = moment()
    end_promotion(actor=w.cast.risk, promotion=first, kind=PromotionEnd.Kind.SUSPENDED, reason="Doubts")
    over = moment()

    def asked(then: datetime, more: str = "") -> list[dict[str, Any]]:
        with CaptureQueriesContext(connection) as queries:
            found: list[dict[str, Any]] = api("pipeline").get(f"/api/v1/live-at?at={at(then)}{more}").json()["results"]
        assert len(queries) <= 10, [q["sql"] for q in queries]
        return found

    assert asked(nothing) == asked(over) == []
    (one,) = asked(live)
    assert (one["model"], one["version"], one["environment"], one["slot"]) == ("scoring", 1, "production", "champion")
    assert [signer["name"] for signer in one["signed_by"]] == ["Rita Risk"]
    assert asked(live, "&namespace=retail&environment=production") == [one]
    assert asked(live, "&environment=staging") == []
    assert api("pipeline").get(f"/api/v1/live-at?at={at(live)}&namespace=elsewhere").status_code == 404
    assert api("pipeline").get("/api/v1/live-at?at=9999-01-01").status_code == 400
    assert api("outsider_pipeline").get(f"/api/v1/live-at?at={at(live)}").json()["results"] == []
    page = signed_in("viewer").get(f"/live?at={at(live)}").content.decode()
    for said in ("scoring", "Rita Risk", "lifelines__bar--live"):
        assert said in page
    assert "Nothing was live then" in signed_in("viewer").get(f"/live?at={at(nothing)}").content.decode()


def test_what_served_as_found_at_a_moment_is_told_apart(w: World, api: Api) -> None:
    before = moment()
    entry = entry_as_found(w)
    then = moment()

    def asked(when: datetime, more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api("pipeline").get(f"/api/v1/live-at?at={at(when)}{more}").json()["results"]
        return found

    assert asked(then, "") == asked(before, "&as_found=true") == asked(then, "&as_found=true&environment=staging") == []
    (one,) = asked(then, "&as_found=true&namespace=retail")
    assert (one["model"], one["as_found"], one["kind"]) == ("found-there", entry.pk, "as_found")
    assert (one["promotion"], one["release"], one["signed_by"]) == (None, None, [])
    assert one["serve_until"].startswith(f"{entry.govern_by:%Y-%m-%d}")
    assert api("outsider_pipeline").get(f"/api/v1/live-at?at={at(then)}&as_found=true").json()["results"] == []


def test_the_page_of_what_was_live_refuses_what_it_cannot_show(w: World, signed_in: Api) -> None:
    viewer = signed_in("viewer")
    assert viewer.get("/live?at=soon").status_code == 400
    assert viewer.get("/live?at=9999-01-01T00:00").status_code == 400
    assert viewer.get("/live?days=3").status_code == 404
    assert viewer.get("/live?namespace=elsewhere").status_code == 404
    assert viewer.get("/live?days=7&namespace=retail").status_code == 200


# --- Records as they were -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_as_it_was_says_so_has_no_form_that_changes_anything_and_leads_back(
    w: World, signed_in: Api, kind: str
) -> None:
    as_it_was(signed_in("owner"), kind, Things(w, kind).id("places" if kind == "policies" else kind))


def as_it_was(reader: Any, kind: str, id: int) -> None:
    """What every such page holds."""
    now = at(moment())
    with CaptureQueriesContext(connection) as queries:
        answer = reader.get(f"/{kind}/{id}/as-it-was?at={now}")
    assert answer.status_code == 200
    assert len(queries) <= 30, [q["sql"] for q in queries]
    text = answer.content.decode()
    assert "This is the past" in text
    posting = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', text)
    assert posting == ["/accounts/logout/"]
    assert f'href="/{kind}/{id}"' in text
    assert 'type="datetime-local"' in text
    long_ago = reader.get(f"/{kind}/{id}/as-it-was?at=2001-01-01T00:00")
    assert long_ago.status_code == 404
    assert "It was recorded later." in long_ago.content.decode()
    for wrong in ("yesterday", "9999-01-01T00:00", "2026-02-30T00:00", "%00"):
        assert reader.get(f"/{kind}/{id}/as-it-was?at={wrong}").status_code == 400
    assert f"/{kind}/{id}/as-it-was" in reader.get(f"/{kind}/{id}").content.decode()


def test_a_dataset_as_it_was_shows_then_and_not_now(w: World, signed_in: Api) -> None:
    rename(w, "Old name", "Named")
    then = at(moment())
    rename(w, "New name", "Renamed")
    withdraw_terms(actor=w.cast.steward, terms=w.terms["raw"], reason="The subjects objected")
    page = f"/datasets/{w.datasets['raw'].pk}/as-it-was?at="
    before = signed_in("viewer").get(page + then).content.decode()
    after = signed_in("viewer").get(page + at(moment())).content.decode()
    assert "Old name" in before
    assert "New name" not in before
    assert "New name" in after
    assert before.count("<time") == after.count("<time") - 1  # the withdrawal's


def test_a_version_as_it_was_is_told_by_its_model_and_to_the_second(w: World, signed_in: Api) -> None:
    now = moment()
    text = signed_in("viewer").get(f"/model-versions/{w.version.pk}/as-it-was?at={at(now)}").content.decode()
    assert f"<h1>{w.model.title or w.model.name}, version {w.version.number}</h1>" in text
    assert f"{now:%H:%M:%S} UTC</time>" in text


# --- What is promised of the way it is read -------------------------------------------------------------------------


def test_nothing_is_written_and_nothing_of_the_present_is_mixed_in(w: World) -> None:
    now = moment()
    with pytest.raises(PresentOnly), transaction.atomic(), standing_at(now):
        Dataset.objects.filter(pk=1).update(title="x")
    with standing_at(now), connection.cursor() as cursor:
        for statement in (
            "SELECT * FROM public.lineage_dataset", 'SELECT * FROM "public"."lineage_dataset"',
            "SELECT muniment.active_policy_version(1, 'high', 1, '')", "DELETE FROM lineage_dataset",
            "INSERT INTO lineage_dataset DEFAULT VALUES", "TRUNCATE lineage_dataset", "SET search_path = x",
        ):  # fmt: skip
            with pytest.raises(PresentOnly):
                cursor.execute(statement)
    assert Dataset.objects.filter(pk=w.datasets["raw"].pk).exists()


def test_the_past_is_read_on_one_connection_for_the_time_of_a_block(w: World) -> None:
    long_ago = timezone.now() - timedelta(days=1)
    with standing_at(long_ago):
        assert not Model.objects.exists()
    assert Model.objects.exists()
    update_model(actor=w.cast.owner, reason="Changed", model=w.model, changes={"title": "Now"})
    with standing_at(moment()):
        assert Model.objects.get(title="Now") == w.model


def test_a_field_that_was_dropped_or_came_later_stops_no_reading(
    own_database: str, raw: Any, cast: Cast, api: Api
) -> None:
    dataset, _new = register_dataset(actor=cast.pipeline, namespace=cast.retail, name="old", reason="Old")
    then = at(moment())
    raw("owner").execute("ALTER TABLE lineage_historicaldataset ADD COLUMN gone text NOT NULL DEFAULT 'was'")
    answer = api("pipeline").get(f"/api/v1/datasets/{dataset.pk}?as_of={then}")
    assert (answer.status_code, answer.json()["name"]) == (200, "old")
    assert "gone" not in answer.json()
    whole = api("pipeline").get(f"/api/v1/differences?table=lineage_dataset&id={dataset.pk}&from=2001-01-01").json()
    assert "gone" not in {one["field"] for one in whole["differences"]}
