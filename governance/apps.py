"""The kernel as a Django app: what makes any row a governed record."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GovernanceConfig(AppConfig):
    """Kernel: history, accounts, ledger, outbox, API groundwork."""

    name = "governance"
    verbose_name = _("Governance")
    #: Folders of guard SQL, installed in this order by `install_guards`.
    guard_sql = ("history/sql", "accounts/sql", "ledger/sql", "desk/sql", "outbox/sql")

    def ready(self) -> None:
        """Register the checks."""
        import_module("governance.history.checks")
