"""A find raises a flag in the act that records the profile; nothing of a value is kept; a steward's answer stands."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from governance.client.muniment_identifiers import luhn
from governance.client.muniment_personal import PATTERNS, is_masked, masked
from governance.history.models import history_model
from governance.unit_of_work import recorded_action
from lineage import actions, queries
from lineage.actions.personal_data import MOST_COLUMNS, record_finds
from lineage.models import DataProfile, DatasetVersion, PersonalDataFind, SensitivityFlag
from lineage.quality.documents import ColumnProfile, Other, PersonalFind, Profile, TopValue
from lineage.quality.finds import Found, finds_in, without_values
from tests.approvals.world import WHY, World, flag, sha, world
from tests.cast import Cast
from tests.lineage.quality.documents import document

Api = Callable[[str], Any]
_COUNT = count()
EMAIL = {"pattern": "email", "looked_at": 900, "matched": 870, "examples": ["j•••@•••.com"]}


@pytest.fixture
def w(cast: Cast) -> World:
    return world(cast)


def columns(*found: tuple[str, dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Columns of a profile, as it is stored."""
    return [
        {"name": name, "type": "string", "count": 900, "nulls": 0, "distinct_exact": True,
         **({"personal": [find]} if find else {})}
        for name, find in found
    ]  # fmt: skip


def profiled(w: World, *found: tuple[str, dict[str, Any] | None], name: str = "raw", by: Any = None) -> DataProfile:
    """A profile recorded with its finds, as the action on profiles does it."""
    version = w.versions[name]
    kept = columns(*found)
    with recorded_action(actor=by or w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), columns=kept,
            content_digest=sha(json.dumps([kept, next(_COUNT)])),
        )  # fmt: skip
        read = [
            ColumnProfile(
                one["name"],
                "string",
                count=900,
                personal=tuple(
                    PersonalFind(**{**p, "examples": tuple(p["examples"])}) for p in one.get("personal", ())
                ),
            )
            for one in kept
        ]
        record_finds(profile, version, finds_in(read))
    return profile


def in_force(version: DatasetVersion) -> dict[tuple[str, str], tuple[str, str]]:
    """Answer and assessment by column and category."""
    return {(f.column, f.category): (f.present, f.assessment) for f in queries.flags_in_force(version)}


def test_a_find_raises_a_flag_and_stands_beside_it(w: World) -> None:
    profile = profiled(w, ("contact", EMAIL), ("amount", None))
    assert in_force(w.versions["raw"])[("contact", "pd:EmailAddress")] == ("unknown", "detected")
    (found,) = PersonalDataFind.objects.all()
    assert (found.profile, found.column, found.pattern, found.matched, found.by_name) == (
        profile,
        "contact",
        "email",
        870,
        False,
    )
    assert found.examples == ["j•••@•••.com"] and found.flag.recorded_by == w.cast.pipeline


def test_the_server_looks_at_names_and_kept_values_itself(w: World) -> None:
    """A pipeline that reports no find does not make a column harmless."""
    column = ColumnProfile("kunde", "string", count=50, top=(TopValue("a.b@example.com", "ab", 30),))
    (found,) = finds_in([column])
    assert (found.pattern, found.by_name, found.examples) == ("email", False, ("a•••@•••.com",))
    assert [one.pattern for one in finds_in([ColumnProfile("주민등록번호", "integer", count=9)])] == ["kr_rrn"]
    assert finds_in([ColumnProfile("telephone", "string", count=1000, distinct=2)]) == []
    assert finds_in([ColumnProfile("email", "boolean", count=1000, distinct=2)]) == []


