"""Terms that a house adds to the published vocabularies."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.fields import DeterminedField
from governance.history.models import GovernedModel
from lineage.models.fields import TOKEN_PATTERN


class VocabularyTerm(GovernedModel):
    """A term of the house's own, such as ``bank:MortgageScoring`` below ``dpv:CreditChecking``.

    What it means and what lies above it never change; it may be retired, and then stands only where it stood already.
    """

    namespace_path = ""
    updatable = ("retired",)

    class Scheme(models.TextChoices):
        """The vocabularies that take terms of a house."""

        PURPOSE = "purpose", _("purposes of use")
        PERSONAL_DATA = "personal-data", _("categories of personal data")
        DATA_SUBJECT = "data-subject", _("whom data is about")

    scheme = models.CharField(
        _("vocabulary"), max_length=32, choices=Scheme, help_text=_("Which vocabulary it adds to [DPV].")
    )
    term = models.CharField(
        _("term"),
        max_length=160,
        help_text=_("prefix:Name with a prefix of the house's own, such as bank:MortgageScoring [IRI]."),
    )
    label = models.CharField(_("label"), max_length=256, help_text=_("What people read [SKOS prefLabel]."))
    definition = models.TextField(
        _("definition"), help_text=_("What it means and what not, 1 to 2,000 characters [SKOS definition].")
    )
    broader = ArrayField(
        models.CharField(max_length=160),
        verbose_name=_("broader terms"),
        default=list,
        blank=True,
        help_text=_("Terms of the same vocabulary that it is a case of [SKOS broader]."),
    )
    special = DeterminedField(
        _("special category"),
        default=False,
        help_text=_(
            "Of a category of personal data: whether GDPR article 9 covers it; what lies below a special one is [DPV]."
        ),
    )
    retired = models.BooleanField(
        _("retired"), default=False, help_text=_("Whether it is offered and taken no more; what bears it keeps it.")
    )

    class Meta:
        verbose_name = _("term of a vocabulary")
        verbose_name_plural = _("terms of vocabularies")
        constraints = [
            models.UniqueConstraint(fields=["scheme", "term"], name="vocabulary_term_unique_in_scheme"),
            models.CheckConstraint(
                condition=Q(scheme__in=["purpose", "personal-data", "data-subject"]), name="vocabulary_scheme_known"
            ),
            models.CheckConstraint(condition=Q(term__regex=TOKEN_PATTERN), name="vocabulary_term_well_formed"),
            models.CheckConstraint(
                condition=Q(label__regex=r"[^[:space:]]") & Q(definition__regex=r"[^[:space:]]"),
                name="vocabulary_term_explained",
            ),
        ]

    def __str__(self) -> str:
        return self.term
