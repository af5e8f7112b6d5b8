"""What a first start needs: the system principal, the operator's settings row, and each room's defaults."""

import datetime
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import OperatorSetting

DEFAULT_DELAY = datetime.timedelta(hours=24)


class Command(BaseCommand):
    """Idempotent; `migrate` calls it at its end, as the owner."""

    help = "Load the defaults of a first start; changes nothing that exists."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load whatever is absent."""
        OperatorSetting.objects.get_or_create(id=1, defaults={"voting_grant_delay": DEFAULT_DELAY})
        system = load_system_principal()
        for config in apps.get_app_configs():
            for path in getattr(config, "load_defaults", ()):
                import_string(path)(actor=system, reason="Defaults of a first start")