def test_no_value_is_kept_of_a_column_with_a_find_whoever_measured_it() -> None:
    """A pipeline that did not look hands in its customers' numbers as the ends of ranges."""
    cards = tuple(sorted(int(one) for one in _cards(40)))
    counts = tuple(range(40))
    given = Profile(columns=(
        ColumnProfile("k", "integer", count=40, distinct=40, min=cards[0], max=cards[-1], sum=1, mean=1.0, edges=cards,
                      before=counts, upto=tuple(n + 1 for n in counts)),
        ColumnProfile("note", "string", count=9, top=(TopValue("ask a.b@example.com", "ab", 5),), other=Other(4, 2)),
        ColumnProfile("geburtsdatum", "date", count=9, min=0, max=1, edges=(0, 1), before=(0, 8), upto=(1, 9)),
        ColumnProfile("amount", "integer", count=9, min=0, max=1, edges=(0, 1), before=(0, 8), upto=(1, 9)),
    ))  # fmt: skip
    kept = without_values(given)
    assert [[find.pattern for find in one.personal] for one in kept.columns] == [
        ["card"],
        ["email"],
        ["birth_date"],
        [],
    ]
    number, note, day, amount = kept.columns
    assert (number.edges, number.min, number.max, number.sum, number.distinct) == ((), None, None, None, 40)
    assert (note.top, note.other) == ((), Other(9, 3))
    assert (day.edges, day.before, day.upto, day.min, day.max) == ((), (), (), None, None), "of the oldest customer"
    assert amount == given.columns[3]
    assert not any(str(one) in repr(kept) for one in cards) and "a.b@" not in repr(kept)
    assert without_values(kept) == kept, "what is kept is read again as it is"


def test_numbers_of_persons_are_not_kept_as_doubles_either() -> None:
    """With a blank among them whole numbers come as 1.0."""
    cards = tuple(sorted(float(one) for one in _cards(40)))
    counts = {"before": tuple(range(40)), "upto": tuple(range(1, 41))}
    named = ColumnProfile("ssn", "number", count=2, min=123456789.0, max=987654321.0, edges=(123456789.0, 987654321.0),
                          before=(0, 1), upto=(1, 2))  # fmt: skip
    seen = ColumnProfile("k", "number", count=40, min=cards[0], max=cards[-1], edges=cards, **counts)
    share = ColumnProfile("ip", "number", count=2, min=0.5, max=1.5, edges=(0.5, 1.5), before=(0, 1), upto=(1, 2))
    kept = without_values(Profile(columns=(named, seen, share)))
    assert [[find.pattern for find in one.personal] for one in kept.columns] == [["us_ssn"], ["card"], ["ip_address"]]
    assert [one.edges for one in kept.columns] == [(), (), (0.5, 1.5)]
    assert without_values(kept) == kept


def _cards(count: int) -> list[str]:
    """Numbers that are nobody's: of the range 4000 00, with their check digit."""
    stems = (f"400000{n:09d}" for n in range(count))
    return [next(f"{stem}{last}" for last in range(10) if luhn(f"{stem}{last}")) for stem in stems]


def test_an_example_that_is_not_masked_is_left_out() -> None:
    given = PersonalFind("email", 10, 5, ("jane.doe@example.com•", "j•••@•••.com", "•jane", "홍길동•"))
    assert finds_in([ColumnProfile("x", "string", personal=(given,))])[0].examples == ("j•••@•••.com",)


def test_a_pattern_of_a_later_client_is_personal_data_in_general(w: World) -> None:
    profiled(w, ("x", {"pattern": "zz_new", "looked_at": 5, "matched": 5, "examples": []}))
    assert in_force(w.versions["raw"])[("x", "dpv:PersonalData")] == ("unknown", "detected")


def test_what_says_so_already_is_met_and_not_raised_again(w: World) -> None:
    mine = flag(w.cast, w.versions["raw"], column="contact", category="pd:EmailAddress", present="yes")
    before = SensitivityFlag.objects.count()
    profiled(w, ("contact", EMAIL))
    profiled(w, ("contact", EMAIL))
    assert SensitivityFlag.objects.count() == before
    assert {one.flag for one in PersonalDataFind.objects.all()} == {mine}


def review(w: World, **more: Any) -> SensitivityFlag:
    """The steward's answer on the column."""
    return actions.review_flag(
        actor=w.cast.steward, dataset_version=w.versions["raw"], column="contact", category="pd:EmailAddress",
        **{"present": "no", **more}, **WHY,
    ).record  # fmt: skip


def test_a_stewards_no_is_asked_once_more_and_then_stands(w: World) -> None:
    review(w)
    profiled(w, ("contact", EMAIL))
    assert in_force(w.versions["raw"])[("contact", "pd:EmailAddress")] == ("unknown", "detected")
    answer = review(w)
    profiled(w, ("contact", EMAIL))
    assert in_force(w.versions["raw"])[("contact", "pd:EmailAddress")] == ("no", "reviewed")
    assert PersonalDataFind.objects.latest("pk").flag == answer


