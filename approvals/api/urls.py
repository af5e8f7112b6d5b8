"""The addresses of judgements, under /api/v1/."""

from django.urls import path

from approvals.api import documents
from approvals.api.change_plans import ChangePlanViewSet
from approvals.api.checks import DataCheckViewSet, ExpectationSetViewSet, VersionChecksView
from approvals.api.environments import EnvironmentViewSet, ObserveChangeViewSet
from approvals.api.evidence import EvidenceViewSet, PlanViewSet
from approvals.api.findings import FindingViewSet
from approvals.api.gate import GateView, LiveView
from approvals.api.impact import ImpactView
from approvals.api.imports import (
    ImportConfirmView,
    ImportRemainderView,
    ImportServerView,
    ImportsView,
    ImportView,
    InventoryImportViewSet,
)
from approvals.api.inventory import InventoryExport
from approvals.api.live_at import LiveAtView
from approvals.api.manifests import ManifestView
from approvals.api.monitoring import (
    CurrencyViewSet,
    MoneyViewSet,
    MonitoringView,
    PrometheusView,
    PromotionMonitoringView,
    WindowViewSet,
)
from approvals.api.onboarding import AsFoundViewSet, OnboardingWindowViewSet
from approvals.api.policies import PolicyViewSet
from approvals.api.portfolio import PortfolioView
from approvals.api.releases import ConflictViewSet, PromotionViewSet, ReleaseViewSet, SignOffViewSet
from approvals.api.serving import ServingNoticeViewSet
from approvals.api.trials import (
    TrialConclusionViewSet,
    TrialCountViewSet,
    TrialDeviationViewSet,
    TrialLookViewSet,
    TrialViewSet,
)
from approvals.api.use import UseView
from governance.api.routers import collection_urls

urlpatterns = [
    *collection_urls(
        PlanViewSet,
        EvidenceViewSet,
        EnvironmentViewSet,
        ObserveChangeViewSet,
        PolicyViewSet,
        ReleaseViewSet,
        ChangePlanViewSet,
        SignOffViewSet,
        ConflictViewSet,
        PromotionViewSet,
        FindingViewSet,
        ServingNoticeViewSet,
        OnboardingWindowViewSet,
        AsFoundViewSet,
        InventoryImportViewSet,
        ExpectationSetViewSet,
        DataCheckViewSet,
        TrialViewSet,
        TrialCountViewSet,
        TrialLookViewSet,
        TrialDeviationViewSet,
        TrialConclusionViewSet,
        WindowViewSet,
        CurrencyViewSet,
        MoneyViewSet,
    ),
    path("dataset-versions/<id>/checks", VersionChecksView.as_view(), name="dataset-version-checks"),
    path("model-versions/<id>/cyclonedx", documents.CycloneDXView.as_view(), name="model-version-cyclonedx"),
    path("model-versions/<id>/model-card", documents.ModelCardView.as_view(), name="model-version-card"),
    path("lineage/impact", ImpactView.as_view(), name="lineage-impact"),
    path("exports/inventory", InventoryExport.as_view(), name="exports-inventory"),
    path("manifests", ManifestView.as_view(), name="manifests"),
    path("monitoring", MonitoringView.as_view(), name="monitoring-api"),
    path("monitoring/prometheus", PrometheusView.as_view(), name="monitoring-prometheus"),
    path("promotions/<id>/monitoring", PromotionMonitoringView.as_view(), name="promotion-monitoring"),
    path("gate", GateView.as_view(), name="gate"),
    path("live-at", LiveAtView.as_view(), name="live-at"),
    path("live", LiveView.as_view(), name="live"),
    path("imports", ImportsView.as_view(), name="imports-api"),
    path("imports/mlflow", ImportServerView.as_view(), name="import-server-api"),
    path("imports/<id>", ImportView.as_view(), name="import-api"),
    path("imports/<id>/confirm", ImportConfirmView.as_view(), name="import-confirm-api"),
    path("imports/<id>/remainder", ImportRemainderView.as_view(), name="import-remainder-api"),
    path("portfolio", PortfolioView.as_view(), name="portfolio-api"),
    path("use", UseView.as_view(), name="use"),
]
