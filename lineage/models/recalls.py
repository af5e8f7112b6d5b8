"""Bytes that must not be used any more, wherever they are."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel


class Recall(BornFinalModel):
    """A digest is recalled: an artifact with it serves nowhere any more, and data with it is no source.

    It reaches every namespace and environment and is final. By a risk manager, compliance officer or data steward who
    holds that role where the digest is on record, or everywhere (a trigger holds it).
    """

    namespace_path = ""

    digest_algorithm = models.CharField(_("digest algorithm"), max_length=16, help_text=_("Such as sha256 [CR]."))
    digest_value = models.CharField(_("digest"), max_length=128, help_text=_("Lowercase hexadecimal [CR sha256]."))
    reason = models.TextField(_("reason"), help_text=_("Why, 1 to 2,000 characters; read in every namespace."))

    class Meta:
        verbose_name = _("recall")
        verbose_name_plural = _("recalls")
        constraints = [
            models.UniqueConstraint(fields=["digest_value", "digest_algorithm"], name="recall_once_per_digest"),
            models.CheckConstraint(
                condition=Q(digest_algorithm__regex=r"^[a-z0-9]+$") & Q(digest_value__regex=r"^[0-9a-f]+$"),
                name="recall_digest_well_formed",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="recall_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.digest_algorithm}:{self.digest_value[:12]}"
