"""What the policy answered when a fact changed under a live promotion, and what became of it."""

from collections.abc import Mapping
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.policies import PolicyVersion
from approvals.models.promotions import Promotion
from approvals.responses import Cause
from governance.history.models import BornFinalModel

#: Masks the way of a change for a reader (approvals/gate/95_reading.sql).
CHAIN_READ_BY: Final = "muniment.chain_read_by"


class ServingNotice(BornFinalModel):
    """A fact changed under a live promotion: what, by which way it reaches it, and the policy's response as it stood.

    Written by the database in the transaction of the fact. It stands until its end is recorded, or the promotion's. A
    standing one whose time is over and whose response is not to keep reads as: may not serve.
    """

    namespace_path = "promotion__release__model_version__model__namespace"
    written_by_database = True
    masked: ClassVar[Mapping[str, str]] = {"chain": CHAIN_READ_BY}

    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, related_name="notices", verbose_name=_("promotion")
    )
    cause = models.CharField(_("cause"), max_length=20, choices=Cause)
    cause_id = models.BigIntegerField(
        _("record that is the cause"),
        help_text=_(
            "Withdrawal, terms, flag, recall, evidence, finding, review, reading, correction or model, by cause."
        ),
    )
    chain = models.JSONField(
        _("chain"), help_text=_("Records from cause to promotion: a list of {kind, id, page, name, detail, namespace}.")
    )
    response = models.JSONField(
        _("response"), help_text=_("The policy's as it stood: {notice_hours, confirm, fallback}.")
    )
    policy_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("policy version"),
        help_text=_("Where the response stands; blank: no policy was published."),
    )
    due_at = models.DateTimeField(
        _("due at"), null=True, blank=True, help_text=_("End of the notice (UTC); blank: it keeps serving, flagged.")
    )

    class Meta:
        verbose_name = _("serving notice")
        verbose_name_plural = _("serving notices")
        constraints = [models.CheckConstraint(condition=Q(cause__in=Cause.values), name="serving_notice_cause_known")]

    def __str__(self) -> str:
        return f"{self.get_cause_display()} · {self.promotion_id}"


class ServingNoticeEnd(BornFinalModel):
    """What became of a serving notice; at most one each, and final."""

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed to keep serving")
        CARRIED_OUT = "carried_out", _("carried out")
        CLEARED = "cleared", _("cleared: the cause is gone")

    namespace_path = "notice__promotion__release__model_version__model__namespace"

    notice = models.OneToOneField(
        ServingNotice, on_delete=models.PROTECT, related_name="end", verbose_name=_("serving notice")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    reason = models.TextField(_("reason"), help_text=_("Why, 1 to 2,000 characters."))
    fallback = models.ForeignKey(
        Promotion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("serves instead"),
        help_text=_("Set by the database when it is carried out; blank: nothing."),
    )

    class Meta:
        verbose_name = _("end of a serving notice")
        verbose_name_plural = _("ends of serving notices")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["confirmed", "carried_out", "cleared"]), name="serving_notice_end_kind_known"
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="serving_notice_end_has_reason"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
