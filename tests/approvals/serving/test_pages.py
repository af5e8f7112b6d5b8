"""The serving page and its acts, as the people of the cast see them."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.promotions import end_promotion
from approvals.models import LiveSlot, PromotionEnd, ServingNotice
from approvals.models.serving import CHAIN_READ_BY
from governance.history.masking import as_read_by
from tests.approvals.serving.scenes import (
    KEEP,
    LAST_GOOD,
    TWO_DAYS,
    before_and_live,
    go_live,
    live,
    only_notice,
    policy,
    withdraw,
)
from tests.approvals.world import WHY, World

Api = Any
REASON = {"reason": "Seen and decided"}


def said(answer: Any) -> str:
    """The page's words."""
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def test_what_may_serve_says_so(w: World, signed_in: Api) -> None:
    policy(w, {})
    promotion = go_live(w)
    page = signed_in("risk").get(f"/promotions/{promotion.pk}")
    assert page.status_code == 200
    assert "It may serve" in said(page)
    assert "Nothing that it rests on has changed" in said(page)
    assert "Suspend" in said(page)
    assert "Suspend" not in said(signed_in("viewer").get(f"/promotions/{promotion.pk}"))


def test_a_notice_says_until_when_who_can_confirm_what_happens_else_and_by_which_way(w: World, signed_in: Api) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    before, promotion = before_and_live(w)
    withdraw(w)
    risk = signed_in("risk")
    with CaptureQueriesContext(connection) as queries:
        page = risk.get(f"/promotions/{promotion.pk}")
    assert len(queries) < 15, [q["sql"] for q in queries]
    words = said(page)
    assert "It may serve until" in words
    assert "Rita Risk, Rolf Risk" in words
    number = before.release.model_version.number
    assert f"version {number}, the last good one, serves instead" in words
    assert page.content.decode().count('<g class="node') == 9
    assert re.findall(r'<th scope="row">(\d+)</th>', page.content.decode()) == list("123456789")
    assert "Confirm that it keeps serving" in words
    assert "Confirm that it keeps serving" not in said(signed_in("steward").get(f"/promotions/{promotion.pk}"))


def test_one_confirms_on_a_page_that_says_what_it_means(w: World, signed_in: Api) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    notice, risk = only_notice(promotion), signed_in("risk")
    form = risk.get(f"/serving-notices/{notice.pk}/confirm")
    assert "keeps serving in production although this changed: terms withdrawn" in said(form)
    empty = risk.post(f"/serving-notices/{notice.pk}/confirm", {"reason": " "})
    assert (empty.status_code, ServingNotice.objects.filter(end__isnull=True).count()) == (400, 1)
    done = risk.post(f"/serving-notices/{notice.pk}/confirm", REASON, follow=True)
    assert "Confirmed to keep serving: Rita Risk" in said(done)
    assert "Nothing that it rests on has changed" not in said(done)
    again = risk.post(f"/serving-notices/{notice.pk}/confirm", REASON)
    assert (again.status_code, "This notice has ended" in said(again)) == (409, True)


def test_clearing_what_still_stands_is_refused_on_the_page(w: World, signed_in: Api) -> None:
    policy(w, {"terms_withdrawn": KEEP})
    promotion = go_live(w)
    withdraw(w)
    answer = signed_in("steward").post(f"/serving-notices/{only_notice(promotion).pk}/clear", REASON)
    assert (answer.status_code, "is still so" in said(answer)) == (409, True)


def test_a_rollback_names_what_will_serve(w: World, signed_in: Api) -> None:
    policy(w, {})
    before, promotion = before_and_live(w)
    number = before.release.model_version.number
    owner = signed_in("owner")
    assert f"Version {number} serves in production again at once" in said(
        owner.get(f"/promotions/{promotion.pk}/rollback")
    )
    done = owner.post(f"/promotions/{promotion.pk}/rollback", REASON, follow=True)
    assert "It may serve" in said(done)
    back = live(w)
    assert back is not None
    assert done.redirect_chain == [(f"/promotions/{back.pk}", 302)]


