"""How many calls an account has in a minute, over all its keys, told in every answer."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from governance.api import rates
from governance.api.models import RateCount
from tests.cast import Cast
from tests.governance.api.test_doors import check_problem
from tests.waiting import PATIENCE

Api = Callable[[str], Any]
LIST = "/api/v1/namespaces"


@pytest.fixture
def three_calls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls per window; a window long enough that no test sees its end."""
    settings.RATE_LIMIT = 3
    monkeypatch.setattr(rates, "WINDOW", 10**9)


def test_each_answer_says_what_is_left_and_the_call_beyond_is_refused(api: Api, cast: Cast, three_calls: None) -> None:
    pipeline = api("pipeline")
    for left, address in ((2, LIST), (1, f"{LIST}/0"), (0, LIST)):  # a refusal counts as well
        headers = pipeline.get(address).headers
        assert headers["RateLimit-Policy"] == '"account";q=3;w=1000000000'
        assert re.fullmatch(rf'"account";r={left};t=\d+', headers["RateLimit"])
    refused = pipeline.get(LIST)
    check_problem(refused, 429, "too-many-requests")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["RateLimit"].startswith('"account";r=0;')
    assert api("tester").get(LIST).status_code == 200  # each account has its own


def test_a_new_window_begins_anew(api: Api, cast: Cast, three_calls: None) -> None:
    api("pipeline").get(LIST)
    RateCount.objects.update(period=-1, calls=99)
    assert api("pipeline").get(LIST).headers["RateLimit"].startswith('"account";r=2;')


def test_without_a_limit_nothing_is_counted_or_said(api: Api, cast: Cast) -> None:
    assert "RateLimit" not in api("pipeline").get(LIST).headers
    assert not RateCount.objects.exists()


def test_calls_at_once_by_several_connections_are_all_counted(own_database: str, cast: Cast, three_calls: None) -> None:
    def call() -> None:
        try:
            for _ in range(20):
                rates.count(cast.pipeline)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert RateCount.objects.get().calls == 80


def test_a_count_costs_one_query(cast: Cast, three_calls: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        rates.count(cast.pipeline)
