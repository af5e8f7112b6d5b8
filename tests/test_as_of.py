"""`?as_of=` on every list and record: what it answers, what it refuses, and that it costs no query per row."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from governance.accounts.actions.grants import end_grant
from governance.accounts.models import RoleGrant
from governance.api.views import RecordViewSet
from governance.history.models import GovernedModel
from lineage.actions import update_model
from lineage.risk import QUESTIONS
from tests.approvals.world import World, world
from tests.cast import Cast
from tests.permission_table.things import Things

Api = Callable[[str], Any]
LONG_AGO = "2001-01-01"


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def moment() -> datetime:
    """Now, by the clock that stamps the history."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
        return found


def collections() -> dict[str, type[RecordViewSet]]:
    """Every collection of the API by its name, from the addresses there are."""

    def walk(patterns: list[Any]) -> dict[str, type[RecordViewSet]]:
        found: dict[str, type[RecordViewSet]] = {}
        for one in patterns:
            if isinstance(one, URLResolver):
                found |= walk(one.url_patterns)
            elif isinstance(one, URLPattern):
                cls = getattr(one.callback, "cls", None)
                if cls is not None and issubclass(cls, RecordViewSet):
                    found[cls.collection] = cls
        return found

    return walk(get_resolver().url_patterns)


GOVERNED = sorted(name for name, view in collections().items() if issubclass(view.model, GovernedModel))


def test_what_is_not_kept_answers_no_past(w: World, signed_in: Api) -> None:
    answer = signed_in("admin").get(f"/api/v1/api-keys?as_of={LONG_AGO}")
    assert answer.status_code == 400
    assert "not kept" in answer.json()["errors"]["as_of"][0]


NO_MOMENTS = (
    "", "now", "2026-13-01", "2026-02-30", "2026-01-01T10:00", "20260101", "0001-01-01T00:00:00%2B14:00", "1e9",
    "2026-01-01T10:00:00 02:00", "٢٠٢٦-01-01", "2026-01-01T10:00:00.1234567Z", "2026-01-01T10:00:00Z;--",
)  # fmt: skip


def test_what_is_no_moment_is_refused_with_an_example(w: World, api: Api) -> None:
    for text in NO_MOMENTS:
        for address in ("datasets", f"datasets/{w.datasets['raw'].pk}"):
            answer = api("pipeline").get(f"/api/v1/{address}?as_of={text}")
            assert answer.status_code == 400, (text, answer.content)
            assert "2026-03-03" in answer.json()["errors"]["as_of"][0]


def test_the_future_is_refused(w: World, api: Api) -> None:
    later = (timezone.now() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for text in (later, "9999-12-31"):
        answer = api("pipeline").get(f"/api/v1/datasets?as_of={text}")
        assert answer.status_code == 400
        assert "future" in answer.json()["detail"]


def test_given_twice_or_where_it_means_nothing_it_is_refused(w: World, api: Api, signed_in: Api) -> None:
    assert api("pipeline").get(f"/api/v1/datasets?as_of={LONG_AGO}&as_of=2026-01-01").status_code == 400
    assert api("pipeline").get(f"/api/v1/datasets/1?as_of={LONG_AGO}&as_of=2026-01-01").status_code == 400
    answer = api("pipeline").post(f"/api/v1/datasets?as_of={LONG_AGO}", {"name": "x"}, format="json")
    assert answer.status_code == 400
    assert "about now" in answer.json()["errors"]["as_of"][0]
    version = Things(w, "").id("policies")
    assert signed_in("auditor").get(f"/api/v1/policies/{version}/yaml?as_of={LONG_AGO}").status_code == 400


def test_filters_ask_about_that_moment(w: World, api: Api, cast: Cast) -> None:
    pipeline = api("pipeline")
    before = moment().isoformat().replace("+", "%2B")
    harmless = dict.fromkeys(QUESTIONS, False)
    update_model(actor=cast.owner, reason="Asked", model=w.model, changes={"title": "Second", "risk_answers": harmless})

    def found(query: str) -> list[str]:
        return [one["name"] for one in pipeline.get(f"/api/v1/models?{query}").json()["results"]]

    assert found("risk_tier=high") == []
    assert found(f"risk_tier=high&as_of={before}") == ["scoring"]
    assert found("risk_tier=low") == ["scoring"]
    assert found(f"risk_tier=low&as_of={before}") == []
    assert found(f"name=scoring&as_of={before}") == ["scoring"]
    one = pipeline.get(f"/api/v1/models/{w.model.pk}?as_of={before}").json()
    assert (one["title"], one["risk_tier"]) == ("", "high")


def test_a_role_grant_is_shown_as_it_stood_and_filters_that_may_have_changed_are_refused(
    w: World, signed_in: Api, cast: Cast
) -> None:
    admin = signed_in("admin")
    grant = Things(w, "")._role_grants()
    before = moment().isoformat().replace("+", "%2B")
    end_grant(actor=cast.admin, grant=grant, reason="Over")
    assert admin.get(f"/api/v1/role-grants/{grant.pk}").json()["ended_at"] is not None
    then = admin.get(f"/api/v1/role-grants/{grant.pk}?as_of={before}").json()
    assert (then["ended_at"], then["namespace"]) == (None, "retail")
    refused = admin.get(f"/api/v1/principals?is_active=true&as_of={before}")
    assert refused.status_code == 400
    assert list(refused.json()["errors"]) == ["is_active"]
    assert admin.get(f"/api/v1/principals?kind=person&as_of={before}").status_code == 200


def test_who_may_read_is_judged_now_whatever_the_moment(w: World, signed_in: Api, cast: Cast) -> None:
    viewer = signed_in("viewer")
    before = moment().isoformat().replace("+", "%2B")
    address = f"/api/v1/datasets/{w.datasets['raw'].pk}?as_of={before}"
    assert viewer.get(address).status_code == 200
    for grant in RoleGrant.objects.filter(principal=cast.viewer):
        end_grant(actor=cast.admin, grant=grant, reason="Left")
    assert viewer.get(address).status_code == 404
    assert viewer.get(f"/api/v1/datasets?as_of={before}").json()["results"] == []
    assert signed_in("outsider").get(address).status_code == 404


def test_pages_of_the_past_go_on_where_they_ended(w: World, api: Api) -> None:
    pipeline = api("pipeline")
    now = moment().isoformat().replace("+", "%2B")
    first = pipeline.get(f"/api/v1/dataset-versions?limit=2&as_of={now}").json()
    w.retrain(2)
    second = pipeline.get(first["next"]).json()
    seen = [one["id"] for one in first["results"] + second["results"]]
    assert seen == sorted((v.pk for v in w.versions.values()), reverse=True)
    other = pipeline.get(first["next"].replace("as_of=", "as_of=2026-01-01&was="))
    assert other.status_code == 400


def test_the_schema_documents_as_of_on_every_list_and_record() -> None:
    from governance.api.docs import SchemaView

    generator: Any = SchemaView.generator_class()
    paths = generator.get_schema(public=True)["paths"]
    for name in GOVERNED:
        for path in (f"/api/v1/{name}", f"/api/v1/{name}/{{id}}"):
            names = [p["name"] for p in paths[path]["get"]["parameters"]]
            assert "as_of" in names, path
    assert "as_of" not in [p["name"] for p in paths["/api/v1/api-keys"]["get"]["parameters"]]
