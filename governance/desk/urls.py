"""Addresses of the desk's pages."""

from django.urls import path

from governance.desk import views

urlpatterns = [
    path("audit", views.acts_page, name="audit"),
    path("audit/acts/<id>", views.act_page, name="audit-act"),
    path("search", views.search_page, name="search"),
]
