"""The inbox on the page and in the API: one's own and nobody else's, counted in the masthead at no further query."""

from collections.abc import Callable
from typing import Any

import pytest

from governance.accounts.models import RoleGrant
from governance.outbox import Message, drain, enqueue
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.outbox import topics

Door = Callable[[str], Any]


@pytest.fixture(autouse=True)
def told(cast: Cast) -> None:
    """Three things for Rita, one for Rolf."""
    topics.register()
    with recorded_action(actor=cast.owner, reason="Test"):
        for number in range(3):
            to = [cast.risk.pk, cast.risk2.pk] if number == 0 else [cast.risk.pk]
            enqueue("test.tell", {"to": to, "what": f"<i>{number}</i>"}, subject=f"test:{number}")
    drain()


def test_unread_ones_are_counted_in_the_masthead_without_a_query_of_their_own(
    cast: Cast, signed_in: Door, django_assert_num_queries: Any
) -> None:
    rita = signed_in("risk")
    assert '<span class="count">3</span>' in rita.get("/inbox").content.decode()
    with django_assert_num_queries(4):  # session, account with principal, roles with the count, the page
        rita.get("/inbox")
    assert RoleGrant.objects.filter(principal=cast.risk).exists()


def test_it_is_shown_in_words_newest_first_and_opened_it_is_read(cast: Cast, signed_in: Door) -> None:
    rita = signed_in("risk")
    page = rita.get("/inbox").content.decode()
    assert page.index("News: &lt;i&gt;2") < page.index("News: &lt;i&gt;0")
    notice = Notice.objects.filter(recipient=cast.risk).latest("pk")
    opened = rita.post(f"/inbox/{notice.pk}")
    assert (opened.status_code, opened["Location"]) == (302, "/releases/1")
    notice.refresh_from_db()
    assert notice.read_at is not None
    unread = rita.get("/inbox?show=unread").content.decode()
    assert "News: &lt;i&gt;2" not in unread and "News: &lt;i&gt;1" in unread
    assert rita.post("/inbox/read")["Location"] == "/inbox"
    assert "Everything is read" in rita.get("/inbox?show=unread").content.decode()
    assert Notice.objects.filter(recipient=cast.risk2, read_at=None).count() == 1, "Rolf's is Rolf's"


def test_over_the_api_one_reads_ones_own(cast: Cast, signed_in: Door) -> None:
    rita, rolf = signed_in("risk"), signed_in("risk2")
    found = rita.get("/api/v1/notices?unread=true").json()["results"]
    assert [one["title"] for one in found] == ["News: <i>2</i>", "News: <i>1</i>", "News: <i>0</i>"]
    address = f"/api/v1/notices/{found[0]['id']}"
    assert rolf.get(address).status_code == 404 and rolf.post(f"{address}/read").status_code == 404
    assert rita.post(f"{address}/read").json()["read_at"] is not None
    first = rita.get(address).json()["read_at"]
    rita.post(f"{address}/read")
    assert rita.get(address).json()["read_at"] == first, "again changes nothing"
    assert len(rita.get("/api/v1/notices?unread=true").json()["results"]) == 2
    assert len(rita.get("/api/v1/notices?unread=false").json()["results"]) == 1
    assert rita.get("/api/v1/notices?unread=maybe").status_code == 400


def test_who_holds_no_role_is_told_as_well(cast: Cast, signed_in: Door) -> None:
    message = Message.objects.filter(topic="test.tell").first()
    Notice.objects.create(message=message, recipient=cast.engineer, kind="test-told", params={"what": "x"})
    for grant in RoleGrant.objects.filter(principal=cast.engineer):
        with recorded_action(actor=cast.admin, reason="Left"):
            grant.ended_by = cast.admin
            grant.save()
    assert '<span class="count">1</span>' in signed_in("engineer").get("/inbox").content.decode()
