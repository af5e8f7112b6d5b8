"""Judgements in the admin: an auditor reads them all, nobody writes any (A20)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.actions.promotions import ask_for_promotion
from approvals.models import Promotion, SignOff
from governance.history.models import governed_models
from tests.approvals.monitoring import scene
from tests.approvals.world import WHY, World, signature

MODELS = [m for m in governed_models() if m._meta.app_label == "approvals"]


@pytest.fixture
def judged(w: World) -> World:
    """One of nearly everything."""
    w.evidence(w.plan())
    w.policy({"key": "artifact", "kind": "artifact"}, signature("risk", "risk_manager"))
    w.vote("risk", w.cast.risk)
    ask_for_promotion(actor=w.cast.pipeline, release=w.release(), **WHY)
    return w


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_an_auditor_reads_every_judgement_and_writes_none(
    judged: World, signed_in: Callable[[str], Any], model: Any
) -> None:
    auditor = signed_in("auditor")
    name = f"admin:approvals_{model._meta.model_name}"
    assert auditor.get(reverse(f"{name}_changelist")).status_code == 200
    before = model.objects.count()
    assert auditor.post(reverse(f"{name}_add"), {"reason": "x"}).status_code == 403
    one = model.objects.order_by("id").first()
    if one is not None:
        assert auditor.get(reverse(f"{name}_change", args=[one.pk])).status_code == 200
        assert auditor.get(reverse(f"{name}_history", args=[one.pk])).status_code == 200
        assert auditor.post(reverse(f"{name}_change", args=[one.pk]), {"reason": "x"}).status_code == 403
        assert auditor.post(reverse(f"{name}_delete", args=[one.pk]), {"post": "yes"}).status_code == 403
    assert auditor.post(reverse(f"{name}_changelist"), {"action": "delete_selected"}).status_code in (200, 302, 403)
    assert model.objects.count() == before


def test_A20_neither_an_administrator_nor_an_auditor_promotes_or_signs_in_the_admin(
    judged: World, signed_in: Callable[[str], Any]
) -> None:
    release = judged.release(judged.retrain(2))
    body = {"release": release.pk, "model": judged.model.pk, "environment": release.environment_id, "slot": "champion"}
    for name in ("admin", "auditor"):
        assert signed_in(name).post(reverse("admin:approvals_promotion_add"), body).status_code == 403
        assert signed_in(name).post(reverse("admin:approvals_signoff_add"), {"release": release.pk}).status_code == 403
    assert Promotion.objects.count() == 1
    assert SignOff.objects.filter(release=release).count() == 0


def test_who_is_no_auditor_does_not_enter(w: World, signed_in: Callable[[str], Any]) -> None:
    assert signed_in("risk").get(reverse("admin:approvals_signoff_changelist")).status_code == 302


def test_a_list_asks_as_much_however_many_rows_it_names_others_in(w: World, signed_in: Callable[[str], Any]) -> None:
    promotion, plan = scene.live(w), scene.watch(w)
    browser = signed_in("auditor")

    def asked() -> dict[str, int]:
        counts = {}
        for name in ("monitoringwindow", "evidencevalue", "evidence", "policyversion", "requirement"):
            browser.get(f"/admin/approvals/{name}/")
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(f"/admin/approvals/{name}/").status_code == 200
            counts[name] = len(queries)
        return counts

    scene.error_rates(w, promotion, plan, ["0.01"] * 2)
    few = asked()
    scene.error_rates(w, promotion, plan, ["0.01"] * 4, first=2)
    w.policy({"key": "artifact", "kind": "artifact"})
    assert asked() == few
    assert max(few.values()) <= 15
