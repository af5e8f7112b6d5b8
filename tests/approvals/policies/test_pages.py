"""The pages on policies: what is in force, what a draft changes, writing and publishing without a script."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from approvals.actions.policies import write_policy_version
from approvals.documents import document_of
from approvals.models import Policy, PolicyVersion
from approvals.policy_forms import data_of
from governance.accounts.actions.grants import end_grant
from governance.accounts.models import RoleGrant
from lineage.models import RiskTier
from tests.approvals.policies.test_api import GOOD
from tests.approvals.world import FACTS, WHY, World, signature

Browser = Callable[[str], Any]
RISK = signature("risk", "risk_manager")


def text_of(answer: Any) -> str:
    """What a page says, on one line."""
    body = answer.content.decode().split("<main", 1)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def draft(w: World, *requirements: dict[str, Any], **more: Any) -> PolicyVersion:
    return write_policy_version(
        actor=w.cast.policy,
        environment=w.production,
        risk_tier=RiskTier.HIGH,
        requirements=requirements,
        **{**WHY, **more},
    )


def page_of(browser: Any, version: PolicyVersion) -> str:
    answer = browser.get(f"/policy-versions/{version.pk}")
    assert answer.status_code == 200
    return text_of(answer)


# reading


def test_the_grid_shows_each_place_its_version_and_its_margin(w: World, signed_in: Browser) -> None:
    w.policy(*FACTS, signature("risk", "risk_manager", count=2))
    w.policy(*FACTS, signature("risk", "risk_manager", count=2), slot="shadow")
    said = text_of(signed_in("viewer").get("/policies"))
    assert "everywhere Version 2 (everywhere · production · high) None to spare" in said
    assert "· slot shadow Version 1" in said
    assert "2 policies have nobody to spare" in said
    assert 'href="/policies"' in signed_in("viewer").get("/").content.decode()


def test_places_of_other_namespaces_are_not_shown(w: World, signed_in: Browser) -> None:
    w.policy(*FACTS)
    own = w.policy(*FACTS, RISK, namespace=w.cast.retail)
    assert "retail" in text_of(signed_in("viewer").get("/policies"))
    outsider = signed_in("outsider")
    assert "retail" not in text_of(outsider.get("/policies"))
    for address in (f"/policies/{own.policy_id}", f"/policy-versions/{own.pk}", f"/api/v1/policies/{own.pk}/yaml"):
        assert outsider.get(address).status_code == 404
    assert "retail" not in text_of(
        outsider.get(f"/policies/{Policy.objects.get(environment=w.production, risk_tier='high', namespace=None).pk}")
    )


def test_a_place_says_in_sentences_what_it_asks_and_who_could_be_missing(w: World, signed_in: Browser) -> None:
    bound = {"metric": "auc", "comparator": "ge", "threshold": "0.9", "slice": "women"}
    evidence = {"plan_kind": "performance", "independent": True, "max_age_days": 90, "criteria": [bound]}
    version = w.policy(
        *FACTS, signature("risk", "risk_manager", veto=True), {"key": "it", "kind": "evidence", "params": evidence},
        responses={"flag_raised": {"notice_hours": 24, "confirm": "risk_manager", "fallback": "stop"}},
    )  # fmt: skip
    said = text_of(signed_in("auditor").get(f"/policies/{version.policy_id}"))
    assert "1 person signs as Risk manager. One rejection closes the gate." in said
    assert "Good evidence on performance, measured on the model version, by someone who had no hand in the model, at most 90 days old: auc ≥ 0.9 (women)." in said  # fmt: skip
    assert "After 24 hours nothing serves, unless a Risk manager confirms." in said
    assert "1 to spare" in said and "1 asked as Risk manager, 2 could sign." in said
    assert "Write the next version" not in said
    assert "Write the next version" in text_of(signed_in("policy").get(f"/policies/{version.policy_id}"))


def test_a_lapse_is_said_with_its_cause(w: World, signed_in: Browser) -> None:
    w.policy(*FACTS)
    own = w.policy(*FACTS, RISK, namespace=w.cast.retail)
    above = w.policy(*FACTS, signature("steward", "data_steward"))
    said = text_of(signed_in("viewer").get(f"/policies/{own.policy_id}"))
    assert f"{above} was published and asks more" in said and "Asked less: steward requirement." in said
    assert "Lapsed" in text_of(signed_in("viewer").get("/policies"))


# a draft


def test_a_draft_shows_what_it_changes_and_what_would_happen(w: World, signed_in: Browser) -> None:
    binds = ["data", "subject"]
    risk, business = (
        signature(key, role, binds=binds) for key, role in (("risk", "risk_manager"), ("b", "business_owner"))
    )
    w.policy(*FACTS, risk, business)
    w.vote("risk", w.cast.risk)
    w.vote("b", w.cast.business)
    w.policy(*FACTS, risk, business, namespace=w.cast.retail, slot="shadow")
    version = draft(w, *FACTS[1:], signature("risk", "risk_manager", veto=True, binds=binds), business)
    said = page_of(signed_in("viewer"), version)
    assert "Requirements: 0 added, 1 removed, 1 changed, 5 the same." in said
    assert "One rejection closes the gate no → yes" in said
    assert "1 open release is judged by it from that moment. 1 vote on them would no longer count" in said
    assert "The policy of retail, slot shadow lapses : risk: veto is false, true is asked." in said
    assert "Another policy owner publishes it: Petra Policy." in said
    assert "Publish it" not in said


def test_what_stands_against_a_draft_is_said_before_anyone_tries(w: World, signed_in: Browser) -> None:
    version = draft(w, *FACTS, signature("risk", "risk_manager", count=3))
    said = page_of(signed_in("policy2"), version)
    assert "It cannot be published as it is In retail nobody could satisfy it: 3 signature(s) as risk manager" in said
    assert "Publish it" not in said


def test_a_draft_is_published_by_another_owner_on_the_page(w: World, signed_in: Browser) -> None:
    version = draft(w, *FACTS, RISK)
    address = f"/policy-versions/{version.pk}/publish"
    browser = signed_in("policy2")
    page = browser.get(f"/policy-versions/{version.pk}")
    seen = re.search(r'name="seen" value="(\d+)"', page.content.decode())
    assert seen and "Publish it" in text_of(page)
    without = browser.post(address, {"seen": seen[1], "reason": ""})
    assert without.status_code == 400 and "Give a reason" in text_of(without)
    other = w.policy(*FACTS)
    late = browser.post(address, {"seen": seen[1], "reason": "Stricter"})
    assert late.status_code == 409 and "Another version was published there since you looked" in text_of(late)
    own = signed_in("policy").post(address, {"seen": other.pk, "reason": "Mine"})
    assert own.status_code == 403 and "Two policy owners publish" in text_of(own)
    done = browser.post(address, {"seen": other.pk, "reason": "Stricter"})
    assert done.status_code == 302 and "risk" in w.ask()
    assert page_of(browser, version).count("Published by Petra Policy") == 1


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_a_form_that_does_not_say_what_was_seen_publishes_nothing(w: World, signed_in: Browser, seen: str) -> None:
    version = draft(w, *FACTS)
    answer = signed_in("policy2").post(f"/policy-versions/{version.pk}/publish", {"seen": seen, "reason": "Now"})
    assert answer.status_code == 409
    assert not hasattr(PolicyVersion.objects.get(pk=version.pk), "publication")


def test_a_refusal_of_the_database_is_said_on_the_page(w: World, signed_in: Browser) -> None:
    version = draft(w, *FACTS, RISK)
    seen = reverse("policy-publish", args=[version.pk])
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=w.cast.risk2), **WHY)
    number = re.search(r'name="seen" value="(\d+)"', signed_in("policy2").post(seen, {"reason": ""}).content.decode())
    assert number
    answer = signed_in("policy2").post(seen, {"reason": "Now", "seen": number[1]})
    assert answer.status_code == 400 and "nobody could satisfy it once one of them had a hand" in text_of(answer)


# writing


def fields(version: PolicyVersion, **more: Any) -> dict[str, Any]:
    """The form of a version as a browser sends it."""
    place = version.policy
    data = {
        "environment": place.environment.name, "risk_tier": place.risk_tier,
        "namespace": place.namespace.name if place.namespace else "", "slot": place.slot,
    }  # fmt: skip
    return {**data, **dict(data_of(document_of(version)).lists()), "reason": "Next", "do": "write", **more}


def test_what_the_form_shows_is_what_it_writes(w: World, signed_in: Browser) -> None:
    active = PolicyVersion.objects.get(policy__environment=w.production, policy__risk_tier="high")
    browser = signed_in("policy")
    shown = browser.get(f"/policies/write?from={active.pk}").content.decode()
    sent = _inputs(shown)
    answer = browser.post("/policies/write", {**sent, "reason": "The same once more", "do": "write"})
    assert answer.status_code == 302, text_of(answer)
    written = PolicyVersion.objects.order_by("id").last()
    assert written is not None
    assert (written.number, written.policy) == (active.number + 1, active.policy)
    assert document_of(written) == document_of(active), "word for word: votes on it would stand"
    assert "0 added, 0 removed, 0 changed" in page_of(browser, written)


def _inputs(page: str) -> dict[str, list[str]]:
    """The fields of the page's form as a browser without a script would send them."""
    from html.parser import HTMLParser

    found: dict[str, list[str]] = {}

    class Form(HTMLParser):
        select = area = ""
        text = ""

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            a = dict(attrs)
            if tag == "input" and a.get("name") and (a.get("type") != "checkbox" or "checked" in a):
                found.setdefault(a["name"], []).append(a.get("value") or ("on" if a.get("type") == "checkbox" else ""))
            elif tag == "select":
                self.select = a["name"] or ""
            elif tag == "option" and "selected" in a:
                found[self.select] = [a.get("value") or ""]
            elif tag == "option":
                found.setdefault(self.select, [a.get("value") or ""])
            elif tag == "textarea":
                self.area, self.text = a["name"] or "", ""

        def handle_data(self, data: str) -> None:
            self.text += data

        def handle_endtag(self, tag: str) -> None:
            if tag == "textarea":
                found[self.area] = [self.text.removeprefix("\n").replace("\n", "\r\n")]

    Form().feed(page)
    return found


