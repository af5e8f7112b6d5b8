"""What the kernel offers over HTTP; included at the root by governance.urls, where the rooms add their own."""

from django.urls import include, path

from governance.accounts.api.urls import urlpatterns as accounts
from governance.api import health, reference
from governance.api.docs import DocsView, SchemaView

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics_page, name="metrics"),
    path("api/v1/schema", SchemaView.as_view(), name="api-schema"),
    path("api/reference", reference.page, name="api-reference"),
    path("api/docs", DocsView.as_view(), name="api-docs"),
    path("api/v1/", include(accounts)),
]
