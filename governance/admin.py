"""The kernel's records in the admin: principals, grants, namespaces, and the ledger."""

from typing import TYPE_CHECKING, Any

from allauth.account import admin as _account_admin  # noqa: F401  registers what is taken off below
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _mfa_admin  # noqa: F401  as above
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from governance.history.admin import BoundedPaginator, register_all
from governance.ledger.models import LedgerCheckpoint, LedgerEntry

# One way to sign in: allauth's, with its rate limits and second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Django's groups give no right here; showing them would suggest one.
admin.site.unregister(Group)
# The pages of allauth's models show the secrets of second factors, and everyone's addresses in every namespace.
admin.site.unregister([EmailAddress, Authenticator])

register_all("governance")


if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]  # generic to the type checker only
else:
    ModelAdmin = admin.ModelAdmin


class LedgerAdmin(ModelAdmin):
    """The log, to read."""

    actions = None
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the recorder writes entries, the sealer the rest."""
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Readers of everything: entries of all namespaces stand in one log."""
        return bool(request.user.is_authenticated and request.user.is_staff and request.user.reads_everything)

    has_module_permission = has_view_permission


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LedgerAdmin):
    """Entries, newest first; the body is shown to readers of everything only."""

    list_display = ("id", "epoch", "xid", "leaf")
    fields = ("id", "epoch", "xid", "leaf", "body")


@admin.register(LedgerCheckpoint)
class LedgerCheckpointAdmin(LedgerAdmin):
    """Signed heads of the log."""

    list_display = ("size", "note")
