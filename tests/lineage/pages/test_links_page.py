"""The page of a run's links: what stands, what was voided by whom, and the form that corrects it."""

from collections.abc import Callable
from typing import Any

import pytest

from lineage.models import LinkCorrection, RunInput
from tests.approvals.world import WHY, World, world
from tests.cast import Cast

Signed = Callable[[str], Any]


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def test_a_steward_voids_a_link_and_restores_it_on_the_page_of_its_run(w: World, signed_in: Signed) -> None:
    link = w.runs["raw"].inputs.get()
    page, client = f"/runs/{link.run_id}/links", signed_in("steward")
    assert page in client.get(f"/runs/{link.run_id}/lineage").content.decode()
    shown = client.get(page).content.decode()
    assert "source 1" in shown and "Void the link" in shown
    told = {"link": f"input-{link.pk}", "kind": "void", **WHY}
    shown = client.post(page, told, follow=True).content.decode()
    assert "Restore the link" in shown and WHY["reason"] in shown and w.cast.steward.display_name in shown
    assert client.post(page, told).status_code == 409, "a second click restores nothing"
    client.post(page, {**told, "kind": "restore"})
    assert list(LinkCorrection.objects.order_by("pk").values_list("kind", flat=True)) == ["void", "restore"]


@pytest.mark.parametrize(
    ("told", "status"),
    [({"reason": ""}, 400), ({"link": "input-999999"}, 400), ({"link": "output"}, 400), ({"link": "input-9e9\u0661"}, 400),
     ({"kind": "delete"}, 409), ({"kind": "restore"}, 409)],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_sentence(
    w: World, signed_in: Signed, told: dict[str, str], status: int
) -> None:
    link = w.runs["raw"].inputs.get()
    answer = signed_in("steward").post(
        f"/runs/{link.run_id}/links", {"link": f"input-{link.pk}", "kind": "void", **WHY, **told}
    )
    assert answer.status_code == status
    assert 'role="alert"' in answer.content.decode()
    assert not LinkCorrection.objects.exists()


def test_a_link_of_another_run_is_none_of_this_page(w: World, signed_in: Signed) -> None:
    other = RunInput.objects.exclude(run=w.runs["raw"]).first()
    assert other is not None
    told = {"link": f"input-{other.pk}", "kind": "void", **WHY}
    assert signed_in("steward").post(f"/runs/{w.runs['raw'].pk}/links", told).status_code == 400


def test_a_reader_sees_the_links_and_no_form(w: World, signed_in: Signed) -> None:
    shown = signed_in("viewer").get(f"/runs/{w.runs['raw'].pk}/links").content.decode()
    assert "source 1" in shown and "Void the link" not in shown
