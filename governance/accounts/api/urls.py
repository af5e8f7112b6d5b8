"""Under /api/v1/."""

from django.urls import path

from governance.accounts.api.differences import DifferencesView
from governance.accounts.api.history import HistoryView
from governance.accounts.api.views import ApiKeyViewSet, NamespaceViewSet, PrincipalViewSet, RoleGrantViewSet
from governance.api.routers import collection_urls

urlpatterns = [
    *collection_urls(NamespaceViewSet, PrincipalViewSet, RoleGrantViewSet, ApiKeyViewSet),
    path("differences", DifferencesView.as_view(), name="differences"),
    path("history", HistoryView.as_view(), name="history-list"),
]
