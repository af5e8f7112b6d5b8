"""A71: names, ids, counts and even existence of what is not theirs stay unknown to everyone, at every address."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from approvals.models import Environment
from governance.accounts.models import RoleGrant
from governance.api.listing import parameters_of
from governance.history.models import governed_models
from lineage.models import Dataset
from tests.cast import EVERYWHERE, KEYS, PERSONS
from tests.test_isolation_walk.places import ASKED, Place, act_of, places, record_of, records_of
from tests.test_isolation_walk.scene import IDS, MARKS, OTHERS, OWN, SECRET, Scene
from tests.test_isolation_walk.walkers import NOBODY, OF_ELSEWHERE, OF_RETAIL

UNKNOWN = 6_543_210_987
#: Who reads the text of a conflict in retail: who declared it, and whose roles oversee.
OVERSEERS = ("business", "compliance", "warden")
#: Filters by what the scene does not hold, because it takes a record of another kind of subject or none is needed.
EMPTY = {
    "api/v1/plans?dataset", "api/v1/evidence?dataset_version", "api/v1/evidence?promotion", "api/v1/findings?dataset",
    "api/v1/findings?model_version", "api/v1/findings?promotion", "api/v1/policies?slot",
    "api/v1/reported-facts?dataset_version",
}  # fmt: skip
SLACK = 1  # queries by which an answer about another's record may differ from one about no record


def forbidden(scene: Scene, side: str) -> Pattern:
    """What nobody of another namespace reads: its marks, its ids, its people."""
    people = [display for name, (display, _role) in (PERSONS | OWN).items() if name not in EVERYWHERE]
    if side == "elsewhere":
        people = ["Otto Outsider", *(display for display, _role in OTHERS.values())]
    upstream = scene.upstream if side == "elsewhere" else set()
    return Pattern(MARKS[side], (*people, SECRET), re.compile(rf"\b{IDS[side]}\b"), upstream)


@dataclass(frozen=True)
class Pattern:
    """What to look for, and which finds are none. In whatever case it is written; a word with a mark in it is found whole.

    Looked for one by one, in small letters: as one regular expression of all it took half of the walk's time.
    """

    mark: str
    words: tuple[str, ...]
    id: re.Pattern[str]
    known: set[str]

    def find(self, answer: Any, told: str = "") -> list[str]:
        """What an answer gives away in its body and headers, apart from what the question itself said."""
        text = answer.content.decode(errors="replace") if not answer.streaming else b"".join(answer).decode()
        # the address that a sign-in leads back to stands in another address: as it was asked, not as it is quoted
        text += "\n".join(f"{name}: {unquote(unquote(value))}" for name, value in answer.headers.items())
        text, told = text.lower(), told.lower()
        known = {one.lower() for one in self.known}
        found = {
            text[max(0, start - 60) : end + 20]
            for start, end in self.spans(text)
            if text[start:end] not in told and text[start:end] not in known
        }
        return sorted(found)[:3]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where something of it stands in a text of small letters: from and to."""
        for word in self.words:
            yield from ((at, at + len(word)) for at in places_of(word.lower(), text))
        for at in places_of(self.mark, text):
            end = at + len(self.mark)
            before, after = re.search(r"\w*\Z", text[max(0, at - 200) : at]), re.match(r"\w*", text[end : end + 200])
            assert before and after  # of any length, none too
            yield at - len(before[0]), end + len(after[0])
        yield from (m.span() for m in self.id.finditer(text))


