"""The page of vocabularies: terms of the house are taken out of use there, and back into it."""

from collections.abc import Callable
from typing import Any

from lineage.models import VocabularyTerm
from tests.approvals.world import WHY
from tests.cast import Cast
from tests.lineage.test_vocabularies import add


def test_a_policy_owner_retires_a_term_and_takes_it_back(cast: Cast, signed_in: Callable[[str], Any]) -> None:
    term, client = add(cast), signed_in("policy2")
    assert "Retire the term" in client.get("/vocabularies").content.decode()
    shown = client.post(f"/vocabularies/{term.pk}/retire", {**WHY, "retired": "yes"}, follow=True).content.decode()
    assert "what bears it keeps it" in shown and "Take it back into use" in shown
    term.refresh_from_db()
    assert term.retired
    client.post(f"/vocabularies/{term.pk}/retire", {**WHY, "retired": "no"})
    term.refresh_from_db()
    assert not term.retired


def test_without_a_reason_nothing_happens_and_the_page_says_so(cast: Cast, signed_in: Callable[[str], Any]) -> None:
    term = add(cast)
    answer = signed_in("policy2").post(f"/vocabularies/{term.pk}/retire", {"reason": " ", "retired": "yes"})
    assert answer.status_code == 400 and "Give a reason" in answer.content.decode()
    assert not VocabularyTerm.objects.get(pk=term.pk).retired


def test_who_reads_sees_the_terms_of_the_house_and_no_button(cast: Cast, signed_in: Callable[[str], Any]) -> None:
    term = add(cast)
    shown = signed_in("viewer").get("/vocabularies").content.decode()
    assert term.term in shown and "Retire the term" not in shown
    assert signed_in("policy2").post("/vocabularies/999999/retire", {**WHY, "retired": "yes"}).status_code == 404
