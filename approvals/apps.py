"""The app that keeps the judgements."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApprovalsConfig(AppConfig):
    """Judgements and the gate. Knows lineage and governance; neither knows it."""

    name = "approvals"
    verbose_name = _("Approvals")
    default_auto_field = "django.db.models.BigAutoField"
    #: The gate first: the triggers in `sql` call it.
    guard_sql: ClassVar[list[str]] = ["gate", "sql"]
    #: Called by `load_defaults` at the first start.
    load_defaults: ClassVar[list[str]] = ["approvals.actions.defaults.load_default_policies"]