def places_of(word: str, text: str) -> Iterator[int]:
    """Where a word begins in a text."""
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def bare(answer: Any, *said: Any) -> str:
    """An answer without what differs by request: what was asked, its reference, its form's secret."""
    text = answer.content.decode(errors="replace")
    for one in map(str, said):
        if len(one) > 6 or not one.isdigit():  # a short number stands for many things
            text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", "…", text)
    text = re.sub(r"urn:uuid:[0-9a-f-]+", "", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


def sent_on_alike(theirs: Any, unknown: Any, address: str, other: str) -> bool:
    """Whether both are led to the same address, to sign in or to one that will tell, whatever is there."""
    if theirs.status_code != 302 or unknown.status_code != 302:
        return False
    return unquote(theirs["Location"]).replace(address, "…") == unquote(unknown["Location"]).replace(other, "…")


def heard(client: Any, address: str) -> None:
    """Have the admin say what the answer before left to be said: it would stand in the next one."""
    if address.startswith("/admin/"):
        client.get("/admin/")


def listed(found: list[tuple[str, str, str]]) -> str:
    """What was found, by address, with who found it."""
    by: dict[tuple[str, str], list[str]] = {}
    for who, address, leak in found:
        by.setdefault((address, leak), []).append(who)
    return "\n".join(f"{address} | {leak!r} | {', '.join(dict.fromkeys(who))}" for (address, leak), who in by.items())


def questions(place: Place, scene: Scene, world: Any) -> list[str]:
    if place.route == "api/v1/history":
        return [f"table={model._meta.db_table}" for model in governed_models()]
    if place.route in ASKED:
        return list(ASKED[place.route](scene, world))
    return [""]


def walked(seeded: Scene, doors: dict[str, Any], side: str, own: str, walkers: tuple[str, ...]) -> list[Any]:
    """What the lists, pages and documents give away to these walkers."""
    pattern, found = forbidden(seeded, side), []
    for place in places():
        if place.has_id:
            continue
        asked = [(side, q) for q in questions(place, seeded, getattr(seeded, side))]
        asked += [(own, q) for q in questions(place, seeded, getattr(seeded, own)) if q]
        for who in ("inspector",) if place.route.startswith("admin/") and walkers == ("outsider",) else walkers:
            for about, question in dict.fromkeys(asked):
                answer = doors[who].get(f"/{place.route}?{question}")
                assert answer.status_code < 500, (who, place.route, question)
                told = question if about == side else ""
                if own == "retail" and who in OVERSEERS:
                    told += SECRET  # theirs to read where it is their own
                found += [(who, f"{place.route}?{question}", leak) for leak in pattern.find(answer, told)]
    return found


@pytest.mark.parametrize(
    ("side", "own", "walkers"),
    [("retail", "elsewhere", ("outsider",)), pytest.param("elsewhere", "retail", ("viewer",), marks=pytest.mark.soak)],
)
def test_no_list_page_or_document_shows_what_is_not_theirs(
    seeded: Scene, doors: dict[str, Any], side: str, own: str, walkers: tuple[str, ...]
) -> None:
    found = walked(seeded, doors, side, own, walkers)
    assert not found, listed(found)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("side", "own", "walkers"),
    [("retail", "elsewhere", (*OF_ELSEWHERE, *NOBODY)), ("elsewhere", "retail", (*OF_RETAIL, *NOBODY))],
)
def test_nor_to_anyone_else_of_the_cast(
    seeded: Scene, doors: dict[str, Any], side: str, own: str, walkers: tuple[str, ...]
) -> None:
    found = walked(seeded, doors, side, own, walkers)
    assert not found, listed(found)


#: The whole cast and every kind of the admin's pages in `make soak`; those whose rights differ in `make test`.
DEEP = [
    pytest.param("retail", (*OF_ELSEWHERE, *NOBODY), True, marks=pytest.mark.soak),
    pytest.param("elsewhere", (*OF_RETAIL, *NOBODY), True, marks=pytest.mark.soak),
]


@pytest.mark.parametrize(
    ("side", "walkers", "deep"), [("retail", ("outsider",), False), ("elsewhere", ("risk",), False), *DEEP]
)
def test_another_namespaces_record_is_told_as_an_unknown_one(
    seeded: Scene, doors: dict[str, Any], side: str, walkers: tuple[str, ...], deep: bool
) -> None:
    pattern, found, unplaced = forbidden(seeded, side), [], []
    for place in places():
        if not place.has_id or (place.route.startswith("admin/") and side == "elsewhere"):
            continue  # the admin is for oversight, and the cast's is everywhere
        if place.route.startswith("admin/") and not (deep or place.route.endswith(("change/", "object_id>/history/"))):
            continue
        model = place.model
        if model is None:
            unplaced.append(place.route)
            continue
        id: Any = record_of(seeded, model, side)
        unknown_id: Any = UNKNOWN
        if place.of_act and id is not None:
            id, unknown_id = act_of(id), uuid.uuid4()
        for who in ("inspector",) if place.route.startswith("admin/") else walkers:
            theirs, count = counted(doors[who], place.to(id or 1))
            found += [(who, place.to(id or 1), leak) for leak in pattern.find(theirs, place.to(id or 1))]
            if id is None:
                continue  # of no namespace: whoever is signed in may read it
            unknown, expected = counted(doors[who], place.to(unknown_id))
            same = bare(theirs, place.to(id), id) == bare(unknown, place.to(unknown_id), unknown_id)
            if sent_on_alike(theirs, unknown, place.to(id), place.to(unknown_id)):
                continue
            if theirs.status_code != unknown.status_code or not same or theirs.status_code == 200:
                found.append((who, place.to(id), f"{theirs.status_code}, an unknown one {unknown.status_code}"))
            elif abs(count - expected) > SLACK:
                found.append((who, place.to(id), f"{count} queries, an unknown one {expected}"))
    assert not unplaced, f"Say in places.py whose id these hold: {unplaced}"
    assert not found, listed(found)


