"""Which tracking server a namespace's models are logged to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel


class TrackingServer(BornFinalModel):
    """An MLflow server that workers may read for a namespace. The newest is in force; a blank address names none.

    Its secret stands outside the record, with the operator (lineage/tracking/secrets.py).
    """

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace",
        on_delete=models.PROTECT,
        related_name="tracking_servers",
        db_index=False,
        verbose_name=_("namespace"),
    )
    uri = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        help_text=_("Base address, as users write it in MLFLOW_TRACKING_URI; blank: none any more [MLflow]."),
    )

    class Meta:
        verbose_name = _("tracking server")
        verbose_name_plural = _("tracking servers")
        constraints = [
            models.CheckConstraint(
                condition=Q(uri="") | Q(uri__regex=r"^https?://[^[:space:][:cntrl:]?#@\\]+$"),
                name="tracking_server_uri_well_formed",
            ),
        ]
        indexes = [models.Index(fields=["namespace", "-id"], name="tracking_server_newest")]

    def __str__(self) -> str:
        return self.uri or str(_("none"))
