"""What the doors remember for a while: answers to keyed calls, and how often an account called. Nothing is evidence."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Principal


class IdempotencyKey(models.Model):
    """A call made under an Idempotency-Key, and its answer once there is one. Kept for a day (idempotency.KEPT_FOR).

    Neither the key nor the body is kept, only what recognises them. Hidden from the auditor's login: answers are for
    those they were given to.
    """

    principal = models.ForeignKey(Principal, on_delete=models.PROTECT, related_name="+", verbose_name=_("principal"))
    key_hash = models.CharField(_("key"), max_length=64, help_text=_("SHA-256 of the key, hex."))
    call = models.CharField(
        _("call"), max_length=64, help_text=_("HMAC-SHA-256 over method, address, content type and body, hex.")
    )
    started_at = models.DateTimeField(_("started"))
    lease = models.UUIDField(_("lease"), help_text=_("Of the request that is carrying it out."))
    lease_ends_at = models.DateTimeField(_("lease ends"), help_text=_("From then on another may take it over."))
    action_id = models.UUIDField(_("action"), null=True, help_text=_("The act it was; written in its transaction."))
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    headers = models.JSONField(_("headers"), default=dict)
    body = models.TextField(_("body"), default="")

    class Meta:
        verbose_name = _("keyed call")
        verbose_name_plural = _("keyed calls")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["principal", "key_hash"], name="idempotencykey_once_per_account"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["started_at"], name="idempotencykey_age")]

    def __str__(self) -> str:
        return f"{self.key_hash[:12]}…"


class RateCount(models.Model):
    """How many calls an account made in the running window; one row per account. Unlogged: a crash forgets it."""

    principal = models.OneToOneField(
        Principal, on_delete=models.PROTECT, related_name="+", primary_key=True, verbose_name=_("principal")
    )
    period = models.BigIntegerField(_("period"), help_text=_("Number of the window since 1970."))
    calls = models.PositiveIntegerField(_("calls"))

    class Meta:
        verbose_name = _("count of calls")
        verbose_name_plural = _("counts of calls")

    def __str__(self) -> str:
        return f"{self.principal_id}: {self.calls}"
