"""ETag, If-None-Match and If-Match: who changes a record says which state of it they saw (attack A74)."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from governance.ledger.models import LedgerEntry
from lineage.actions import register_dataset, update_dataset
from lineage.models import Dataset
from tests.cast import Cast
from tests.governance.api.test_doors import check_problem
from tests.waiting import PATIENCE

Api = Callable[[str], Any]
WHY = {"reason": "A test of conditions"}


@pytest.fixture
def loans(cast: Cast) -> Dataset:
    """A dataset that a steward may change."""
    made = register_dataset(actor=cast.pipeline, namespace=cast.retail, name="loans", title="Loans", **WHY)
    return made.record


def change(browser: Any, record: Dataset, etag: str | None, **fields: Any) -> Any:
    """Change a dataset as a steward, under If-Match unless the tag is None."""
    headers = {} if etag is None else {"If-Match": etag}
    return browser.post(
        f"/api/v1/datasets/{record.pk}/change", json.dumps(fields), content_type="application/json", headers=headers
    )


def test_a_record_has_an_etag_and_whoever_has_it_gets_304(api: Api, loans: Dataset) -> None:
    address = f"/api/v1/datasets/{loans.pk}"
    etag = api("pipeline").get(address).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = api("pipeline").get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag), known
    for other in ('"x"', "nonsense", ""):
        assert api("pipeline").get(address, headers={"If-None-Match": other}).status_code == 200


def test_a_write_answers_with_the_etag_a_reader_would_get(api: Api, signed_in: Api, cast: Cast) -> None:
    body = {"name": "loans", "title": "Loans"}
    made = api("pipeline").post("/api/v1/datasets", body)
    address = made.headers["Location"]
    assert made.headers["ETag"] == api("pipeline").get(address).headers["ETag"]
    changed = change(signed_in("steward"), Dataset.objects.get(), made.headers["ETag"], title="Loans of 2024")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != made.headers["ETag"]
    assert changed.headers["ETag"] == signed_in("steward").get(address).headers["ETag"]
    assert api("pipeline").get(address + "?fields=id").headers["ETag"] == changed.headers["ETag"]


def test_a74_a_change_of_what_has_changed_is_refused_and_says_what_changed(
    signed_in: Api, cast: Cast, loans: Dataset
) -> None:
    steward = signed_in("steward")
    seen = steward.get(f"/api/v1/datasets/{loans.pk}").headers["ETag"]
    update_dataset(actor=cast.owner, dataset=loans, changes={"title": "Renamed", "is_live": True}, **WHY)
    before = LedgerEntry.objects.count()
    refused = check_problem(change(steward, loans, seen, description="New"), 412, "precondition-failed")
    assert sorted(refused["params"]["changed"]) == ["is_live", "title"]
    assert LedgerEntry.objects.count() == before
    assert change(steward, loans, refused["params"]["etag"], description="New").status_code == 200
    assert change(steward, loans, "*", description="Newer").status_code == 200
    assert change(steward, loans, None, description="Newest").status_code == 200  # never forced on anyone


def test_a74_what_is_shown_with_a_record_counts_as_its_state(api: Api, signed_in: Api, cast: Cast) -> None:
    made = api("pipeline").post("/api/v1/datasets", {"name": "loans"}).json()
    terms = api("pipeline").post("/api/v1/terms", {"dataset": made["id"], "licence": "CC0-1.0"})
    address = terms.headers["Location"]
    steward = signed_in("steward")
    withdrawal = {"data": json.dumps(WHY), "content_type": "application/json"}
    headers = {"If-Match": terms.headers["ETag"]}
    assert steward.post(f"{address}/withdrawal", headers=headers, **withdrawal).status_code == 201
    refused = check_problem(
        steward.post(f"{address}/withdrawal", headers=headers, **withdrawal), 412, "precondition-failed"
    )
    assert refused["params"]["changed"] == []


@pytest.mark.parametrize("tag", ['"x"', "the record's own", None])
def test_a_body_that_is_wrong_in_every_state_is_told_whatever_was_seen(
    signed_in: Api, loans: Dataset, tag: str | None
) -> None:
    """Whoever read the record again for a 412 would be refused once more."""
    steward = signed_in("steward")
    seen = steward.get(f"/api/v1/datasets/{loans.pk}").headers["ETag"] if tag == "the record's own" else tag
    check_problem(change(steward, loans, seen, title=7), 400, "invalid", "title")
    check_problem(change(steward, loans, seen, colour="red"), 400, "invalid", "colour")


@pytest.mark.parametrize("header", ["", "x", "W/", '"a" "b"', '"unended', "*, *"])
def test_an_unreadable_if_match_is_refused(signed_in: Api, loans: Dataset, header: str) -> None:
    check_problem(change(signed_in("steward"), loans, header, title="x"), 400, "invalid", "(If-Match)")


@pytest.mark.parametrize(
    "tag", ['"x"', 'W/"1-0"', '"a,b"', '"a" \t,\t W/"b,"', f'"{"9" * 19}-{"0" * 32}"', f'"1-{"0" * 32}"']
)
def test_a_tag_that_was_never_given_out_for_the_record_matches_nothing(
    signed_in: Api, loans: Dataset, tag: str
) -> None:
    check_problem(change(signed_in("steward"), loans, tag, title="x"), 412, "precondition-failed")


def test_if_match_where_there_is_no_etag_is_refused(api: Api, cast: Cast) -> None:
    answer = api("pipeline").post("/api/v1/datasets", {"name": "x"}, headers={"If-Match": "*"})
    check_problem(answer, 400, "invalid", "(If-Match)")
    assert not Dataset.objects.exists()


def test_a71_if_match_tells_nothing_of_records_elsewhere(signed_in: Api, loans: Dataset) -> None:
    check_problem(change(signed_in("outsider"), loans, '"1-x"', title="x"), 404, "not-found")


def test_a74_of_changes_at_once_with_one_etag_exactly_one_wins(own_database: str, signed_in: Api, cast: Cast) -> None:
    """Each passes the look before the transaction; the one under lock decides."""
    loans = register_dataset(actor=cast.pipeline, namespace=cast.retail, name="loans", **WHY).record
    writers = 6
    for round_number in range(2):
        browsers = [signed_in("steward") for _ in range(writers)]
        seen = browsers[0].get(f"/api/v1/datasets/{loans.pk}").headers["ETag"]
        together = threading.Barrier(writers)
        answers: list[Any] = []

        def write(browser: Any, title: str, seen: str, together: threading.Barrier, answers: list[Any]) -> None:
            try:
                together.wait(timeout=PATIENCE)
                answers.append(change(browser, loans, seen, title=title))
            finally:
                connection.close()

        threads = [
            threading.Thread(target=write, args=(browser, f"{round_number}.{number}", seen, together, answers))
            for number, browser in enumerate(browsers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=PATIENCE)
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (writers - 1)
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert Dataset.objects.get(pk=loans.pk).title == winner.json()["title"]
