"""The lineage page: what lies around a record, what is live, what reaches it; the table says what the drawing says."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.approvals.gate.test_travel import HOPS, column, raised
from tests.approvals.serving import scenes
from tests.approvals.world import World
from tests.lineage.atlas import weave

SignedIn = Callable[[str], Any]


def page(client: Any, address: str, most: int = 14) -> str:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200
    assert len(asked) <= most, [q["sql"][:120] for q in asked]
    return str(answer.content.decode())


def test_it_opens_on_data_runs_and_models_and_says_what_stands(w: World, signed_in: SignedIn) -> None:
    scenes.policy(w, {})
    scenes.go_live(w)
    raised(w)
    for hop in HOPS:
        column(w, *hop, masking=True)
    client = signed_in("viewer")
    text = page(client, f"/dataset-versions/{w.versions['features'].pk}/lineage?up=10")
    assert "above it" in text and "1 of them a source" in text
    assert "source 1.diagnosis" in text and "raw 1.code (masked, its producer says)" in text and "No: blocks" in text
    boxes, table = text.count('class="box box--'), text.count('<th scope="row">')
    assert boxes == 8 and table >= boxes - 1, "all but the record itself stand in the table"
    assert f'href="/runs/{w.runs["raw"].pk}/lineage#here"' in text
    for address, said in (
        (f"/runs/{w.runs['raw'].pk}/lineage", "Lineage of a run"),
        (f"/model-versions/{w.version.pk}/lineage", "Lineage of a model version"),
    ):
        told = page(client, address)
        assert (
            said in told and "champion" in told and "style=" not in told and "<script" not in told.split("</main>")[0]
        )
    for from_page in (f"/datasets/{w.datasets['raw'].pk}", f"/model-versions/{w.version.pk}"):
        assert "/lineage#here" in client.get(from_page).content.decode()


def test_of_others_it_draws_a_box_without_a_name(w: World, signed_in: SignedIn) -> None:
    assert signed_in("outsider").get(f"/dataset-versions/{w.versions['raw'].pk}/lineage").status_code == 404


@pytest.mark.parametrize("query", ["up=x&down=-1", "up=99", "up=٣", "up=1e3", "up=&down=", "up=0&down=0"])
def test_an_odd_distance_is_the_usual_one(w: World, signed_in: SignedIn, query: str) -> None:
    assert "<svg" in page(signed_in("viewer"), f"/dataset-versions/{w.versions['raw'].pk}/lineage?{query}")


def test_five_hundred_are_drawn_in_as_many_queries_as_five(w: World, signed_in: SignedIn) -> None:
    woven = weave(w.cast, [60, 90, 90, 20, 1], reads=6)
    text = page(signed_in("viewer"), f"/dataset-versions/{woven[-1][0].pk}/lineage?up=10")
    assert text.count('class="box box--') > 120
    tops = [float(y) for y in re.findall(r'class="face" x="[\d.]+" y="([\d.-]+)"', text)]
    assert min(tops) >= 0
