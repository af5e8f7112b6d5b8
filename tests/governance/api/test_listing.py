"""What every list takes: recorded when and by whom, a search, an order, and which fields to show."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict

from governance.accounts.api.views import NamespaceViewSet
from governance.api.views import RecordViewSet
from lineage.actions import register_dataset
from lineage.models import Dataset
from tests.cast import Cast
from tests.governance.api.test_doors import check_problem

Api = Callable[[str], Any]
LIST = "/api/v1/datasets"
NAMES = ["cards", "loans", "accounts", "Loans-old", "100%"]


@pytest.fixture
def made(cast: Cast) -> list[Dataset]:
    """Five datasets, in this order."""
    return [
        register_dataset(
            actor=cast.owner if name == "cards" else cast.pipeline, reason="Listed", namespace=cast.retail,
            name=name.replace("%", "-percent"), title=name,
        ).record
        for name in NAMES
    ]  # fmt: skip


def titles(api: Api, **query: Any) -> list[str]:
    """The titles of a list, in its order."""
    answer = api("pipeline").get(LIST, query)
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["results"]]


def test_a_list_is_ordered_as_asked_over_all_its_pages(api: Api, made: list[Dataset]) -> None:
    by_name = sorted(NAMES, key=lambda name: Dataset.objects.filter(name__lte=name.replace("%", "-percent")).count())
    for ordering, expected in (
        ("name", by_name), ("-name", by_name[::-1]), ("id", NAMES), ("-id", NAMES[::-1]),
        ("recorded_at", NAMES), ("-recorded_at", NAMES[::-1]),
    ):  # fmt: skip
        found, address = [], f"{LIST}?ordering={ordering}&limit=2"
        while address:
            page = api("pipeline").get(address).json()
            found += [row["title"] for row in page["results"]]
            address = page["next"]
        assert found == expected, ordering


def test_a_cursor_belongs_to_its_order(api: Api, made: list[Dataset]) -> None:
    following = api("pipeline").get(f"{LIST}?ordering=name&limit=2").json()["next"]
    check_problem(api("pipeline").get(following.replace("ordering=name", "ordering=-name")), 404, "not-found", "cursor")


def test_an_order_without_an_index_is_not_offered(api: Api, made: list[Dataset]) -> None:
    for ordering in ("title", "--id", "id,name", "recorded_by__password"):
        check_problem(api("pipeline").get(LIST, {"ordering": ordering}), 400, "invalid", "ordering")


def every_collection() -> list[type[RecordViewSet]]:
    """All collections of the product."""
    from django.urls import get_resolver

    from tests.test_permissions import routes

    get_resolver()
    assert list(routes())

    def below(cls: type[RecordViewSet]) -> list[type[RecordViewSet]]:
        return [found for sub in cls.__subclasses__() for found in (sub, *below(sub))]

    return [found for found in below(RecordViewSet) if found.collection and "model" in found.__dict__]


def test_each_order_on_offer_is_indexed_with_the_id_and_never_null() -> None:
    collections = every_collection()
    assert NamespaceViewSet in collections
    for view in collections:
        meta = view.model._meta
        indexed = {tuple(index.fields) for index in meta.indexes}
        for name in view.orderings:
            assert name == "id" or (name, "id") in indexed, f"{view.collection}: {name}"
            assert not meta.get_field(name).null, f"{view.collection}: {name}"


def test_a_parameter_without_a_value_is_refused_lest_a_lost_variable_show_everything(
    api: Api, made: list[Dataset]
) -> None:
    for name in ("recorded_by", "name", "recorded_after", "ordering", "search"):
        check_problem(api("pipeline").get(LIST, {name: ""}), 400, "invalid", name)


def test_a_search_finds_parts_in_either_case_and_reads_no_patterns(api: Api, made: list[Dataset]) -> None:
    assert titles(api, search="LOANS") == ["Loans-old", "loans"]
    assert titles(api, search="0%") == ["100%"]
    assert titles(api, search="_") == []
    check_problem(api("pipeline").get(LIST, {"search": "x" * 201}), 400, "invalid", "search")


def test_lists_are_narrowed_by_when_and_by_whom_recorded(api: Api, cast: Cast, made: list[Dataset]) -> None:
    middle = made[2].recorded_at.isoformat()
    assert titles(api, recorded_after=middle) == NAMES[:1:-1]
    assert titles(api, recorded_before=middle) == NAMES[1::-1]
    assert titles(api, recorded_by=cast.owner.pk) == ["cards"]
    for name, value in (("recorded_after", "yesterday"), ("recorded_by", "0"), ("recorded_by", "x")):
        check_problem(api("pipeline").get(LIST, {name: value}), 400, "invalid", name)


def test_only_the_fields_asked_for_are_shown(api: Api, made: list[Dataset]) -> None:
    page = api("pipeline").get(LIST, {"fields": "title,id"}).json()
    assert [set(row) for row in page["results"]] == [{"id", "title"}] * len(NAMES)
    one = api("pipeline").get(f"{LIST}/{made[0].pk}", {"fields": "name"})
    assert one.json() == {"name": "cards"}
    for fields in ("password", "id,", "id, name", "namespace__name"):
        refused = api("pipeline").get(LIST, {"fields": fields})
        assert "title" in check_problem(refused, 400, "invalid", "fields")["errors"]["fields"][0]
        check_problem(api("pipeline").get(f"{LIST}/{made[0].pk}", {"fields": fields}), 400, "invalid", "fields")


def test_a_yes_or_no_that_is_left_out_narrows_nothing() -> None:
    from approvals.api.serving import ServingNoticeFilters

    for query, expected in (
        ("", {}),
        ("standing=true", {"end__isnull": True}),
        ("standing=false", {"end__isnull": False}),
    ):
        filters = ServingNoticeFilters(data=QueryDict(query))
        assert filters.is_valid()
        assert filters.validated_data == expected
