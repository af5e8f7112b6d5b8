"""Addresses of facts, under /api/v1/."""

from governance.api.routers import collection_urls
from lineage.api import views

urlpatterns = collection_urls(
    views.DatasetViewSet,
    views.DatasetVersionViewSet,
    views.TermsViewSet,
    views.FlagViewSet,
    views.RunViewSet,
    views.ModelViewSet,
    views.ModelVersionViewSet,
    views.RecallViewSet,
)