def test_the_admin_has_no_door_that_tells_what_exists(seeded: Scene, doors: dict[str, Any]) -> None:
    kind, record = ContentType.objects.get_for_model(Dataset).pk, seeded.retail.datasets["raw"].pk
    doors["inspector"].get("/admin/")  # what earlier answers left to be said
    theirs, unknown = (doors["inspector"].get(f"/admin/r/{kind}/{id}/") for id in (record, UNKNOWN))
    assert theirs.status_code == unknown.status_code == 404
    assert bare(theirs, record) == bare(unknown, UNKNOWN)


@pytest.mark.parametrize(
    ("own", "side", "who", "overseer"),
    [("retail", "elsewhere", "viewer", "warden"), ("elsewhere", "retail", "reader", "inspector")],
)
def test_ones_own_records_name_nothing_of_another_namespace(
    seeded: Scene, doors: dict[str, Any], own: str, side: str, who: str, overseer: str
) -> None:
    """Where one's own rest on another's (data upstream, what was answered for it, what made a vote stale)."""
    pattern, found, seen = forbidden(seeded, side), [], 0
    pattern = replace(pattern, known={*pattern.known, SECRET})  # theirs to oversee, where it is their own
    for place in places():
        model = place.model if place.has_id else None
        for id in records_of(seeded, model, own) if model is not None else ():
            address = place.to(act_of(id) if place.of_act else id)
            answer = doors[overseer if place.route.startswith("admin/") else who].get(address)
            assert answer.status_code < 500, address
            seen += answer.status_code == 200
            found += [(who, address, leak) for leak in pattern.find(answer)]
    assert not found, listed(found)
    assert seen > 150


def counted(client: Any, address: str) -> tuple[Any, int]:
    """An answer, and what it cost."""
    heard(client, address)
    connection.queries_log.clear()  # it holds so many, and warns
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code < 500, address
    return answer, len(queries)


@pytest.mark.parametrize(
    ("side", "walkers", "deep"),
    [("retail", ("local_admin",), False), pytest.param("elsewhere", ("risk",), False, marks=pytest.mark.soak), *DEEP],
)
def test_no_act_tells_another_namespaces_record_from_an_unknown_one(
    seeded: Scene, doors: dict[str, Any], side: str, walkers: tuple[str, ...], deep: bool
) -> None:
    pattern, found = forbidden(seeded, side), []
    for place in places():
        model = place.model if place.has_id else None
        id = record_of(seeded, model, side) if model is not None else None
        if id is None or (place.route.startswith("admin/") and not deep):
            continue
        for who in walkers:
            answers = []
            for one in (id, UNKNOWN):
                heard(doors[who], place.to(one))
                body: dict[str, Any] = {"reason": "A try"}
                if place.route.startswith("api/"):
                    json = {"format": "json"} if who in KEYS else {"content_type": "application/json"}
                    answers.append(doors[who].post(place.to(one), body, **json))
                else:
                    answers.append(doors[who].post(place.to(one), body))
            theirs, unknown = answers
            found += [(who, place.to(id), leak) for leak in pattern.find(theirs, place.to(id))]
            same = bare(theirs, place.to(id), id) == bare(unknown, place.to(UNKNOWN), UNKNOWN)
            if sent_on_alike(theirs, unknown, place.to(id), place.to(UNKNOWN)):
                continue
            if theirs.status_code != unknown.status_code or not same or theirs.status_code < 400:
                found.append((who, place.to(id), f"{theirs.status_code}, an unknown one {unknown.status_code}"))
    assert not found, listed(found)


