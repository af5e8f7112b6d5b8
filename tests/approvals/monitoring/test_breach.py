"""A breach: one finding, people told, the policy's answer; and nothing that closes it by itself."""

from typing import Any

import pytest

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.findings import close_finding
from approvals.actions.serving import clear_notice, confirm_notice
from approvals.models import Finding, FindingEvent, LiveSlot, PlanKind, ServingNotice
from approvals.tasks import tell_of_a_breach
from governance import errors
from governance.outbox import Message
from governance.outbox.models import Notice
from tests.approvals.monitoring import scene
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.serving import scenes
from tests.approvals.world import WHY, World

BREACH = Finding.Kind.MONITORING_BREACH


def breaches() -> list[Finding]:
    return list(Finding.objects.filter(kind=BREACH).order_by("pk"))


def test_a_bad_window_opens_a_finding_and_a_good_one_none(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan))
    assert not breaches()
    scene.report(w, scene.values(promotion, plan, "0.07", 1))
    (found,) = breaches()
    assert (found.promotion, found.plan, found.blocks) == (promotion, plan, False)
    assert "error_rate is 0.07, limit ≤ 0.05" in found.text


@pytest.mark.parametrize(
    ("measured", "told"),
    [("0.0712345678901", "0.0712"), ("0.05000000000001", "0.05000000000001"), ("1700000.5", "1700000.5"), ("2", "2")],
)
def test_a_figure_is_told_with_the_digits_that_matter_beside_its_limit(w: World, measured: str, told: str) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan, measured))
    assert f"error_rate is {told}, limit ≤ 0.05." in breaches()[0].text


def test_its_page_leads_to_the_figures(w: World, signed_in: Any) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    page = signed_in("risk").get(f"/findings/{breaches()[0].pk}").content.decode()
    assert f'<a href="/promotions/{promotion.pk}/monitoring">{plan.title}: its figures over time</a>' in page


def test_a_metric_that_is_missing_is_a_breach(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan, values=[{"metric": "latency", "value": "1"}]))
    assert "error_rate is missing" in breaches()[0].text


def test_a_thousand_breaches_are_one_finding(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=scenes.TWO_DAYS)
    scene.report(w, *[scene.values(promotion, plan, "0.07", n) for n in range(60)])
    scene.error_rates(w, promotion, plan, ["0.08"] * 3, first=60)
    assert len(breaches()) == 1
    assert not FindingEvent.objects.exists(), "what goes on being bad is no news"
    assert ServingNotice.objects.filter(promotion=promotion).count() == 1


def test_recovery_closes_nothing_and_the_next_breach_is_said_again(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.error_rates(w, promotion, plan, ["0.07", "0.01", "0.09", "0.09"])
    (found,) = breaches()
    (event,) = found.events.all()
    assert event.kind == FindingEvent.Kind.RECURRED and "0.09" in event.text


def test_another_plan_has_a_finding_of_its_own(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    other = scene.watch(w, PlanKind.MONITORING_SCIENCE)
    scene.report(w, scene.values(promotion, plan, "0.07"), scene.values(promotion, other, "0.07"))
    assert {found.plan for found in breaches()} == {plan, other}


def test_one_that_was_closed_is_followed_by_another(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    close_finding(actor=w.cast.risk, finding=breaches()[0], text="A cable", **WHY)
    scene.report(w, scene.values(promotion, plan, "0.07", 1))
    assert len(breaches()) == 2


def test_evidence_that_comes_by_the_other_door_is_a_breach_too(w: World) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, scene.RIGHT[0]), scene.live(w)
    report_evidence(
        actor=w.cast.pipeline, plan=plan, subject=promotion, subject_digest=f"sha256:{w.version.digest_value}",
        measured=Measured(run_started_at=promotion.started_at, values=[{"metric": "accuracy", "value": "0.1"}]), **WHY,
    )  # fmt: skip
    assert len(breaches()) == 1


@pytest.mark.parametrize(("answer", "serves"), [(scenes.STOP, False), (scenes.KEEP, True), (scenes.TWO_DAYS, True)])
def test_the_policy_answers_in_the_same_transaction(w: World, answer: dict[str, Any], serves: bool) -> None:
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=answer)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    assert LiveSlot.objects.filter(promotion=promotion).exists() is serves
    notice = scenes.only_notice(promotion)
    assert (notice.cause, notice.response) == ("evidence_failed", answer)


def test_a_breach_someone_confirmed_is_not_asked_about_again_until_it_is_closed(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=scenes.TWO_DAYS)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    confirm_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)
    scene.error_rates(w, promotion, plan, ["0.07", "0.08"], first=1)
    assert ServingNotice.objects.count() == 1
    close_finding(actor=w.cast.risk, finding=breaches()[0], text="Mended", **WHY)
    scene.report(w, scene.values(promotion, plan, "0.07", 4))
    assert ServingNotice.objects.count() == 2


