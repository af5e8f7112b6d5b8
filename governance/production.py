"""What keeps a production start from starting: said once, by each of its processes, before it serves anything."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from governance.accounts.models import OperatorSetting, Principal
from governance.runtime.privileges import excessive


def require_fitness(**_signal: Any) -> None:
    """Do nothing, unless this is production and something makes it unfit; a receiver of Celery's signals, too.

    Raises:
        ImproperlyConfigured: naming everything that must be mended first.
    """
    if not settings.PRODUCTION:
        return
    try:
        found = faults()
    except DatabaseError as error:
        # A database that is away is waited for by whoever starts us again; it is no reason to start unchecked.
        raise ImproperlyConfigured(f"The database cannot be asked whether this start is fit: {error}") from error
    finally:
        connection.close()
    if found:
        raise ImproperlyConfigured("This production start is refused. " + " ".join(found))


def faults() -> list[str]:
    """Sentences on what makes the running process unfit for production; empty when nothing does."""
    found = []
    with connection.cursor() as cursor:
        if rights := excessive(cursor):
            found.append(
                f"Its database login {', '.join(rights)}, and so stands above the guards: give it one of the logins in "
                "docs/operations.md."
            )
    if settings.MUNIMENT_LOGIN != "app":
        return found  # the sealer's login reads the log and nothing else; the app's processes look at the rest
    if names := list(Principal.objects.filter(is_demo=True, is_active=True).values_list("name", flat=True)[:3]):
        found.append(f"There are demo accounts ({', '.join(names)}…): use a database that no demo ran on.")
    delay = OperatorSetting.objects.filter(id=1).values_list("voting_grant_delay", flat=True).first()
    if not delay:
        found.append("Roles that sign take force at once: set a delay with manage.py grant_delay, as the owner.")
    return found