def test_rows_are_added_and_removed_without_writing_anything(w: World, signed_in: Browser) -> None:
    before = PolicyVersion.objects.count()
    browser = signed_in("policy")
    start = {"environment": "production", "risk_tier": "high"}
    page = browser.post("/policies/write", {**start, "do": "add", "add_kind": "evidence"})
    assert page.status_code == 200 and "1. Evidence" in text_of(page)
    page = browser.post("/policies/write", {**_inputs(page.content.decode()), "do": "add", "add_kind": "signoff"})
    assert "2. Sign-off" in text_of(page)
    page = browser.post("/policies/write", {**_inputs(page.content.decode()), "do": "remove-0"})
    assert (
        "1. Sign-off" in text_of(page) and "Evidence" not in text_of(page).split("When a fact")[0].split("Ask for")[0]
    )
    assert PolicyVersion.objects.count() == before


def test_what_is_wrong_is_said_at_its_row_with_what_was_typed(w: World, signed_in: Browser) -> None:
    version = draft(w, *FACTS, RISK)
    before = PolicyVersion.objects.count()
    row = len(FACTS)
    bad = {f"r{row}-count": "two where available", f"r{row}-key": "Risk Manager!"}
    for changed, says in (
        ({f"r{row}-count": "two where available"}, "A value of another type is asked for."),
        ({f"r{row}-count": "0"}, "From 1 to 20 persons."),
        ({f"r{row}-key": "Risk Manager!"}, "A key is lower-case words"),
        ({f"r{row}-key": "artifact"}, "Given twice"),
        ({"row": []}, "A policy asks something."),
        ({"reason": " "}, "Give a reason"),
        ({"environment": "moon"}, "There is no environment of that name."),
        ({"risk_tier": "extreme"}, "Choose one."),
        ({"namespace": "nowhere"}, "No such namespace"),
        ({"on-flag_raised-fallback": "sometimes"}, "fallback is one of"),
    ):
        answer = signed_in("policy").post("/policies/write", fields(version, **changed))
        assert answer.status_code in (400, 404), changed
        assert says in text_of(answer), (changed, text_of(answer)[:800])
    kept = signed_in("policy").post("/policies/write", fields(version, **bad)).content.decode()
    assert 'value="two where available"' in kept and 'value="Risk Manager!"' in kept
    assert PolicyVersion.objects.count() == before


