"""Addresses of the desk's pages."""

from django.urls import path

from governance.desk import views

urlpatterns = [
    path("audit", views.acts_page, name="audit"),
    path("audit/acts/<id>", views.act_page, name="audit-act"),
    path("audit/samples", views.samples_page, name="audit-samples"),
    path("audit/samples/<id>", views.sample_page, name="audit-sample"),
    path("audit/access", views.access_page, name="audit-access"),
    path("audit/exports", views.exports_page, name="audit-exports"),
    path("search", views.search_page, name="search"),
]
