"""Under /accounts/: allauth's pages, less those by which people would open or rename accounts themselves.

A person's address is the key under which they stand on record: an administrator registers it, nobody changes it here.
"""

from django.conf import settings
from django.urls import include, path

from governance.accounts.views import closed, design

urlpatterns = [
    path("signup/", closed, name="account_signup"),
    path("email/", closed, name="account_email"),
    path("confirm-email/", closed, name="account_email_verification_sent"),
    path("confirm-email/<path:key>", closed, name="account_confirm_email"),
    path("password/set/", closed, name="account_set_password"),
    path("login/code/confirm/", closed, name="account_confirm_login_code"),
    path("", include("allauth.urls")),
]

if settings.DEBUG:
    urlpatterns.insert(0, path("design", design, name="design"))
