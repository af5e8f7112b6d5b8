"""Every address of the product: the rooms' own lists, put under their paths. Each room adds its line here."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("governance.accounts.urls")),
    path("", include("governance.api.urls")),
    path("api/v1/", include("approvals.api.urls")),
    path("api/v1/", include("lineage.api.urls")),
    path("api/v1/", include("governance.ledger.api")),
    path("log/", include("governance.ledger.urls")),
]

handler400 = "governance.api.errors.bad_request"
handler403 = "governance.api.errors.permission_denied"
handler404 = "governance.api.errors.not_found"
handler500 = "governance.api.errors.server_error"