def test_with_nothing_to_go_back_to_the_page_says_so_and_refuses(w: World, signed_in: Api) -> None:
    policy(w, {})
    promotion = go_live(w)
    owner = signed_in("owner")
    assert "no earlier version of this slot may serve" in said(owner.get(f"/promotions/{promotion.pk}/rollback"))
    assert owner.post(f"/promotions/{promotion.pk}/rollback", REASON).status_code == 409


def test_a_fallback_shows_what_it_is_and_what_ended(w: World, signed_in: Api) -> None:
    policy(w, {"terms_withdrawn": LAST_GOOD})
    _before, promotion = before_and_live(w)
    withdraw(w)
    ended = said(signed_in("auditor").get(f"/promotions/{promotion.pk}"))
    assert "It serves no more: suspended" in ended
    assert "serves instead." in ended
    fallback = live(w)
    assert fallback is not None
    assert "fallback, as the policy says" in said(signed_in("auditor").get(f"/promotions/{fallback.pk}"))


def test_suspending_lifting_and_retiring(w: World, signed_in: Api) -> None:
    policy(w, {})
    promotion = go_live(w)
    risk = signed_in("risk")
    assert "stops serving in production at once" in said(risk.get(f"/promotions/{promotion.pk}/suspend"))
    assert "It serves no more: suspended" in said(risk.post(f"/promotions/{promotion.pk}/suspend", REASON, follow=True))
    lifted = signed_in("compliance").post(f"/promotions/{promotion.pk}/reinstate", REASON, follow=True)
    assert "reinstatement after a suspension" in said(lifted)
    back = live(w)
    assert back is not None
    assert "It serves no more: retired" in said(
        signed_in("owner").post(f"/promotions/{back.pk}/retire", REASON, follow=True)
    )


def test_a_recall_says_how_far_it_reaches(w: World, signed_in: Api) -> None:
    policy(w, {})
    promotion = go_live(w)
    risk = signed_in("risk")
    assert "1 live promotion of this artifact ends at once, in every namespace" in said(
        risk.get(f"/promotions/{promotion.pk}/recall")
    )
    assert "It serves no more: recalled" in said(risk.post(f"/promotions/{promotion.pk}/recall", REASON, follow=True))
    assert not LiveSlot.objects.exists()


def test_a_lifting_that_may_not_serve_says_why(w: World, signed_in: Api) -> None:
    policy(w, {"terms_withdrawn": KEEP})
    promotion = go_live(w)
    end_promotion(actor=w.cast.risk2, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    withdraw(w)
    answer = signed_in("risk").post(f"/promotions/{promotion.pk}/reinstate", REASON)
    assert answer.status_code == 409
    assert "The terms of dataset source (number 1) were withdrawn" in said(answer)


@pytest.mark.parametrize("page", ["/", "/models/{model}"])
def test_overview_and_model_page_mark_what_changed(w: World, signed_in: Api, page: str) -> None:
    policy(w, {"terms_withdrawn": KEEP})
    promotion = go_live(w)
    address = page.format(model=w.model.pk)
    assert "Something changed" not in said(signed_in("risk").get(address))
    withdraw(w)
    answer = signed_in("risk").get(address)
    assert "Something changed" in said(answer)
    assert f'href="/promotions/{promotion.pk}"' in answer.content.decode()


def test_what_lies_in_another_namespace_has_no_name_here(w: World, signed_in: Api) -> None:
    """The chain passes through data of a namespace that the reader may not read."""
    policy(w, {"terms_withdrawn": KEEP})
    promotion = go_live(w)
    withdraw(w)
    (shown,) = as_read_by(w.cast.outsider, CHAIN_READ_BY, [only_notice(promotion).chain])
    assert {node["name"] for node in shown} == {""}
    assert all(node["id"] is None and node["page"] is None for node in shown)


def test_what_has_not_ended_has_nothing_to_lift(w: World, signed_in: Api) -> None:
    policy(w, {})
    page = signed_in("risk").get(f"/promotions/{go_live(w).pk}/reinstate")
    assert page.status_code == 200
    assert "It has not ended: nothing is to be lifted." in said(page)
