"""What the app's, the sealer's and the auditor's logins may do with each table: by class, never by accident.

Governed tables and their histories are found by their models. Every other table is named here; one that is not gets
SELECT for the app and nothing more, and `tests/governance/history/test_privileges.py` asks for a row.
"""

from governance.ledger.privileges import TABLES as LEDGER_TABLES

FULL = ("SELECT", "INSERT", "UPDATE", "DELETE")
KEPT = ("SELECT", "INSERT", "UPDATE")

#: Working tables: credentials, sessions, queues, caches. Nothing here is evidence.
WORKING: dict[str, tuple[str, ...]] = {
    "governance_user": KEPT,
    "governance_apikey": KEPT,
    "governance_outboxmessage": KEPT,
    "governance_notice": KEPT,
    "governance_job": KEPT,
    "governance_jobfilepart": FULL,  # files of exports are removed after some days
    "governance_operatorsetting": ("SELECT",),
    "approvals_liveslot": ("SELECT",),
    # Kept by triggers beside the histories (governance/desk/keeping.py): the app reads them.
    "governance_act": ("SELECT",),
    "governance_searchentry": ("SELECT",),
    "governance_searchword": ("SELECT",),
    "lineage_importdraft": FULL,
    "lineage_openlineageintake": KEPT,  # a trigger keeps the text what it was
    "governance_cache": FULL,
    "governance_idempotencykey": FULL,
    "governance_ratecount": KEPT,
    "django_session": FULL,
    "django_admin_log": ("SELECT", "INSERT"),
    "django_content_type": ("SELECT",),
    "django_migrations": ("SELECT",),
    "auth_permission": ("SELECT",),
    "auth_group": ("SELECT",),
    "auth_group_permissions": ("SELECT",),
    "account_emailaddress": FULL,
    "account_emailconfirmation": FULL,
    "mfa_authenticator": FULL,
}

__all__ = ["HIDDEN_FROM_AUDITOR", "LEDGER_TABLES", "WORKING"]

#: Tables whose content no auditor needs and whose secrets no one else should read.
HIDDEN_FROM_AUDITOR = {
    "governance_user",
    "governance_apikey",
    "django_session",
    "governance_cache",
    "governance_idempotencykey",
    "mfa_authenticator",
    "lineage_importdraft",  # what one person uploaded and has not confirmed
}
