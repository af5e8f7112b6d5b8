"""Search over everything finds by words, names, digests, ids and keys; and only what its reader may read (A71)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from governance.desk import keeping
from governance.desk.readers import Scope
from governance.desk.search import find, question
from governance.unit_of_work import recorded_action
from lineage.models import Dataset
from tests.approvals.world import world
from tests.cast import Cast
from tests.governance.desk.conftest import Desk

Door = Callable[[str], Any]
Raw = Callable[[str], "psycopg.Connection[Any]"]
WORDS = Path(keeping.__file__).parent / "sql" / "10_words.sql"


def found(browser: Any, q: str, **more: Any) -> list[tuple[str, int]]:
    answer = browser.get("/api/v1/search", {"q": q, **more})
    assert answer.status_code == 200, answer.content
    return [(hit["kind"], hit["object"]) for hit in answer.json()["results"]]


@pytest.mark.parametrize(
    "words", ["mortgage-arrears", "MORTGAGE", "arrears mortg", "muller", "Müller", "söhne arrears", "sohne"]
)
def test_words_are_found_in_any_case_with_and_without_accents_and_by_their_beginning(
    words: str, desk: Desk, signed_in: Door
) -> None:
    assert ("lineage_dataset", desk.here.pk) in found(signed_in("viewer"), words)


def test_a_record_is_found_by_its_digest_its_key_and_its_id(cast: Cast, signed_in: Door) -> None:
    w = world(cast)
    viewer = signed_in("viewer")
    assert ("lineage_modelversion", w.version.pk) in found(viewer, w.version.digest_value)
    assert ("lineage_modelversion", w.version.pk) in found(viewer, f"sha256:{w.version.digest_value}"[7:])
    run = w.runs["raw"]
    assert ("lineage_run", run.pk) in found(viewer, run.run_key)
    hits = viewer.get("/api/v1/search", {"q": str(run.pk)}).json()["results"]
    assert [h for h in hits if h["kind"] == "lineage_run" and h["object"] == run.pk and h["exact"]]


def test_what_is_called_exactly_so_stands_first(desk: Desk, signed_in: Door) -> None:
    hits = signed_in("viewer").get("/api/v1/search", {"q": "arrears, müller & söhne"}).json()["results"]
    assert (hits[0]["object"], hits[0]["exact"]) == (desk.here.pk, True)


def test_what_has_the_words_in_its_name_stands_before_what_has_them_elsewhere(cast: Cast, signed_in: Door) -> None:
    with recorded_action(actor=cast.pipeline, reason="Test"):
        named = Dataset.objects.create(namespace=cast.retail, name="tapir-stables", title="Stables of Größe")
        for number in range(30):
            Dataset.objects.create(
                namespace=cast.retail, name=f"x{number}", description="No stables of a tapir: GRÖSSE"
            )
    hits = signed_in("viewer").get("/api/v1/search", {"q": "stables grö"}).json()["results"]
    assert hits[0]["object"] == named.pk, "it is the oldest of them"
    assert [hit["object"] for hit in hits].count(named.pk) == 1
    assert len(hits) == 26
    assert {(hit["exact"], hit["almost"]) for hit in hits} == {(False, False)}


@pytest.mark.parametrize("letter", ["n", "t", "ns"])
def test_a_letter_finds_what_begins_with_it_and_not_what_leads_the_names_and_namespaces(
    letter: str, cast: Cast, signed_in: Door
) -> None:
    with recorded_action(actor=cast.pipeline, reason="Test"):
        other = Dataset.objects.create(namespace=cast.retail, name="zebra", title="Zebra")
        begins = Dataset.objects.create(namespace=cast.retail, name=f"{letter}apir")
    hits = found(signed_in("viewer"), letter)
    assert ("lineage_dataset", begins.pk) in hits
    assert ("lineage_dataset", other.pk) not in hits


def test_a_change_is_found_and_what_it_replaced_no_more(desk: Desk, signed_in: Door) -> None:
    assert found(signed_in("viewer"), "arrears of müller") == []


def test_A71_what_others_hold_is_not_found_not_hinted_at_and_changes_no_order(desk: Desk, signed_in: Door) -> None:
    viewer, outsider, auditor = signed_in("viewer"), signed_in("outsider"), signed_in("auditor")
    for q in ("quagga", "quagga-census", str(desk.there.pk), "census quagga"):
        assert ("lineage_dataset", desk.there.pk) not in found(viewer, q)
        assert ("lineage_dataset", desk.there.pk) in found(auditor, q)
    assert ("lineage_dataset", desk.there.pk) in found(outsider, "quagga")
    answer = viewer.get("/search", {"q": "quagga"})
    assert "Nothing found" in answer.content.decode()
    # A namespace cannot be asked for as if it were a word.
    for trick in (
        f":ns:{desk.cast.elsewhere.pk}",
        f"ns:{desk.cast.elsewhere.pk} quagga",
        f"'ns:{desk.cast.elsewhere.pk}' | quagga",
        "quagga | arrears",
    ):
        assert ("lineage_dataset", desk.there.pk) not in found(viewer, trick)


def test_whoever_may_read_nothing_finds_nothing(desk: Desk) -> None:
    assert find(Scope(()), "mortgage") == ([], None)


def test_any_text_is_a_question_that_postgresql_reads(cast: Cast) -> None:
    @given(text=st.text(max_size=60))
    def asked(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::tsquery", [question(text, Scope((1, 2)))])

    asked()


def test_pages_go_on_by_key(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    seen: list[tuple[str, int]] = []
    address: str | None = "/api/v1/search?q=a"
    while address:
        answer = auditor.get(address).json()
        seen += [(hit["kind"], hit["object"]) for hit in answer["results"]]
        address = answer["next"]
    assert len(seen) > 25
    assert len(set(seen)) == len(seen)


def test_a_common_word_and_a_rare_one_are_found_alike(
    desk: Desk, signed_in: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the newest entries, by the index alone, and where the first gives too few: always the same."""
    told = []
    for window in (0, 5, 100_000):
        monkeypatch.setattr("governance.desk.search.WINDOW", window)
        told.append([found(signed_in("auditor"), q) for q in ("a", "bank", "mortgage", "nothing")])
    assert told[0] == told[1] == told[2]
    assert len(told[0][0]) == 25
    assert len(told[0][2]) == 1


