"""The steward's pages: terms in full with what they changed, new ones, their withdrawal; vocabularies."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lineage import actions
from lineage.models import CollectionTerms, TermsWithdrawal, VocabularyTerm
from tests.approvals.world import WHY, World, dataset, derive, give_terms

Browser = Callable[[str], Any]
NEW = {"reason": "Agreed anew", "licence": "CC-BY-4.0", "permitted_purposes": ["dpv:CreditChecking", ""]}


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:500]
    return " ".join(answer.content.decode().split())


def test_terms_are_shown_in_full_with_what_they_changed(w: World, signed_in: Browser) -> None:
    second = give_terms(w.cast, w.datasets["raw"], permitted_purposes=["dpv:Marketing"], permitted_geographies=[])
    page = text_of(signed_in("viewer").get(f"/terms/{second.pk}"))
    assert "Terms 2 of raw" in page
    assert "<del>dpv:CreditChecking</del>" in page and "<ins>dpv:Marketing</ins>" in page
    assert "Permits less" in page, "one purpose went"
    assert "Withdraw them" not in page, "a viewer withdraws nothing"
    assert "Withdraw them" in text_of(signed_in("steward").get(f"/terms/{second.pk}"))
    first = text_of(signed_in("viewer").get(f"/terms/{w.terms['raw'].pk}"))
    assert "These are the first" in first and "Superseded" in first
    compared = signed_in("viewer").get(f"/terms/{w.terms['raw'].pk}", {"against": second.pk})
    assert "<ins>dpv:CreditChecking</ins>" in text_of(compared)


def test_an_end_that_is_near_is_said_on_the_dataset_page_with_what_to_do(w: World, signed_in: Browser) -> None:
    now = timezone.now()
    give_terms(w.cast, w.datasets["raw"], effective_from=now - timedelta(days=1), effective_to=now + timedelta(days=12))
    page = text_of(signed_in("steward").get(f"/datasets/{w.datasets['raw'].pk}"))
    assert "Terms 2 end soon" in page and "11 days left" in page
    assert "record the terms that follow" in page and "Record new terms" in page


def test_the_dataset_page_names_what_is_missing_up_to_the_source(w: World, signed_in: Browser) -> None:
    _bare, bare = dataset(w.cast, "bare", origin="", date=None)
    derive(w.cast, bare, w.versions["source"])
    page = text_of(signed_in("viewer").get(f"/datasets/{w.datasets['features'].pk}"))
    assert "Incomplete" in page and "8 of the 10 facts owed by 4 versions" in page
    assert "<strong>origin, day of issue</strong>" in page
    complete = text_of(signed_in("viewer").get(f"/datasets/{bare.dataset_id}"))
    assert "this version" in complete


def test_a_steward_records_new_terms_on_the_page(w: World, signed_in: Browser) -> None:
    steward, address = signed_in("steward"), f"/datasets/{w.datasets['raw'].pk}/terms"
    form = text_of(steward.get(address))
    assert 'value="dpv:CreditChecking"' in form, "it begins with what the newest say"
    assert '<datalist id="purposes">' in form and '<option value="dpv:Marketing">' in form
    sent = {**NEW, "permits_narrower": "on", "permitted_geographies": "DE, fr", "effective_to": "2030-12-31"}
    answer = steward.post(address, sent)
    made = CollectionTerms.objects.get(dataset=w.datasets["raw"], number=2)
    assert answer.headers["Location"] == f"/terms/{made.pk}"
    assert (made.permitted_purposes, made.permitted_geographies, made.permits_narrower) == (
        ["dpv:CreditChecking"], ["DE", "FR"], True)  # fmt: skip
    assert made.effective_to is not None and made.effective_to.isoformat() == "2030-12-31T23:59:59+00:00"
    assert made.history.get().history_change_reason == "Agreed anew"


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"licence": "CC-BY-4"}, "licence", "CC-BY-4.0"),
        ({"permitted_purposes": ["dpv:Marketting"]}, "permitted_purposes", "dpv:Marketing"),
        ({"permitted_geographies": "Germany"}, "permitted_geographies", "ISO 3166"),
        ({"reason": ""}, "reason", "goes on record"),
        ({"effective_from": "2031-01-01", "effective_to": "2030-01-01"}, "effective_to", "before they begin"),
        ({"storage_duration_days": "0"}, "storage_duration_days", "greater than or equal to 1"),
        ({"legal_basis": "eu-gdpr:A6-1-z"}, "legal_basis", "Select a valid choice"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(
    w: World, signed_in: Browser, change: dict[str, Any], field: str, said: str
) -> None:
    sent = {**NEW, "controller": "The very bank", **change}
    answer = signed_in("steward").post(f"/datasets/{w.datasets['raw'].pk}/terms", sent)
    page = text_of(answer, 400)
    assert list(answer.context["form"].errors) == [field]
    assert said in page and f'id="id_{field}_error"' in page
    assert "The very bank" in page, "what was typed is still there"
    assert CollectionTerms.objects.filter(dataset=w.datasets["raw"]).count() == 1


def test_a_steward_withdraws_terms_on_their_page_and_says_why(w: World, signed_in: Browser) -> None:
    address = f"/terms/{w.terms['raw'].pk}"
    refused = text_of(signed_in("steward").post(f"{address}/withdraw", {"reason": " "}), 400)
    assert "Say why" in refused
    done = signed_in("steward").post(f"{address}/withdraw", {"reason": "The bureau objected"}, follow=True)
    assert "are withdrawn" in text_of(done)
    assert TermsWithdrawal.objects.get().reason == "The bureau objected"
    again = text_of(signed_in("steward").post(f"{address}/withdraw", {"reason": "Once more"}), 409)
    assert "withdrawn already" in again
    assert "The bureau objected" in text_of(signed_in("viewer").get(address))


def test_terms_of_another_namespace_are_no_ones_to_see(w: World, signed_in: Browser) -> None:
    outsider = signed_in("outsider")
    for address in (f"/terms/{w.terms['raw'].pk}", "/terms/987654321", "/terms/x%00"):
        assert outsider.get(address).status_code == 404
        assert outsider.post(f"{address}/withdraw", WHY).status_code == 404


def test_vocabularies_are_searched_and_extended_on_their_page(w: World, signed_in: Browser) -> None:
    page = text_of(signed_in("viewer").get("/vocabularies", {"scheme": "purpose", "q": "credit"}))
    assert "dpv:CreditChecking" in page and "DPV 2.0" in page
    assert "Add a term of the house" not in page
    assert "No term of that kind" in text_of(signed_in("viewer").get("/vocabularies", {"q": "qwertz\x00"}))
    policy = signed_in("policy")
    told = {"reason": "Needed", "scheme": "purpose", "term": "bank:Mine", "label": "<b>Mine</b>",
            "definition": "Ours", "broader": ["dpv:CreditChecking"]}  # fmt: skip
    wrong = policy.post("/vocabularies/new", told | {"term": "dpv:Mine"})
    assert "belongs to a published vocabulary" in text_of(wrong, 400)
    done = text_of(policy.post("/vocabularies/new", told, follow=True))
    assert "&lt;b&gt;Mine&lt;/b&gt;" in done and "of the house" in done
    assert VocabularyTerm.objects.get().broader == ["dpv:CreditChecking"]


def test_a_version_shows_its_card_tags_and_description(w: World, signed_in: Browser) -> None:
    owner = w.cast.owner
    actions.tag_model_version(actor=owner, model_version=w.version, tags={"team": "retail"}, **WHY)
    actions.describe_model_version(actor=owner, model_version=w.version, text="The <first> one", **WHY)
    actions.archive_model_version(actor=owner, model_version=w.version, archived=True, **WHY)
    page = text_of(signed_in("viewer").get(f"/model-versions/{w.version.pk}"))
    assert "team: retail" in page and "The &lt;first&gt; one" in page and "Put away" in page
