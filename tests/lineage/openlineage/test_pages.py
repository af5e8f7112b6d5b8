"""The pages on what pipelines report: what stands on them, for whom, in how many queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lineage.models import Dataset, OpenLineageEvent, OpenLineageReplay
from lineage.openlineage.working import work_off
from tests.cast import Cast
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.conftest import kept, worked

Browser = Callable[[str], Any]


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:500]
    return " ".join(answer.content.decode().split())


@pytest.fixture
def told(cast: Cast) -> list[OpenLineageEvent]:
    """Events worked off, one of them understood in part, one refused; and one that waits."""
    run = streams.event("COMPLETE", "a", "nightly", "01:00:00", outputs=[streams.dataset(streams.LAKE, "x")])
    again = streams.event("FAIL", "a", "nightly", "02:00:00", run_facets={"ourOwn": {"a": "<script>"}})
    worked(cast.pipeline, run, again)
    kept(cast.pipeline, streams.event("START", "b", "hourly", "03:00:00"))
    return list(OpenLineageEvent.objects.order_by("id"))


def test_the_list_tells_what_became_of_each_event(
    told: list[OpenLineageEvent], signed_in: Browser, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in("viewer")
    with django_assert_max_num_queries(14):
        page = text_of(browser.get("/openlineage"))
    assert "airflow://prod nightly" in page
    assert "In part" in page and "has ended otherwise" in page
    assert "Nothing yet" in page
    assert '<code class="olname">s3://lake</code>' in page, "whose it is"
    waiting = text_of(browser.get("/openlineage", {"state": "waiting"}))
    assert "hourly" in waiting and "nightly" not in waiting
    assert "Work the ticked ones off again" not in text_of(browser.get("/openlineage", {"state": "partly"}))
    assert "hourly" in text_of(browser.get("/openlineage", {"producer": told[0].recorded_by_id}))
    assert browser.get("/openlineage", {"producer": "x"}).status_code == 404
    assert "Nothing came in yet" in text_of(signed_in("outsider").get("/openlineage"))


def test_a_page_of_an_event_tells_what_it_made_and_what_it_left_out(
    told: list[OpenLineageEvent], signed_in: Browser, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in("viewer")
    with django_assert_max_num_queries(14):
        page = text_of(browser.get(f"/openlineage/{told[0].pk}"))
    assert "Dataset version" in page and "s3://lake/x" in page and told[0].body_digest in page
    left = text_of(browser.get(f"/openlineage/{told[1].pk}"))
    assert "The run has ended otherwise" in left
    assert "run.ourOwn" in left and "&lt;script&gt;" in left and "<script>" not in left.split("<main")[1]
    assert "waits to be worked off" in text_of(browser.get(f"/openlineage/{told[2].pk}"))
    assert "Work it off again" not in left
    assert "Work it off again" in text_of(signed_in("steward").get(f"/openlineage/{told[1].pk}"))
    for unknown in ("x", "0", "999999999"):
        assert browser.get(f"/openlineage/{unknown}").status_code == 404


def test_a_steward_has_events_worked_off_again_from_either_page(
    told: list[OpenLineageEvent], signed_in: Browser
) -> None:
    steward = signed_in("steward")
    refused = steward.post("/openlineage/replay?state=partly", {"event": [told[1].pk], "reason": " "})
    assert "Give a reason" in text_of(refused, 400) and "checked" in refused.content.decode()
    done = steward.post("/openlineage/replay", {"event": [told[1].pk], "reason": "The run was mended"}, follow=True)
    assert "1 event is worked off again. It is on record." in text_of(done)
    assert "waits" in text_of(steward.post(f"/openlineage/{told[1].pk}", {"reason": "Once more"}), 409)
    work_off()
    done = steward.post(f"/openlineage/{told[1].pk}", {"reason": "Once more"}, follow=True)
    assert "It is on record." in text_of(done)
    assert "Stefan Steward" in text_of(steward.get(f"/openlineage/{told[1].pk}"))
    assert list(OpenLineageReplay.objects.values_list("state", flat=True)) == ["partly", "partly"]


def test_the_api_tells_the_same(told: list[OpenLineageEvent], api: Browser) -> None:
    found = api("pipeline").get("/api/v1/openlineage-events", {"state": "partly"}).json()["results"]
    assert [one["id"] for one in found] == [told[1].pk]
    assert {note["path"] for note in found[0]["not_understood"]} == {"eventType", "run.ourOwn"}
    text = api("pipeline").get(f"/api/v1/openlineage-events/{told[0].pk}/text").json()
    assert text["job"]["name"] == "nightly"
    profiles = api("pipeline").get("/api/v1/data-profiles", {"run": 1}).json()
    assert profiles["results"] == []


def test_a_datasets_page_tells_what_producers_report_of_it(
    cast: Cast, signed_in: Browser, django_assert_max_num_queries: Any
) -> None:
    worked(cast.pipeline, *(streams.sample(name) for name in ("run_start", "run_complete", "dataset_event")))
    churn = Dataset.objects.get(name__endswith="features/churn")
    browser = signed_in("viewer")
    with django_assert_max_num_queries(14):
        page = text_of(browser.get(f"/datasets/{churn.pk}"))
    assert "What producers report" in page and "It is no verdict" in page
    assert "not_null <code>age</code>" in page and "Passed" in page
    assert "120,345 rows" in page
    assert "email_hash" in page.split("What producers report")[1], "the columns of the reported schema"
    unreported = Dataset.objects.exclude(pk=churn.pk).filter(reported=None).first()
    assert unreported is not None
    assert "What producers report" not in text_of(browser.get(f"/datasets/{unreported.pk}"))
