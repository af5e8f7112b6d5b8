"""The pages of the envelope: on the release, of its own, and where a release is opened with one."""

import re
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from approvals.actions.change_plans import revoke_change_plan
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
    assert "crosses these edges of it: accuracy." in page


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


def test_the_list_says_how_each_stands_and_the_model_which_is_in_force(
    s: Scene, signed_in: Browser, django_assert_num_queries: Any
) -> None:
    viewer = signed_in("viewer")
    assert "No envelope yet" in text_of(viewer.get("/change-plans"))
    plan = s.envelope()
    assert "Not in force yet" in text_of(viewer.get("/change-plans"))
    s.approve(plan)
    s.envelope(title="Another")
    with django_assert_num_queries(5):
        page = text_of(viewer.get(f"/change-plans?model={s.w.model.pk}"))
    assert "In force" in page and "0 / 2" in page and f'href="/change-plans/{plan.pk}"' in page
    assert "0 of 2 uses spent" in text_of(viewer.get(f"/models/{s.w.model.pk}"))
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, reason="Complaints")
    assert "Ended" in text_of(viewer.get("/change-plans"))
    assert "It was revoked." in text_of(viewer.get(f"/models/{s.w.model.pk}"))
    assert "Monthly" not in text_of(signed_in("outsider").get("/change-plans"))
    assert viewer.get("/change-plans?model=999999").status_code == 404


def test_as_it_was_it_shows_the_uses_of_then(s: Scene, signed_in: Browser) -> None:
    plan = s.envelope()
    s.approve(plan)
    then = timezone.now()
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, reason="Complaints")
    address, viewer = f"/change-plans/{plan.pk}/as-it-was", signed_in("viewer")
    before = text_of(viewer.get(address, {"at": then.isoformat()}))
    assert f"version {s.base.number}" in before and "Complaints" not in before
    assert "Complaints" in text_of(viewer.get(address))


def form_of(answer: Any) -> dict[str, Any]:
    """What a browser would send of the form that was answered."""
    assert answer.status_code == 200, answer.content[:500]
    return {name: values for name, values in answer.context["data"].lists() if values != [""]}


def address_of(s: Scene, more: str = "") -> str:
    return f"/model-versions/{s.base.pk}/release-with-envelope{more}"


def test_a_model_owner_opens_a_release_with_what_the_form_begins_with(
    s: Scene, signed_in: Browser, django_assert_max_num_queries: Any
) -> None:
    owner, address = signed_in("owner"), address_of(s)
    with django_assert_max_num_queries(14):
        begun = owner.get(address)
    page = text_of(begun)
    assert "In this version" in page and "stays as it is" in page and "Band 2" in page
    silent = owner.post(address, {**form_of(begun), "reason": " "})
    assert silent.status_code == 400
    assert 'aria-invalid="true" aria-describedby="reason_error reason_help"' in silent.content.decode()
    answer = owner.post(address, {**form_of(begun), "reason": "Monthly"})
    assert answer.status_code == 302, answer.content[:2000]
    plan = ChangePlan.objects.get()
    release = Release.objects.get(change_plan=plan)
    assert sorted(plan.keeps) == ["compliance", "risk", "steward"]
    assert plan.parameters == {}, "what nobody lets vary stays as it is"
    assert {band["metric"] for band in plan.bands} == {"accuracy", "psi"}
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}"))
    assert "Who signs this release approves what may change by retraining as well." in page


def test_the_form_and_the_yaml_are_the_same_thing_both_ways(s: Scene, signed_in: Browser) -> None:
    owner = signed_in("owner")
    typed = form_of(owner.get(address_of(s)))
    assert [typed[f"p{n}-name"] for n in typed["parameter"]] == [["C"], ["seed"], ["solver"]]
    typed |= {"p0-how": "between", "p0-min": "0.1", "p0-max": "10", "p2-how": "one_of", "p2-one_of": "lbfgs\r\nsaga",
              "title": "Each month", "uses": "6", "keeps": ["steward"], "reason": "Monthly"}  # fmt: skip
    as_yaml = owner.post(address_of(s), {**typed, "do": "yaml"})
    text = as_yaml.context["text"]
    assert "one_of:" in text and "reason" not in text and as_yaml.context["reason"] == "Monthly"
    again = owner.post(address_of(s, "/yaml"), {"text": text, "reason": "Monthly", "do": "form"})
    assert owner.post(address_of(s), {**form_of(again), "do": "yaml"}).context["text"] == text
    assert not ChangePlan.objects.exists(), "nothing is written by looking at it"
    assert owner.post(address_of(s), {**form_of(again), "do": "write"}).status_code == 302
    plan = ChangePlan.objects.get()
    assert plan.parameters == {"C": {"min": "0.1", "max": "10"}, "solver": {"one_of": ["lbfgs", "saga"]}}
    assert (plan.title, plan.uses, plan.keeps) == ("Each month", 6, ["steward"])


def test_a_fault_stands_at_its_row_and_what_was_typed_stays(s: Scene, signed_in: Browser) -> None:
    owner = signed_in("owner")
    typed = form_of(owner.get(address_of(s)))
    wrong = {**typed, "b1-low": "high", "p0-how": "between", "p0-min": "1e", "uses": "1200", "ends_at": "soon",
             "reason": "Monthly"}  # fmt: skip
    page = text_of(owner.post(address_of(s), wrong), 400)
    for said in ("bands[1].low", "parameters.C.min", "uses", "ends_at", 'class="error"', 'value="1200"'):
        assert said in page, said
    assert "Mend this first" in text_of(owner.post(address_of(s), {**typed, "reason": ""}), 400)
    assert not ChangePlan.objects.exists() and not Release.objects.exists()


def test_rows_come_and_go_by_buttons_alone(s: Scene, signed_in: Browser) -> None:
    owner = signed_in("owner")
    typed = form_of(owner.get(address_of(s)))
    more = owner.post(address_of(s), {**typed, "do": "add-band"})
    assert "Band 3" in text_of(more)
    fewer = text_of(owner.post(address_of(s), {**form_of(more), "do": "remove-band-0"}))
    assert "Band 3" not in fewer and "Band 2" in fewer
    assert 'name="p3-name"' in text_of(owner.post(address_of(s), {**typed, "do": "add-parameter"}))


def test_as_yaml_it_begins_with_each_parameter_as_it_is(s: Scene, signed_in: Browser) -> None:
    owner = signed_in("owner")
    begun = owner.get(address_of(s, "/yaml"))
    answer = owner.post(address_of(s, "/yaml"), {"text": begun.context["text"], "reason": "Monthly"})
    assert answer.status_code == 302, answer.content[:2000]
    assert ChangePlan.objects.get().parameters["C"] == {"one_of": ["1.0"]}


def test_what_cannot_be_read_is_said_with_its_line_and_nothing_is_written(s: Scene, signed_in: Browser) -> None:
    owner, address = signed_in("owner"), address_of(s, "/yaml")
    text = owner.get(address).context["text"]
    for wrong in ("", "[]", "environment: nowhere", text.replace("uses: 12", "uses: 1200"), text + "\nmore: 1\n"):
        for do in ("write", "form"):
            page = text_of(owner.post(address, {"text": wrong, "do": do}), 400)
            assert "Mend this first" in page
    assert not ChangePlan.objects.exists()
    assert not Release.objects.exists()