@pytest.mark.parametrize(
    ("side", "own", "who"),
    [
        ("retail", "elsewhere", "outsider_pipeline"),
        pytest.param("elsewhere", "retail", "pipeline", marks=pytest.mark.soak),
    ],
)
def test_no_filter_tells_what_is_there(seeded: Scene, doors: dict[str, Any], side: str, own: str, who: str) -> None:
    pattern, found, unplaced = forbidden(seeded, side), [], []
    everyones = set(Environment.objects.values_list("name", flat=True))
    held_everywhere = RoleGrant.objects.filter(namespace__isnull=True).values_list("principal", flat=True)
    everyones |= {str(principal) for principal in held_everywhere}
    for place in places():
        if place.viewset is None or place.action != "list":
            continue
        for name, field in parameters_of(place.viewset)().fields.items():
            if name in ("ordering", "fields"):
                continue
            lookup = place.viewset.search_fields[0] if name == "search" else field.source or name
            value = value_of(seeded, place.viewset.model, lookup, side)
            if value is None and isinstance(field, serializers.BooleanField | serializers.ChoiceField):
                value = str(next(iter(getattr(field, "choices", ["true"]))))
            if value is None:
                of_a_namespace = record_of(seeded, place.viewset.model, side) is not None
                if side == "retail" and of_a_namespace and f"{place.route}?{name}" not in EMPTY:
                    unplaced.append(f"{place.route}?{name}")
                continue
            question = f"/{place.route}?{urlencode({name: value})}"
            theirs = doors[who].get(question)
            found += [(who, question, leak) for leak in pattern.find(theirs, value)]
            if isinstance(field, serializers.ChoiceField | serializers.BooleanField | serializers.DateTimeField):
                continue
            if value in everyones or value == value_of(seeded, place.viewset.model, lookup, own):
                continue  # their own records hold it too
            other = UNKNOWN if value.isdigit() else "mun_none_xxx" if value.startswith("mun_") else "no-such-thing"
            unknown = doors[who].get(f"/{place.route}?{name}={other}")
            if bare(theirs, value) != bare(unknown, other):
                found.append(
                    (who, question, f"{bare(theirs, value)[:90]}, of an unknown value {bare(unknown, other)[:90]}")
                )
    assert not unplaced, f"The scene has nothing to try these filters with: {unplaced}"
    assert not found, listed(found)


def value_of(scene: Scene, model: type[Model], lookup: str, side: str) -> str | None:
    """What one of a namespace's records holds where a filter looks; None: nothing."""
    if lookup.endswith("__isnull"):
        return "true"
    if lookup.startswith("recorded_at__"):
        return "2026-01-01T00:00:00Z"
    id = record_of(scene, model, side)
    rows = model._default_manager.all()
    path = getattr(model, "namespace_path", "")
    if path:
        rows = rows.filter(**{path: getattr(scene.cast, side).pk})
    elif id is not None:
        rows = rows.filter(pk=id)
    try:
        for value in rows.order_by("pk").values_list(lookup, flat=True):
            if value not in (None, ""):
                return str(value).lower() if isinstance(value, bool) else str(value)
    except FieldError:  # asked of the answer, not of a column
        return None
    return None


def test_pages_of_a_list_end_where_ones_own_records_end(seeded: Scene, doors: dict[str, Any]) -> None:
    for collection, model in (("datasets", "source"), ("models", "model")):
        seen, address = [], f"/api/v1/{collection}?limit=1"
        while address:
            answer = doors["outsider_pipeline"].get(address).json()
            seen += [one["namespace"] for one in answer["results"]]
            assert len(answer["results"]) == 1, (model, answer)
            address = answer["next"]
        assert set(seen) == {"elsewhere"}


def test_the_walk_finds_what_is_there(seeded: Scene, doors: dict[str, Any]) -> None:
    """Marks, ids and people are found by those who may read them: else the walk would pass on an empty scene."""
    for side, who in (("retail", "viewer"), ("elsewhere", "reader")):
        pattern = forbidden(seeded, side)
        for place in places():
            if place.viewset is None or place.has_id or place.action != "list":
                continue
            id = record_of(seeded, place.viewset.model, side)
            if id is None or not place.viewset.model.__name__.startswith(("Dataset", "Model", "Run", "Collection")):
                continue
            assert pattern.find(doors[who].get(f"/{place.route}")), (who, place.route)