def test_another_pattern_is_another_question(w: World) -> None:
    profiled(w, ("contact", EMAIL))
    review(w)
    card = {"pattern": "card", "looked_at": 900, "matched": 800, "examples": []}
    profiled(w, ("contact", card))
    answers = in_force(w.versions["raw"])
    assert answers[("contact", "pd:EmailAddress")] == ("no", "reviewed")
    assert answers[("contact", "pd:PaymentCardNumber")] == ("unknown", "detected")


def test_what_a_name_said_is_asked_again_when_values_show_it(w: World) -> None:
    profiled(w, ("email", None))
    with recorded_action(actor=w.cast.steward, **WHY):
        SensitivityFlag.objects.create(
            dataset_version=w.versions["raw"],
            column="email",
            category="pd:EmailAddress",
            present="no",
            assessment="reviewed",
        )
    profiled(w, ("email", None))
    assert in_force(w.versions["raw"])[("email", "pd:EmailAddress")] == ("no", "reviewed")
    profiled(w, ("email", EMAIL))
    assert in_force(w.versions["raw"])[("email", "pd:EmailAddress")] == ("unknown", "detected")


def test_another_version_is_another_question(w: World) -> None:
    profiled(w, ("contact", EMAIL))
    review(w)
    profiled(w, ("contact", EMAIL), name="features")
    assert in_force(w.versions["features"])[("contact", "pd:EmailAddress")] == ("unknown", "detected")


def test_data_said_to_be_masked_that_is_not_is_asked_and_stays_as_severe(w: World) -> None:
    review(w, present="yes", treatment="anonymised", regulation_sets=["PII"], excluded_from_training=True)
    profiled(w, ("contact", {**EMAIL, "matched": 3}))
    newest = SensitivityFlag.objects.filter(column="contact").latest("pk")
    assert (newest.present, newest.treatment, newest.assessment) == ("yes", "none", "detected")
    assert newest.regulation_sets == ["PII"] and newest.excluded_from_training and newest.raises


def test_a_producers_own_no_is_no_answer(w: World) -> None:
    flag(
        w.cast,
        w.versions["raw"],
        by=w.cast.pipeline,
        column="contact",
        category="pd:EmailAddress",
        assessment="declared",
    )
    profiled(w, ("contact", EMAIL))
    assert in_force(w.versions["raw"])[("contact", "pd:EmailAddress")] == ("unknown", "detected")


def test_two_patterns_of_one_category_share_a_flag(w: World) -> None:
    found = [
        Found("acc", key, PATTERNS[key].category, 9, 9, False, ()) for key in ("iban", "bic")
    ]  # fmt: skip
    version = w.versions["raw"]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), content_digest=sha("two")
        )
        rows = record_finds(profile, version, found)
    assert len(rows) == 2 and len({one.flag_id for one in rows}) == 1


def test_more_columns_than_a_person_reads_raise_one_flag_for_the_whole(w: World) -> None:
    version = w.versions["raw"]
    found = [Found(f"c{n}", "email", "pd:EmailAddress", 9, n % 9 + 1, False, ()) for n in range(MOST_COLUMNS + 1)]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), content_digest=sha("many")
        )
        (row,) = record_finds(profile, version, found)
    assert (row.column, row.matched) == ("", 9)
    assert in_force(version)[("", "pd:EmailAddress")] == ("unknown", "detected")


# -- The database has the last word ------------------------------------------------------------------------------------


def attempt(w: World, **more: Any) -> Any:
    """Write a find past the action."""
    version = w.versions["raw"]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), content_digest=sha(str(more))
        )
        raised = SensitivityFlag.objects.create(
            dataset_version=version, column="c", category="pd:EmailAddress", present="unknown", assessment="detected"
        )
        return PersonalDataFind.objects.create(
            **{
                "dataset_version": version, "profile": profile, "flag": raised, "column": "c", "pattern": "email",
                "category": "pd:EmailAddress", "looked_at": 9, "matched": 9, "by_name": False, **more,
            }
        )  # fmt: skip


@pytest.mark.parametrize("example", [
    "jane.doe@example.com", "jane@•••.com", "•jane.doe", "j•••@example.com", "1985-02-28•", "김철수•", "•" + "a" * 30,
    "j•••@•••.secret1", "", "no mask", "4111 1111 1111 ••••", "٣٤٥•",
])  # fmt: skip
def test_no_value_comes_past_its_mask(example: str, w: World) -> None:
    assert not is_masked(example)
    with pytest.raises(Exception, match="masked with •"):
        attempt(w, examples=[example])


