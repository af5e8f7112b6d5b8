"""The roles a principal may be granted, and which of them need two persons."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a grant allows; the acts behind each role stand in the actions that ask for it."""

    PIPELINE = "pipeline", _("Pipeline")
    MODEL_OWNER = "model_owner", _("Model owner")
    DATA_STEWARD = "data_steward", _("Data steward")
    VALIDATOR = "validator", _("Validator")
    RISK_MANAGER = "risk_manager", _("Risk manager")
    COMPLIANCE_OFFICER = "compliance_officer", _("Compliance officer")
    BUSINESS_OWNER = "business_owner", _("Business owner")
    POLICY_OWNER = "policy_owner", _("Policy owner")
    AUDITOR = "auditor", _("Auditor")
    VIEWER = "viewer", _("Viewer")
    ADMINISTRATOR = "administrator", _("Administrator")


#: Roles whose holders sign, decide the rules or oversee. Granted by two persons, in force after the operator's delay.
#: `administrator` is among them: else one administrator makes a second and grants anything "by two persons". `auditor`
#: is: an auditor's finding stops a release, and an auditor reads everything.
#: The database holds the same list (accounts/sql/20_grants.sql); a test compares them.
TWO_PERSON_ROLES = frozenset(
    {
        Role.DATA_STEWARD,
        Role.VALIDATOR,
        Role.RISK_MANAGER,
        Role.COMPLIANCE_OFFICER,
        Role.BUSINESS_OWNER,
        Role.POLICY_OWNER,
        Role.AUDITOR,
        Role.ADMINISTRATOR,
    }
)
#: Auditors never vote; they raise findings.
VOTING_ROLES = TWO_PERSON_ROLES - {Role.ADMINISTRATOR, Role.AUDITOR}

#: Who may enter the admin and the auditor's desk.
STAFF = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})

#: Roles only an interactive person may hold. A service account holds `pipeline`, `validator` (to report, never to
#: vote), `auditor` or `viewer`.
PERSON_ROLES = TWO_PERSON_ROLES - {Role.VALIDATOR, Role.AUDITOR} | {Role.MODEL_OWNER}
