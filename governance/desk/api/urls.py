"""The desk under /api/v1/."""

from django.urls import path

from governance.api.routers import collection_urls
from governance.desk.api import exports, oversight, views

urlpatterns = [
    *collection_urls(oversight.SampleViewSet, oversight.ExportRecordViewSet),
    path("acts", views.ActsView.as_view(), name="acts-list"),
    path("acts/<id>", views.ActView.as_view(), name="acts-detail"),
    path("search", views.SearchView.as_view(), name="search-api"),
    path("access-review", oversight.AccessReviewView.as_view(), name="access-review"),
    path("exports/records", exports.RecordsExport.as_view(), name="exports-records"),
    path("exports/history", exports.HistoryExport.as_view(), name="exports-history"),
    path("exports/acts", exports.ActsExport.as_view(), name="exports-acts"),
    path("exports/access", exports.AccessExport.as_view(), name="exports-access"),
]
