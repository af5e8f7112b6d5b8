"""What `seed_records` has not, one of each for the pages that show it: live and watched, tried, expected, proposed."""

import datetime
import json
from decimal import Decimal
from typing import Any

from django.utils import timezone

from approvals.actions.change_plans import Envelope, propose_change_plan
from approvals.actions.expectations import record_expectations
from approvals.actions.findings import raise_finding
from approvals.actions.imports import prepare_import
from approvals.actions.money import enter_money, set_currency
from approvals.actions.monitoring import Report, report_windows
from approvals.actions.onboarding import ask_for_window
from approvals.actions.plans import lock_plan
from approvals.actions.promotions import promote
from approvals.actions.sign_offs import declare_conflict
from approvals.actions.trials import lock_trial
from approvals.checks import check_profile
from approvals.models import (
    Better,
    Environment,
    Finding,
    MetricKind,
    MoneyEntry,
    MonitoringWindow,
    Plan,
    PlanKind,
    Promotion,
    Trial,
)
from approvals.trials.design import Design
from bench.beside_lineage import found_live, lineage_of_each
from bench.people import WHY, namespace, person
from bench.records import judged_model, training_sets, whole_release
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.desk.actions.samples import draw_sample
from lineage import actions
from lineage.models import DatasetVersion, Model
from lineage.quality.documents import read_profile
from lineage.risk import QUESTIONS

WINDOWS = 1_000
STEP = datetime.timedelta(microseconds=400)


def one_of_each(everywhere: dict[Role, Principal], second: Principal) -> None:
    """Make them, as people of the bench and, where it takes a role that nobody of them has, as `everywhere`.

    Args:
        everywhere: who holds a role everywhere. second: another policy owner than that one.
    """
    owner = everywhere[Role.MODEL_OWNER]
    data = training_sets()
    judged = judged_model()
    promotion = promote(actor=person("pipeline"), release=whole_release(judged, data), **WHY)
    whole_release(judged, data)  # and one that is open, with everyone's signature
    _watched(promotion, owner)
    _tried(judged.model)
    _expected(data[0], person("steward"))
    _proposed(judged.model, owner, judged.plans[PlanKind.PERFORMANCE])
    until = timezone.now() + datetime.timedelta(days=30)
    window = ask_for_window(actor=everywhere[Role.POLICY_OWNER], namespace=namespace(), until=until, **WHY)
    found_live(window, second, person("admin"))
    lineage_of_each(owner)
    raise_finding(
        actor=person("risk"), subject=judged.model, kind=Finding.Kind.AUDIT, text="No monitoring of drift is set up",
        severity=Finding.Severity.LOW, blocks=False, owner=owner, **WHY,
    )  # fmt: skip
    declare_conflict(actor=person("validator"), model=judged.model, text="I built an earlier one", **WHY)
    now = timezone.now()
    draw_sample(
        actor=everywhere[Role.AUDITOR], namespace=None, kind="lineage_dataset", size=25,
        from_at=now - datetime.timedelta(days=1), until_at=now, **WHY,
    )  # fmt: skip


def _watched(promotion: Promotion, owner: Principal) -> None:
    limit = {"metric": "error_rate", "comparator": "le", "threshold": "0.97"}
    plan, _new = lock_plan(
        actor=person("validator"), subject=promotion.model, kind=PlanKind.MONITORING_OPERATIONS, title="Runs",
        criteria=[limit], **WHY,
    )  # fmt: skip
    start = promotion.started_at
    reports = [
        Report(
            promotion=promotion, plan=plan, start=start + n * STEP, end=start + (n + 1) * STEP,
            kind=MonitoringWindow.Kind.VALUES, values=[{"metric": "error_rate", "value": f"{n % 50 * 0.02:.2f}"}],
        )
        for n in range(WINDOWS)
    ]  # fmt: skip
    report_windows(actor=person("pipeline"), reports=reports, **WHY)
    set_currency(actor=owner, model=promotion.model, currency="EUR", **WHY)
    enter_money(
        actor=owner, model=promotion.model, kind=MoneyEntry.Kind.DEVELOPMENT, amount=Decimal(1200), currency="EUR",
        period_start=start, period_end=start, **WHY,
    )  # fmt: skip


def _tried(model: Model) -> None:
    design = Design(
        hypothesis="It finds more good payers", metric="repaid", baseline=Decimal("0.3"), better=Better.HIGHER,
        metric_kind=MetricKind.PROPORTION, sides=Trial.Sides.TWO, minimum_effect=Decimal("0.2"), units_per_day=50,
    )  # fmt: skip
    production = Environment.objects.get(name="production")
    lock_trial(
        actor=person("validator"), model=model, environment=production, title="On half of the cases", design=design,
        **WHY,
    )  # fmt: skip


def _expected(version: DatasetVersion, steward: Principal) -> None:
    asked, _new = record_expectations(
        actor=steward, dataset=version.dataset, items=[{"key": "rows", "check": "volume", "at_least": "1"}], **WHY
    )
    told: dict[str, Any] = {
        "profile": 1, "engine": "duckdb 1.0.0", "format": "csv", "digest": f"sha256:{version.digest_value}",
        "bytes": 60, "rows": 5, "complete": True, "duplicate_rows": 1, "columns": [],
    }  # fmt: skip
    profile = actions.record_profile(actor=steward, dataset_version=version, profile=read_profile(told), **WHY).record
    check_profile(profile, asked, reason="To be measured")


def _proposed(model: Model, owner: Principal, plan: Plan) -> None:
    until = timezone.now() + datetime.timedelta(days=90)
    newest, production = model.versions.latest("number"), Environment.objects.get(name="production")
    bands = [{"plan": plan.pk, "metric": "accuracy", "low": "0.9"}]
    envelope = Envelope(title="Monthly retraining", bands=bands, uses=3, ends_at=until, new_data=True)
    propose_change_plan(actor=owner, model_version=newest, environment=production, envelope=envelope, **WHY)
    actions.propose_model(
        actor=owner, namespace=namespace(), name="proposed", description="Scores", business_case="Faster",
        intended_purpose="dpv:CreditChecking", deployment_geography=["DE"], affected="Applicants",
        expected_data="Loans", owner=owner, risk_answers=dict.fromkeys(QUESTIONS, False), **WHY,
    )  # fmt: skip
    inventory = json.dumps([{"name": f"found-{n}"} for n in range(1_000)]).encode()
    prepare_import(actor=owner, namespace=namespace(), content=inventory, name="inventory.json", format="json")