def test_a_notice_is_cleared_once_the_newest_window_is_good_and_given_anew_when_it_is_not(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=scenes.TWO_DAYS)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    with pytest.raises(errors.Conflict):
        clear_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)
    scene.report(w, scene.values(promotion, plan, "0.01", 1))
    clear_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)
    scene.report(w, scene.values(promotion, plan, "0.07", 2))
    assert ServingNotice.objects.count() == 2


def test_an_earlier_window_that_is_reported_later_clears_nothing(w: World) -> None:
    """Left out at first, or truth that came late: it is the newest on record, and not the newest there was."""
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=scenes.TWO_DAYS)
    scene.report(w, scene.values(promotion, plan, "0.01"))
    scene.report(w, scene.values(promotion, plan, "0.07", 60))
    scene.report(w, *[scene.values(promotion, plan, "0.01", n) for n in range(1, 53)])  # more than the gate looks at
    with pytest.raises(errors.Conflict):
        clear_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)
    scene.report(w, scene.values(promotion, plan, "0.01", 61))
    clear_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)


def test_a_report_of_no_window_clears_no_window_that_failed(w: World) -> None:
    """The window is reported once and stays; the other door is not for reporting it again until it is good."""
    plan, promotion = scene.watch(w), scene.live(w, evidence_failed=scenes.TWO_DAYS)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    start, end = scene.span(promotion)
    report_evidence(
        actor=w.cast.pipeline, plan=plan, subject=promotion, subject_digest=f"sha256:{w.version.digest_value}",
        measured=Measured(run_started_at=promotion.started_at, window_start=start, window_end=end,
                          values=[{"metric": "error_rate", "value": "0.01"}]), **WHY,
    )  # fmt: skip
    with pytest.raises(errors.Conflict):
        clear_notice(actor=w.cast.risk, notice=scenes.only_notice(promotion), **WHY)


def test_people_are_told_once(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.error_rates(w, promotion, plan, ["0.07", "0.07"])
    (message,) = Message.objects.filter(topic="monitoring.breached")
    tell_of_a_breach(message)
    told = set(Notice.objects.filter(message=message).values_list("recipient", flat=True))
    assert {w.cast.risk.pk, w.cast.risk2.pk, w.cast.validator.pk} <= told, "risk managers, and the plan's owner"


def test_of_business_the_business_owners_are_told(w: World) -> None:
    promotion = scene.live(w)
    scene.report(w, scene.values(promotion, scene.watch(w, PlanKind.MONITORING_BUSINESS), "0.07"))
    message = Message.objects.get(topic="monitoring.breached")
    tell_of_a_breach(message)
    assert Notice.objects.filter(message=message, recipient=w.cast.business).exists()


def test_nobody_opens_a_breach_by_hand_so_that_the_real_one_goes_unsaid(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with refuses("MU009", "breach-of-plan"), acting(app, w.cast.risk):
        app.execute(
            "INSERT INTO approvals_finding (namespace_id, kind, promotion_id, plan_id, text, severity, when_overdue, blocks)"
            " VALUES (%s, 'monitoring_breach', %s, %s, 'Known', 'low', 'nothing', false)",
            [w.cast.retail.pk, promotion.pk, plan.pk],
        )
    scene.report(w, scene.values(promotion, plan, "0.07"))
    with refuses("MU009", "breach-of-plan"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_findingevent (finding_id, kind, text) VALUES (%s, 'recurred', 'x')",
            [breaches()[0].pk],
        )


def test_fifty_claims_push_no_failure_out_of_the_gate_s_sight(w: World) -> None:
    """The gate looks at the newest fifty of a reporter; what only claims is counted apart."""
    params = {"plan_kind": "monitoring_operations", "subject": "promotion", "environment": "production"}
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, scene.values(promotion, plan, "0.07"))
    for n in range(51):
        report_evidence(
            actor=w.cast.pipeline, plan=plan, subject=promotion, subject_digest=f"sha256:{w.version.digest_value}",
            measured=Measured(run_started_at=promotion.started_at, claim="passed", tool=f"tool {n}"), **WHY,
        )  # fmt: skip
    w.policy({"key": "soak", "kind": "evidence", "params": params})
    row = w.ask()["soak"]
    assert row.reason == "evidence-failed", row