@pytest.mark.parametrize(
    "pattern", ["email", "birth_date", "card", "kr_rrn", "iban", "phone", "mac_address", "it_tax_code"]
)
def test_what_is_masked_is_taken(pattern: str, w: World) -> None:
    value = {"email": "jane@example.com", "birth_date": "1985-02-28"}.get(pattern, "4111 1111-1111/1111")
    assert attempt(w, examples=[masked(pattern, value)]).pk


def test_a_find_without_its_flag_is_refused(w: World) -> None:
    other = flag(w.cast, w.versions["raw"], column="d", category="pd:EmailAddress")
    for wrong in ({"flag": other}, {"column": "d"}, {"category": "pd:Name"}, {"dataset_version": w.versions["source"]}):
        with pytest.raises(Exception, match=r"flag in force|another dataset version"):
            attempt(w, **wrong)


@pytest.mark.parametrize("wrong", [
    {"matched": -1}, {"matched": 10}, {"matched": 0}, {"pattern": "E-Mail"}, {"pattern": ""}, {"category": "mail"},
])  # fmt: skip
def test_a_find_that_cannot_be_is_refused(wrong: dict[str, Any], w: World) -> None:
    with pytest.raises(Exception, match=r"personal_find|violates|flag in force"):
        attempt(w, **wrong)


@pytest.mark.parametrize(("personal", "says"), [
    ([EMAIL], "no flag was raised"),
    ([{**EMAIL, "examples": ["jane.doe@example.com"]}], "no flag was raised"),
])  # fmt: skip
def test_a_profile_that_speaks_of_personal_data_without_finds_is_refused_at_its_end(
    personal: list[dict[str, Any]], says: str, w: World
) -> None:
    with pytest.raises(Exception, match=says):
        with recorded_action(actor=w.cast.pipeline, **WHY):
            DataProfile.objects.create(
                namespace=w.cast.retail, dataset_version=w.versions["raw"], said_at=timezone.now(),
                content_digest=sha("bare"), columns=[{"name": "contact", "type": "string", "personal": personal}],
            )  # fmt: skip
            connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_finds_are_final_and_recorded(own_database: str, w: World, raw: Callable[[str], Any]) -> None:
    profiled(w, ("contact", EMAIL))
    assert history_model(PersonalDataFind).objects.count() == 1
    for statement in (
        "UPDATE lineage_personaldatafind SET matched = 0",
        "UPDATE lineage_personaldatafind SET examples = '{jane@example.com}'",
        "DELETE FROM lineage_personaldatafind",
    ):
        with pytest.raises(psycopg.Error):
            raw("app").execute(statement)


# -- Where it is read --------------------------------------------------------------------------------------------------


def test_the_api_lists_finds_with_their_masks(w: World, api: Api) -> None:
    profiled(w, ("contact", EMAIL))
    version = w.versions["raw"].pk
    body = api("pipeline").get(f"/api/v1/personal-data-finds?dataset_version={version}&pattern=email").json()
    (one,) = body["results"]
    assert (one["column"], one["category"], one["matched"], one["examples"]) == (
        "contact", "pd:EmailAddress", 870, ["j•••@•••.com"],
    )  # fmt: skip
    assert api("pipeline").get(f"/api/v1/personal-data-finds?flag={one['flag']}").json()["results"] == [one]
    assert api("outsider_pipeline").get("/api/v1/personal-data-finds").json()["results"] == []


def test_pages_show_the_find_beside_the_answer_and_keep_it_after_the_steward_has_answered(
    w: World, signed_in: Api
) -> None:
    profiled(w, ("contact", EMAIL), name="raw")
    dataset, version = w.datasets["raw"].pk, w.versions["raw"].pk
    for _round in range(2):
        for path in (f"/datasets/{dataset}", f"/dataset-versions/{version}/answers"):
            page = signed_in("steward").get(path).content.decode()
            assert "Looks like: e-mail address, 870 of 900 values" in page, path
            assert "j•••@•••.com" in page
        review(w)


# -- At the same time --------------------------------------------------------------------------------------------------


