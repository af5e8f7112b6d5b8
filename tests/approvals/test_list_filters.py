"""Lists of judgements are narrowed by state, by person and by place."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.findings import close_finding, raise_finding, reopen_finding
from approvals.actions.promotions import end_promotion, promote
from approvals.models import Finding, PromotionEnd
from tests.approvals.world import WHY, World, signature

Api = Callable[[str], Any]


def ids(api: Api, collection: str, **query: Any) -> list[int]:
    """The ids of a list as an auditor's session would get them, oldest first."""
    answer = api("pipeline").get(f"/api/v1/{collection}", {**query, "ordering": "id"})
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


@pytest.fixture
def findings(w: World) -> dict[str, Finding]:
    """One open, one closed, one reopened."""
    cast = w.cast

    def found(text: str, owner: Any = None) -> Finding:
        return raise_finding(
            actor=cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text=text, severity=Finding.Severity.LOW,
            blocks=False, owner=owner, **WHY,
        )  # fmt: skip

    made = {"open": found("open", cast.owner), "closed": found("closed"), "reopened": found("reopened")}
    for name in ("closed", "reopened"):
        close_finding(actor=cast.risk2, finding=made[name], text="Mended", **WHY)
    reopen_finding(actor=cast.auditor, finding=made["reopened"], text="Not mended", **WHY)
    return made


def test_findings_by_state_owner_and_place(w: World, api: Api, findings: dict[str, Finding]) -> None:
    opened, closed, reopened = (findings[name].pk for name in ("open", "closed", "reopened"))
    assert ids(api, "findings", open="true") == [opened, reopened]
    assert ids(api, "findings", open="false") == [closed]
    assert ids(api, "findings") == [opened, closed, reopened]
    assert ids(api, "findings", owner=w.cast.owner.pk) == [opened]
    assert ids(api, "findings", namespace="retail", kind="audit", severity="low") == [opened, closed, reopened]
    assert ids(api, "findings", namespace="elsewhere") == []
    assert ids(api, "findings", severity="high") == []


def test_releases_sign_offs_and_promotions_by_state(w: World, api: Api) -> None:
    w.policy(signature("risk", "risk_manager", count=1))
    release = w.release()
    vote = w.vote("risk", w.cast.risk2, release=release)
    assert ids(api, "sign-offs", vote="approve", requirement="risk", standing="true") == [vote.pk]
    assert ids(api, "sign-offs", vote="reject") == ids(api, "sign-offs", standing="false") == []
    assert ids(api, "releases", open="true", slot="champion", namespace="retail") == [release.pk]
    promotion = promote(actor=w.cast.owner, release=release, **WHY)
    assert ids(api, "promotions", live="true", slot="champion", namespace="retail") == [promotion.pk]
    end_promotion(actor=w.cast.risk2, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    assert ids(api, "promotions", live="true") == []
    assert ids(api, "promotions", live="false") == [promotion.pk]


def test_plans_and_evidence_by_place_and_kind(w: World, api: Api) -> None:
    plan = w.plan()
    evidence = w.evidence(plan)
    assert ids(api, "plans", namespace="retail", kind="performance") == [plan.pk]
    assert ids(api, "evidence", namespace="retail", kind="performance") == [evidence.pk]
    assert ids(api, "evidence", kind="fairness") == ids(api, "plans", namespace="elsewhere") == []
