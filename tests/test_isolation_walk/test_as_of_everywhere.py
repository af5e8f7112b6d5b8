"""Every list and record of the API answers as of a moment, in few queries: what it answers now, where nothing changed."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.models import Principal
from tests.test_as_of import GOVERNED, LONG_AGO, collections, moment
from tests.test_isolation_walk.places import record_of
from tests.test_isolation_walk.scene import Scene


def test_every_list_and_record_answers_as_of_a_moment(seeded: Scene, doors: dict[str, Any]) -> None:
    reader, now, tried = doors["auditor"], moment().isoformat().replace("+", "%2B"), 0
    for collection in GOVERNED:
        model = collections()[collection].model
        id = seeded.cast.viewer.pk if model is Principal else record_of(seeded, model, "retail")
        addresses = [f"/api/v1/{collection}"] + ([f"/api/v1/{collection}/{id}"] if id is not None else [])
        for address in addresses:
            today = reader.get(address)
            with CaptureQueriesContext(connection) as queries:
                then = reader.get(f"{address}?as_of={now}")
            assert (today.status_code, then.status_code) == (200, 200), (address, then.content)
            for name in PRESENT.get(collection, ()):
                assert all(record[name] is None for record in records(then.json())), address
            assert bare(then.json(), collection) == bare(today.json(), collection), address
            assert len(queries) <= 15, [q["sql"] for q in queries]
        assert reader.get(f"/api/v1/{collection}?as_of={LONG_AGO}").json() == {"results": [], "next": None}
        if id is not None:
            before = reader.get(f"/api/v1/{collection}/{id}?as_of={LONG_AGO}")
            unknown = reader.get(f"/api/v1/{collection}/6543210987?as_of={LONG_AGO}")
            assert before.status_code == unknown.status_code == 404
            assert before.json()["detail"] == unknown.json()["detail"]
            tried += 1
    assert tried > 15


#: What is worked out from what holds now, and therefore null in an answer about the past.
PRESENT = {"change-plans": ["state"], "openlineage-events": ["state", "made", "not_understood"]}


def bare(answer: dict[str, Any], collection: str) -> dict[str, Any]:
    """Without the address of the next page, which holds the moment, and what is told of the present alone."""
    for record in records(answer):
        for name in PRESENT.get(collection, ()):
            record.pop(name, None)
    return {key: value for key, value in answer.items() if key != "next"}


def records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a list, or the one."""
    found: list[dict[str, Any]] = answer.get("results", [answer])
    return found
