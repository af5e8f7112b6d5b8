"""Addresses of the pages on judgements."""

from django.urls import path

from approvals import (
    policy_views,
    views,
    views_checks,
    views_comparison,
    views_envelopes,
    views_imports,
    views_monitoring,
    views_oversight,
    views_portfolio,
    views_serving,
    views_time,
    views_trials,
)
from approvals.pages.as_it_was import KINDS

urlpatterns = [
    path("", views.overview_page, name="overview"),
    path("reviews", views.reviews_page, name="review-queue"),
    path("releases/<id>", views.release_page, name="release"),
    path("releases/<id>/sign", views.sign_release, name="release-sign"),
    path("releases/<id>/promote", views.promote_release, name="release-promote"),
    path("releases/<id>/close", views.close_release_page, name="release-close"),
    path("releases/<id>/evidence-pack", views.pack_page, name="release-pack"),
    path("releases/<id>/comparison", views_comparison.comparison_page, name="release-comparison"),
    path("releases/<id>/conflict", views.declare_conflict_page, name="release-conflict"),
    path("change-plans", views_envelopes.change_plans_page, name="change-plans"),
    path("change-plans/<id>", views_envelopes.change_plan_page, name="change-plan"),
    path("change-plans/<id>/revoke", views_envelopes.revoke_page, name="change-plan-revoke"),
    path("model-versions/<id>/release-with-envelope", views_envelopes.propose_page, name="change-plan-new"),
    path("model-versions/<id>/release-with-envelope/yaml", views_envelopes.propose_yaml_page, name="change-plan-yaml"),
    path("findings", views_oversight.findings_page, name="findings"),
    path("findings/new", views_oversight.new_finding_page, name="finding-new"),
    path("findings/<id>", views_oversight.finding_page, name="finding"),
    path("environments/<id>", views_oversight.environment_page, name="environment"),
    path("environments/<id>/observe", views_oversight.observe_page, name="environment-observe"),
    path("observe-only-changes/<id>/confirm", views_oversight.confirm_page, name="observe-only-confirm"),
    path("live", views_time.live_on_page, name="live-on"),
    *(
        path(f"{kind}/<id>/as-it-was", views_time.as_it_was_page, {"kind": kind}, name=f"{what.page}-as-it-was")
        for kind, what in KINDS.items()
    ),
    path("monitoring", views_monitoring.watched_page, name="watched"),
    path("promotions/<id>/monitoring", views_monitoring.monitoring_page, name="monitoring"),
    path("promotions/<id>", views_serving.serving_page, name="serving"),
    *(
        path(f"promotions/<id>/{act}", views_serving.act_page, {"act": act}, name=f"serving-{act}")
        for act in views_serving.ACTS
    ),
    path("serving-notices/<id>/confirm", views_serving.notice_page, {"act": "confirm"}, name="notice-confirm"),
    path("serving-notices/<id>/clear", views_serving.notice_page, {"act": "clear"}, name="notice-clear"),
    path("sign-offs/<id>/lift", views.lift_veto_page, name="sign-off-lift"),
    path("sign-offs/<id>/withdraw", views.withdraw_vote, name="sign-off-withdraw"),
    path("datasets/<id>/expectations", views_checks.expectations_page, name="dataset-expectations"),
    path("dataset-versions/<id>/quality", views_checks.quality_page, name="dataset-version-quality"),
    path("trials", views_trials.trials_page, name="trials"),
    path("trials/new", views_trials.new_trial_page, name="trial-new"),
    path("trials/<id>", views_trials.trial_page, name="trial"),
    *(
        path(f"trials/<id>/{act}", views_trials.act_page, {"act": act}, name=f"trial-{act}")
        for act in views_trials.ACTS
    ),
    path("trial-deviations/<id>/accept", views_trials.accept_page, name="trial-deviation-accept"),
    path("portfolio", views_portfolio.portfolio_page, name="portfolio"),
    path("imports", views_imports.imports_page, name="imports"),
    path("imports/<id>", views_imports.import_page, name="import"),
    path("imports/<id>/remainder", views_imports.import_remainder_page, name="import-remainder"),
    path("onboarding-windows", views_imports.window_page, name="onboarding-window"),
    path(
        "onboarding-windows/<id>/confirm", views_imports.window_act_page, {"act": "confirm"}, name="onboarding-confirm"
    ),
    path("onboarding-windows/<id>/close", views_imports.window_act_page, {"act": "close"}, name="onboarding-close"),
    path("as-found/<id>", views_imports.as_found_page, name="as-found"),
    path("policies", policy_views.policies_page, name="policies"),
    path("policies/write", policy_views.write_page, name="policy-write"),
    path("policies/yaml", policy_views.yaml_page, name="policy-yaml"),
    path("policies/<id>", policy_views.policy_page, name="policy"),
    path("policy-versions/<id>", policy_views.policy_version_page, name="policy-version"),
    path("policy-versions/<id>/publish", policy_views.publish_page, name="policy-publish"),
]
