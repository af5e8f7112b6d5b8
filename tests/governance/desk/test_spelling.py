"""Misspelt names are found by the words they were meant to hold; and only words that the reader may read are meant (A71)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from governance.desk.readers import Scope
from governance.desk.search import find
from governance.desk.spelling import edits, meant_for
from governance.history import guards
from governance.models import SearchWord
from governance.unit_of_work import recorded_action
from lineage.models import Dataset, Model
from tests.cast import Cast
from tests.databases import as_login

Door = Callable[[str], Any]


@pytest.fixture
def triage(cast: Cast) -> Model:
    """A model of many words; a dataset of the outsiders with a word that nobody else has."""
    with recorded_action(actor=cast.owner, reason="Test"):
        found = Model.objects.create(namespace=cast.retail, name="claims-triage-iberia-417", intended_purpose="")
    with recorded_action(actor=cast.outsider, reason="Test"):
        Dataset.objects.create(namespace=cast.elsewhere, name="narwhal-sightings")
    return found


def almost(browser: Any, q: str, **more: Any) -> list[tuple[str, int]]:
    """What is found, all of it under names spelt almost so."""
    hits = browser.get("/api/v1/search", {"q": q, **more}).json()["results"]
    assert all(hit["almost"] and not hit["exact"] for hit in hits)
    return [(hit["kind"], hit["object"]) for hit in hits]


@pytest.mark.parametrize(
    "q", ["clams triage", "claims-traige-iberia-417", "triagge 417", "calims iberai", "Ibreia cla"]
)
def test_letters_left_out_put_in_changed_or_swapped_do_not_hide_a_name(q: str, triage: Model, signed_in: Door) -> None:
    viewer = signed_in("viewer")
    assert almost(viewer, q) == [("lineage_model", triage.pk)]
    assert almost(viewer, q, kind="lineage_dataset") == []
    assert "These are called almost so" in viewer.get("/search", {"q": q}).content.decode()


@pytest.mark.parametrize("q", ["clams 418", "triage qqqq", "clmis iberia", "tirage tirage elsewhere", "icl"])
def test_numbers_and_words_far_off_are_not_corrected(q: str, triage: Model, signed_in: Door) -> None:
    assert almost(signed_in("viewer"), q) == []


def test_what_is_found_as_it_is_spelt_is_not_corrected(triage: Model, signed_in: Door) -> None:
    hits = signed_in("viewer").get("/api/v1/search", {"q": "triage"}).json()["results"]
    assert [hit["almost"] for hit in hits] == [False]


def test_A71_a_word_is_corrected_only_to_words_of_names_that_its_reader_may_read(
    triage: Model, cast: Cast, signed_in: Door
) -> None:
    for q in ("narwal", "nrawhal sightings", "narwhals sigthings"):
        assert almost(signed_in("viewer"), q) == []
        assert len(almost(signed_in("outsider"), q)) == len(almost(signed_in("auditor"), q)) == 1
    asked = {
        place: meant_for(["narwal"], Scope(place)) for place in (None, (), (cast.retail.pk,), (cast.elsewhere.pk,))
    }
    there = {"narwal": ["narwhal"]}
    assert asked == {None: there, (): {}, (cast.retail.pk,): {}, (cast.elsewhere.pk,): there}


def test_A71_the_index_itself_holds_no_word_for_readers_of_another_namespace(triage: Model, cast: Cast) -> None:
    """What is asked for is led by the namespace: it takes no longer where others have a word that is near."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.word_shapes('narwal', %s, 1)", [cast.retail.pk])
        (shapes,) = cursor.fetchone()
    assert not SearchWord.objects.filter(shapes__overlap=shapes).exists()
    assert SearchWord.objects.filter(
        shapes__overlap=[shape.replace(f"{cast.retail.pk}:", "0:") for shape in shapes]
    ).exists()


def test_a_title_that_is_changed_is_found_by_its_new_words(triage: Model, cast: Cast, signed_in: Door) -> None:
    with recorded_action(actor=cast.owner, reason="Renamed"):
        triage.title = "Pelican routing"
        triage.save()
    assert almost(signed_in("viewer"), "pelcian") == [("lineage_model", triage.pk)]
    assert almost(signed_in("viewer"), "clams triage") == []