def test_profiles_that_come_at_once_raise_one_flag(own_database: str, w: World) -> None:
    """The second waits for the dataset's lock, and meets the flag that the first raised."""

    def come(number: int) -> None:
        try:
            profiled(w, ("contact", {**EMAIL, "looked_at": 1000 + number}))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(come, number) for number in range(4)]:
            done.result()
    assert SensitivityFlag.objects.filter(column="contact").count() == 1
    assert PersonalDataFind.objects.count() == 4


# -- Nowhere -----------------------------------------------------------------------------------------------------------

JANE = "jane.doe@example.com"


def handed_in(w: World, *more: dict[str, Any]) -> dict[str, Any]:
    """A profile of `raw` by a pipeline that did not look: customers' numbers and addresses as its values."""
    cards = sorted(int(one) for one in _cards(40))
    numbers = {
        "name": "k", "type": "integer", "declared": "BIGINT", "count": 40, "nulls": 0, "distinct": 40,
        "distinct_exact": True, "min": cards[0], "max": cards[-1], "sum": sum(cards), "mean": sum(cards) / 40,
        "stddev": 1.0, "edges": cards, "before": list(range(40)), "upto": list(range(1, 41)),
    }  # fmt: skip
    texts = {
        "name": "note", "type": "string", "declared": "VARCHAR", "count": 40, "nulls": 0, "distinct": 1,
        "distinct_exact": True, "top": [{"value": f"ask {JANE}", "key": "ab" * 16, "count": 40}],
        "other": {"count": 0, "distinct": 0}, "lengths": {"min": 24, "max": 24, "mean": 24.0},
    }  # fmt: skip
    return {**document(numbers, texts, *more), "rows": 40, "duplicate_rows": 0,
            "digest": f"sha256:{w.versions['raw'].digest_value}"}  # fmt: skip


def everything(superuser: Any) -> Iterator[tuple[str, str]]:
    """Each row of each table of the database, as text."""
    tables = superuser.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    for schema, table in tables:
        for (row,) in superuser.execute(f'SELECT t::text FROM "{schema}"."{table}" t'):
            yield table, row


def test_no_value_comes_to_rest_anywhere(
    own_database: str, w: World, raw: Callable[[str], Any], api: Api, signed_in: Api, caplog: pytest.LogCaptureFixture
) -> None:
    version = w.versions["raw"]
    address = f"/api/v1/dataset-versions/{version.pk}/profiles"
    secrets = [JANE, "jane.doe", *_cards(40)]
    bare = {"pattern": "email", "looked_at": 40, "matched": 40, "examples": [f"{JANE}•"]}
    shown = {
        "name": "mail",
        "type": "string",
        "declared": "",
        "count": 40,
        "nulls": 0,
        "distinct": 40,
        "distinct_exact": True,
        "personal": [bare],
    }
    refusal = api("pipeline").post(address, handed_in(w, shown), format="json")
    assert refusal.status_code == 400 and "masked" in refusal.content.decode()
    taken = api("pipeline").post(address, handed_in(w), format="json")
    assert taken.status_code == 201, taken.content
    assert {one.pattern for one in PersonalDataFind.objects.all()} == {"card", "email"}
    assert in_force(version)[("k", "pd:PaymentCardNumber")] == ("unknown", "detected")
    answers = [refusal.content.decode(), taken.content.decode()]
    for path in (
        f"/datasets/{w.datasets['raw'].pk}", f"/dataset-versions/{version.pk}/answers",
        f"/dataset-versions/{version.pk}/profiles", "/search?q=ask",
    ):  # fmt: skip
        answers.append(signed_in("steward").get(path).content.decode())
    for path in ("personal-data-finds", "data-profiles", "flags", "history?table=lineage_dataprofile"):
        answers.append(signed_in("auditor").get(f"/api/v1/{path}").content.decode())
    answers.append(caplog.text)
    assert not [(number, one) for number, text in enumerate(answers) for one in secrets if one in text]
    found = {(table, one) for table, row in everything(raw("superuser")) for one in secrets if one in row}
    assert not found


def test_a_profile_handed_in_twice_asks_once(w: World, api: Api) -> None:
    address = f"/api/v1/dataset-versions/{w.versions['raw'].pk}/profiles"
    first, again = (api("pipeline").post(address, handed_in(w), format="json") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert SensitivityFlag.objects.filter(assessment="detected").count() == 2
