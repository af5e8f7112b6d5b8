"""Addresses of jobs: pages, and the API's under /api/v1/."""

from django.urls import path

from governance.api.routers import collection_urls
from governance.jobs import views
from governance.jobs.api import JobViewSet

urlpatterns = [
    path("jobs", views.jobs_page, name="jobs"),
    path("jobs/<id>", views.job_page, name="job"),
    path("jobs/<id>/cancel", views.job_cancel, name="job-cancel"),
    path("jobs/<id>/file", views.job_file, name="job-file"),
]
api_urlpatterns = collection_urls(JobViewSet)
