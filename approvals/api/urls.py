"""The addresses of judgements, under /api/v1/."""

from django.urls import path

from approvals.api.environments import EnvironmentViewSet, ObserveChangeViewSet
from approvals.api.evidence import EvidenceViewSet, PlanViewSet
from approvals.api.findings import FindingViewSet
from approvals.api.gate import GateView, LiveView
from approvals.api.inventory import InventoryExport
from approvals.api.live_at import LiveAtView
from approvals.api.manifests import ManifestView
from approvals.api.policies import PolicyViewSet
from approvals.api.releases import ConflictViewSet, PromotionViewSet, ReleaseViewSet, SignOffViewSet
from approvals.api.serving import ServingNoticeViewSet
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
        SignOffViewSet,
        ConflictViewSet,
        PromotionViewSet,
        FindingViewSet,
        ServingNoticeViewSet,
    ),
    path("exports/inventory", InventoryExport.as_view(), name="exports-inventory"),
    path("manifests", ManifestView.as_view(), name="manifests"),
    path("gate", GateView.as_view(), name="gate"),
    path("live-at", LiveAtView.as_view(), name="live-at"),
    path("live", LiveView.as_view(), name="live"),
    path("use", UseView.as_view(), name="use"),
]