def test_the_words_of_a_conflict_of_interest_are_not_searched(cast: Cast, signed_in: Door) -> None:
    from approvals.actions.sign_offs import declare_conflict

    w = world(cast)
    declare_conflict(actor=cast.risk, model=w.model, text="My zeugma sister sells it", reason="Declared")
    assert found(signed_in("auditor"), "zeugma") == []


def test_a_search_asks_few_questions(desk: Desk, signed_in: Door) -> None:
    viewer = signed_in("viewer")
    for address in ("/search?q=arrears", "/api/v1/search?q=arrears"):
        with CaptureQueriesContext(connection) as asked:
            assert viewer.get(address).status_code == 200
        assert len(asked) <= 13, [q["sql"][:80] for q in asked]


def test_a_question_that_is_none_is_told(signed_in: Door) -> None:
    viewer = signed_in("viewer")
    assert viewer.get("/api/v1/search").status_code == 400
    assert viewer.get("/api/v1/search", {"q": "x" * 201}).status_code == 400
    assert viewer.get("/api/v1/search", {"q": "x", "kind": "django_session"}).status_code == 400
    assert viewer.get("/search", {"q": "\x00 ' \\ & | ! :* <->"}).status_code == 200


def test_the_words_kept_are_the_same_by_the_short_way_and_the_long(cast: Cast) -> None:
    texts = st.one_of(
        st.text(alphabet="aB9 .,:'\\-_@/ßüé\u0301Å中😀\u1680\u3000\n", max_size=40),
        st.sampled_from(["a" * 128, "a" * 129, "a" * 5000, "it's a\\:1B 'quote' & | ! :*", "w " * 3000, "", "ﬁ ½ ²"]),
        st.integers(1, 2500).map(lambda n: " ".join(f"w{i}" for i in range(n))),
    )

    @given(text=texts)
    def kept(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT muniment.search_vector(%(text)s, 7)"
                " = array_to_tsvector((muniment.search_words(%(text)s))[1:2000] || '{:ns:7}'::text[])",
                {"text": text},
            )
            assert cursor.fetchone()[0]

            cursor.execute(
                "SELECT muniment.search_entry('', %(text)s, 7) = array_to_tsvector("
                " ARRAY(SELECT ':t:' || w FROM unnest(muniment.search_words(%(text)s)) w) || '{:ns:7}'::text[])",
                {"text": text},
            )
            assert cursor.fetchone()[0]

    kept()


def test_the_words_of_all_records_are_kept_anew_where_they_are_made_otherwise(desk: Desk, raw: Raw) -> None:
    owner = raw("owner")
    words = "SELECT words::text FROM governance_searchentry WHERE kind = 'lineage_dataset' AND object_id = %s"
    before = owner.execute(words, [desk.here.pk]).fetchone()
    owner.execute(
        "CREATE OR REPLACE FUNCTION muniment.search_entry(given text, title text, namespace bigint) RETURNS tsvector"
        " LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT 'former'::tsvector $$"
    )
    with owner.cursor() as cursor:
        keeping.install(cursor)  # as an earlier release left it
        assert owner.execute(words, [desk.here.pk]).fetchone() == ("'former'",)
        cursor.execute(WORDS.read_bytes())
        keeping.install(cursor)
    assert owner.execute(words, [desk.here.pk]).fetchone() == before