def test_a_policy_is_written_as_yaml_on_the_page(w: World, signed_in: Browser) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser = signed_in("policy")
    done = browser.post("/policies/yaml", {"text": GOOD.replace("\n", "\r\n"), "reason": "Ours"})
    assert done.status_code == 302
    file = SimpleUploadedFile("policy.yaml", GOOD.encode())
    assert browser.post("/policies/yaml", {"text": "", "file": file, "reason": "Ours"}).status_code == 302
    one, other = PolicyVersion.objects.order_by("-id")[:2]
    assert document_of(one) == document_of(other)
    bad = browser.post("/policies/yaml", {"text": GOOD.replace("count: 1", "count: no"), "reason": "Ours"})
    assert bad.status_code == 400 and "Line 24, column 14: Put no in quotes" in text_of(bad)
    assert "count: no" in bad.content.decode(), "what was typed is still there"
    assert "key: artifact" in browser.get(f"/policies/yaml?from={one.pk}").content.decode()


def test_script_in_a_title_is_text(w: World, signed_in: Browser) -> None:
    version = draft(w, {**FACTS[0], "title": "<script>alert(1)</script>"}, summary="<b>bold</b>")
    for address in (
        f"/policy-versions/{version.pk}",
        f"/policies/write?from={version.pk}",
        f"/policies/yaml?from={version.pk}",
    ):
        body = signed_in("policy").get(address).content.decode()
        assert "<script>alert" not in body and "&lt;script&gt;" in body


