"""Every address of the product: the rooms' own lists, put under their paths. Each room adds its line here."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from approvals.pages.judgements import PageJudgements
from governance.accounts import pages
from governance.api.errors import not_found
from governance.history.views import differences_page
from governance.jobs import urls as jobs
from governance.outbox import urls as outbox

urlpatterns = [
    # What pipelines call all day comes first: Django tries one address after another, an eighth of such a call's time.
    path("api/v1/", include("lineage.api.openlineage_urls")),
    path("", include("approvals.mlflow.urls")),
    # The admin's own form would set a password and leave nothing on record.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    # The admin's own would tell what exists in namespaces that its reader does not see.
    re_path("^admin/r/", not_found),
    path("admin/", admin.site.urls),
    path("accounts/", include("governance.accounts.urls")),
    path("", include("governance.api.urls")),
    path("", include(jobs.urlpatterns)),
    path("api/v1/", include(jobs.api_urlpatterns)),
    path("", include(outbox.urlpatterns)),
    path("api/v1/", include(outbox.api_urlpatterns)),
    path("api/v1/", include("approvals.api.urls")),
    path("api/v1/", include("lineage.api.urls")),
    path("api/v1/", include("governance.ledger.api")),
    path("api/v1/", include("governance.desk.api.urls")),
    path("log/", include("governance.ledger.urls")),
    path("", include("governance.desk.urls")),
    path("differences", differences_page, name="differences-page"),
    path("namespaces", pages.namespaces_page, name="namespaces"),
    path("namespaces/<id>", pages.namespace_page, name="namespace"),
    path("namespaces/<id>/grants", pages.grant_page, name="namespace-grant"),
    path("role-grants/<id>/approve", pages.change_page, {"act": "approve"}, name="role-grant-approve"),
    path("role-grants/<id>/end", pages.change_page, {"act": "end"}, name="role-grant-end"),
    path("", include("approvals.urls")),
    # Facts' pages show what judgements say of them; lineage itself knows none, so it is handed in here.
    path("", include("lineage.urls"), {"judgements": PageJudgements()}),
]

handler400 = "governance.api.errors.bad_request"
handler403 = "governance.api.errors.permission_denied"
handler404 = "governance.api.errors.not_found"
handler500 = "governance.api.errors.server_error"
