"""The desk under /api/v1/."""

from django.urls import path

from governance.desk.api import views

urlpatterns = [
    path("acts", views.ActsView.as_view(), name="acts-list"),
    path("acts/<id>", views.ActView.as_view(), name="acts-detail"),
    path("search", views.SearchView.as_view(), name="search-api"),
]