def test_queries_do_not_grow_with_places_and_versions(
    w: World, signed_in: Browser, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        w.policy(*FACTS)
    for slot in ("champion", "challenger", "shadow"):
        version = w.policy(*FACTS, RISK, slot=slot)
    browser = signed_in("viewer")
    for address, most in (
        ("/policies", 15),
        (f"/policies/{version.policy_id}", 16),
        (f"/policy-versions/{version.pk}", 16),
    ):
        with django_assert_max_num_queries(most):
            assert browser.get(address).status_code == 200


def test_the_release_page_and_the_overview_say_when_there_is_nobody_to_spare(w: World, signed_in: Browser) -> None:
    w.policy(*FACTS, RISK)
    release = w.release()
    browser = signed_in("viewer")
    assert "Nobody to spare" not in text_of(browser.get(f"/releases/{release.pk}"))
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=w.cast.risk2), **WHY)
    assert "one more absence, and nobody can satisfy it." in text_of(browser.get(f"/releases/{release.pk}"))
    said = text_of(browser.get("/"))
    assert "Too few people everywhere · production · high None to spare In retail it asks for 1 as Risk manager; 1 could sign." in said  # fmt: skip
    assert "Too few people" not in text_of(signed_in("outsider").get("/"))
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=w.cast.risk), **WHY)
    assert "nobody can satisfy it." in text_of(browser.get(f"/releases/{release.pk}"))