def test_each_word_is_kept_once_a_namespace_and_without_numbers(triage: Model, cast: Cast) -> None:
    with recorded_action(actor=cast.owner, reason="Test"):
        Model.objects.create(namespace=cast.retail, name="claims-triage-iberia-418", intended_purpose="")
    kept = SearchWord.objects.filter(word__in=["claims", "triage", "iberia", "417", "418"])
    assert sorted(kept.values_list("word", "namespace_id")) == [
        (word, place) for word in ("claims", "iberia", "triage") for place in (0, cast.retail.pk)
    ]


def test_a_word_of_many_and_one_of_many_letters_is_asked_for_in_few_questions(triage: Model, signed_in: Door) -> None:
    viewer = signed_in("viewer")
    for q in ("clams triage", "a" * 200, "claimz " * 25):
        for address in ("/search", "/api/v1/search"):
            with CaptureQueriesContext(connection) as asked:
                assert viewer.get(address, {"q": q}).status_code == 200
            assert len(asked) < 15, [one["sql"][:80] for one in asked]


def test_whatever_is_one_edit_off_is_found_by_its_shapes(cast: Cast) -> None:
    letters = st.text(alphabet="abcdeßñж", min_size=4, max_size=14)

    @given(word=letters, at=st.integers(0, 13), letter=st.sampled_from("abcж"), how=st.sampled_from("-+~%"))
    def near(word: str, at: int, letter: str, how: str) -> None:
        at %= len(word)
        head, tail = word[:at], word[at:]
        other = {"-": head + tail[1:], "+": head + letter + tail, "~": head + letter + tail[1:],
                 "%": head + tail[1:2] + tail[:1] + tail[2:]}[how]  # fmt: skip
        assert edits(word, other) == edits(other, word) <= 1
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT muniment.word_shapes(%(a)s, 7, 1) && muniment.word_shapes(%(b)s, 7, 1),"
                " muniment.word_shapes(%(a)s, 7, 1) && muniment.word_shapes(%(b)s, 8, 1)",
                {"a": word, "b": other},
            )
            assert cursor.fetchone() == (True, False)

    near()


@pytest.mark.parametrize(
    ("one", "other", "off"),
    [("fraud", "fruad", 1), ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("ab", "ba", 1)],
)
def test_edits_are_counted(one: str, other: str, off: int) -> None:
    assert edits(one, other) == off


def test_the_words_are_worked_out_anew_and_the_app_writes_none(own_database: str, raw: Callable[[str], Any]) -> None:
    """As after an upgrade: names were kept before their words were."""
    owner, words = raw("owner"), "SELECT word, namespace_id, shapes FROM governance_searchword ORDER BY 1, 2"
    before = owner.execute(words).fetchall()
    assert before
    owner.execute("TRUNCATE governance_searchword")
    with as_login("owner"):
        guards.install()
    assert owner.execute(words).fetchall() == before
    for statement in ("DELETE FROM governance_searchword", "UPDATE governance_searchword SET word = 'other'"):
        with pytest.raises(Exception, match="permission denied"):
            raw("app").execute(statement)


def test_two_who_name_the_same_new_words_at_once_do_not_wait_for_each_other(
    own_database: str, raw: Callable[[str], Any]
) -> None:
    one, other = raw("owner"), raw("owner")
    entry = "INSERT INTO governance_searchentry (kind, object_id, title, words, at) VALUES ('x', {}, '{}', '', now())"
    for connected in (one, other):
        connected.execute("BEGIN; SET LOCAL lock_timeout = '5s'")
    one.execute(entry.format(1, "ocelot"))
    other.execute(entry.format(2, "tapir"))
    one.execute(entry.format(3, "tapir"))
    other.execute(entry.format(4, "ocelot"))
    for connected in (one, other):
        connected.execute("COMMIT")
    assert set(meant_for(["oceolt", "tapri"], Scope(None))) == {"oceolt", "tapri"}
    assert find(Scope(None), "zzzzzz") == ([], None)
