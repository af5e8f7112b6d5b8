"""What a policy says is done when a fact changes under a live model (contracts/gate.md, rule 15), and its form.

Cause -> {notice_hours, confirm, fallback}. A cause that is missing keeps serving, flagged: nothing vanishes from
under a consumer unless the policy says so. The database holds the same rules (approvals/sql/21_responses.sql).
"""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from governance import errors
from governance.accounts.roles import VOTING_ROLES, Role

MOST_HOURS = 8760  # a year: more is no notice but a decision to ignore


class Cause(models.TextChoices):
    """A fact that changed under a live promotion."""

    TERMS_WITHDRAWN = "terms_withdrawn", _("terms withdrawn")
    TERMS_NARROWED = "terms_narrowed", _("terms narrowed")
    FLAG_RAISED = "flag_raised", _("sensitive data found")
    SOURCE_RECALLED = "source_recalled", _("source recalled")
    EVIDENCE_FAILED = "evidence_failed", _("evidence failed")
    FINDING_RAISED = "finding_raised", _("blocking finding raised")
    REVIEW_OVERDUE = "review_overdue", _("review overdue")
    DIGEST_CONTRADICTED = "digest_contradicted", _("other bytes found where the artifact lies")
    LINEAGE_CORRECTED = "lineage_corrected", _("lineage corrected")
    USE_CHANGED = "use_changed", _("put to another use")


class Fallback(models.TextChoices):
    """What serves once the notice is over and nobody confirmed."""

    LAST_GOOD = "last_good", _("the last good version")
    KEEP = "keep", _("the same version, flagged")
    STOP = "stop", _("nothing")


#: Who may be named to confirm: persons of a role that signs. Policy owners write the rule and do not apply it.
CONFIRMERS: frozenset[str] = frozenset(role.value for role in VOTING_ROLES - {Role.POLICY_OWNER})
KEYS = {"notice_hours", "confirm", "fallback"}


def checked_responses(responses: Mapping[str, Any]) -> dict[str, Any]:
    """The responses as they will be kept, each with all three keys.

    Raises:
        errors.Invalid: naming `responses.<cause>` where something is unknown, of another type, or contradicts itself.
    """
    kept: dict[str, Any] = {}
    faults: dict[str, list[Any]] = {}
    for cause, given in responses.items():
        fault = fault_of(cause, given)
        if fault:
            faults[f"responses.{cause}"] = [fault]
        else:
            kept[cause] = {"notice_hours": given.get("notice_hours", 0), "confirm": given.get("confirm"),
                           "fallback": given["fallback"]}  # fmt: skip
    if faults:
        raise errors.Invalid(_now("A response to a change under a live model is wrong."), errors=faults)
    return kept


def fault_of(cause: str, given: Any) -> str:
    """What is wrong with the response to one cause; "" where nothing is."""
    if cause not in Cause.values:
        return _now("There is no such cause. One of: %(known)s.") % {"known": ", ".join(Cause.values)}
    if not isinstance(given, Mapping) or given.keys() - KEYS or "fallback" not in given:
        return _now("A response is {notice_hours, confirm, fallback}.")
    hours, confirm = given.get("notice_hours", 0), given.get("confirm")
    if type(hours) is not int or not 0 <= hours <= MOST_HOURS:
        return _now("notice_hours is a whole number from 0 to %(most)d.") % {"most": MOST_HOURS}
    if confirm is not None and confirm not in CONFIRMERS:
        return _now("confirm is null or one of: %(known)s.") % {"known": ", ".join(sorted(CONFIRMERS))}
    if given["fallback"] not in Fallback.values:
        return _now("fallback is one of: %(known)s.") % {"known": ", ".join(Fallback.values)}
    if confirm is not None and hours == 0:
        return _now("Without notice nobody has time to confirm: give hours, or leave confirm out.")
    return ""
