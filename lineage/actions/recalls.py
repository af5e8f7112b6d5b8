"""Recalls: a digest that must not be used any more, anywhere."""

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.digests import parse_digest
from lineage.models import Recall

RECALLERS = (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER, Role.DATA_STEWARD)


@action
def recall(*, actor: Principal, reason: str, digest: str) -> Recall:
    """Recall a digest: what serves of it ends at once in every namespace, and neither it nor what contains it passes.

    Args:
        digest: `algorithm:hexadecimal` of an artifact or of data.

    Raises:
        errors.Forbidden: the actor holds none of the roles. errors.SeparationOfDuties: none where it is on record.
        errors.Invalid: no digest. errors.Conflict: recalled already.
    """
    found = parse_digest(digest)
    if not found.value:
        raise errors.Invalid(errors={"digest": [_("Write it as sha256: followed by hexadecimal digits.")]})
    if not any(grant.role in RECALLERS for grant in grants_in_force(actor)):
        raise errors.Forbidden(_("Risk managers, compliance officers and data stewards recall."))
    return Recall.objects.create(digest_algorithm=found.algorithm, digest_value=found.value, reason=reason.strip())
