"""The pages of the envelope: on the release, of its own, and where a release is opened with one."""

import re
from collections.abc import Callable
from typing import Any

from approvals.models import ChangePlan, Release
from tests.approvals.envelope.scene import Scene

Browser = Callable[[str], Any]


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, f"{answer.status_code}: {answer.content[:500]!r}"
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_release_inside_shows_each_band_with_its_value(s: Scene, signed_in: Browser) -> None:
    s.approve()
    page = text_of(signed_in("viewer").get(f"/releases/{s.w.release(s.retrain()).pk}"))
    assert "Use 1 of 2. Of the signatures these remain: steward." in page
    assert "≥ 0.93" in page
    assert page.count('class="bar__good"') >= 2
    assert "the retrain lies inside the retraining envelope" in page


def test_a_release_outside_says_which_edge(s: Scene, signed_in: Browser) -> None:
    s.approve()
    page = text_of(signed_in("viewer").get(f"/releases/{s.w.release(s.retrain(accuracy='0.91')).pk}"))
    assert "Every signature is needed." in page
    assert "accuracy is 0.91; allowed: ≥ 0.93." in page
    assert "bar__value--bad" in page
    assert "crosses these edges of it: band:1" in page


def test_the_release_page_costs_no_query_more(s: Scene, signed_in: Browser, django_assert_num_queries: Any) -> None:
    s.approve()
    browser = signed_in("auditor")
    for accuracy in ("0.94", "0.5"):
        release = s.w.release(s.retrain(accuracy=accuracy))
        with django_assert_num_queries(13):  # one of them: what the reader may not read
            assert browser.get(f"/releases/{release.pk}").status_code == 200


def test_the_page_of_an_envelope_says_what_it_allows_and_who_oversees_revokes_it(
    s: Scene, signed_in: Browser, django_assert_num_queries: Any
) -> None:
    plan = s.envelope()
    s.approve(plan)
    viewer = signed_in("viewer")
    with django_assert_num_queries(9):
        page = text_of(viewer.get(f"/change-plans/{plan.pk}"))
    assert "0 of 2 uses spent" in page
    assert "0.1 to 10" in page
    assert "≥ 0.9, change against the base version ≥ -0.02" in page
    assert "Revoke it" not in page
    risk = signed_in("risk")
    assert "Revoke it" in text_of(risk.get(f"/change-plans/{plan.pk}"))
    assert text_of(risk.post(f"/change-plans/{plan.pk}/revoke", {"reason": ""}), 400)
    assert risk.post(f"/change-plans/{plan.pk}/revoke", {"reason": "Complaints"}).status_code == 302
    assert "It was revoked." in text_of(risk.get(f"/change-plans/{plan.pk}"))


def test_a_model_owner_opens_a_release_with_what_the_page_begins_with(s: Scene, signed_in: Browser) -> None:
    owner, address = signed_in("owner"), f"/model-versions/{s.base.pk}/release-with-envelope"
    form = owner.get(address)
    assert form.status_code == 200
    answer = owner.post(address, {"text": form.context["text"], "reason": "Monthly"})
    assert answer.status_code == 302, answer.content[:2000]
    plan = ChangePlan.objects.get()
    release = Release.objects.get(change_plan=plan)
    assert sorted(plan.keeps) == ["compliance", "risk", "steward"]
    assert plan.parameters["C"] == {"one_of": ["1.0"]}
    assert {band["metric"] for band in plan.bands} == {"accuracy", "psi"}
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}"))
    assert "Who signs this release approves what may change by retraining as well." in page


def test_what_cannot_be_read_is_said_with_its_line_and_nothing_is_written(s: Scene, signed_in: Browser) -> None:
    owner, address = signed_in("owner"), f"/model-versions/{s.base.pk}/release-with-envelope"
    text = owner.get(address).context["text"]
    for wrong in ("", "[]", "environment: nowhere", text.replace("uses: 12", "uses: 1200"), text + "\nmore: 1\n"):
        page = text_of(owner.post(address, {"text": wrong}), 400)
        assert "Mend this first" in page
    assert not ChangePlan.objects.exists()
    assert not Release.objects.exists()
