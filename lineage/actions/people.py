"""People named in facts."""

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal


def person(named: Principal | None, *, field: str) -> Principal | None:
    """The named principal, who must be a person: an account cannot answer for anything.

    Raises:
        errors.Invalid: a service account or the system.
    """
    if named is not None and named.kind != Principal.Kind.PERSON:
        raise errors.Invalid(errors={field: [_("Name a person, not an account.")]})
    return named
