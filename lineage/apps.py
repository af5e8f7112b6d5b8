"""The app that keeps the facts."""

from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LineageConfig(AppConfig):
    """Facts. Knows governance, never approvals."""

    name = "lineage"
    verbose_name = _("Lineage")
    default_auto_field = "django.db.models.BigAutoField"
    guard_sql: ClassVar[list[str]] = ["sql"]
