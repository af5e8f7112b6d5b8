"""Under what terms data was collected, and their withdrawal."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from governance.history.fields import DeterminedField, NumberedField
from governance.history.models import BornFinalModel
from lineage.models.datasets import Dataset
from lineage.models.fields import TOKEN_PATTERN


class ConsentStatus(models.TextChoices):
    """Where consent stands [DPV ConsentStatus]; blank where the legal basis is not consent."""

    GIVEN = "dpv:ConsentGiven", _("given")
    RENEWED = "dpv:RenewedConsentGiven", _("renewed")
    REQUESTED = "dpv:ConsentRequested", _("requested")
    DEFERRED = "dpv:ConsentRequestDeferred", _("request deferred")
    REFUSED = "dpv:ConsentRefused", _("refused")
    EXPIRED = "dpv:ConsentExpired", _("expired")
    INVALIDATED = "dpv:ConsentInvalidated", _("invalidated")
    REVOKED = "dpv:ConsentRevoked", _("revoked")
    WITHDRAWN = "dpv:ConsentWithdrawn", _("withdrawn")
    UNKNOWN = "dpv:ConsentUnknown", _("unknown")


class LegalBasis(models.TextChoices):
    """Lawfulness of processing, GDPR article 6(1) [DPV eu-gdpr]."""

    CONSENT = "eu-gdpr:A6-1-a", _("6(1)(a) consent")
    CONTRACT = "eu-gdpr:A6-1-b", _("6(1)(b) contract")
    LEGAL_OBLIGATION = "eu-gdpr:A6-1-c", _("6(1)(c) legal obligation")
    VITAL_INTEREST = "eu-gdpr:A6-1-d", _("6(1)(d) vital interest")
    PUBLIC_TASK = "eu-gdpr:A6-1-e", _("6(1)(e) public interest or official authority")
    LEGITIMATE_INTEREST = "eu-gdpr:A6-1-f", _("6(1)(f) legitimate interest")


class SpecialCondition(models.TextChoices):
    """Conditions for special categories, GDPR article 9(2) [DPV eu-gdpr]."""

    EXPLICIT_CONSENT = "eu-gdpr:A9-2-a", _("9(2)(a) explicit consent")
    EMPLOYMENT = "eu-gdpr:A9-2-b", _("9(2)(b) employment and social security")
    VITAL_INTEREST = "eu-gdpr:A9-2-c", _("9(2)(c) vital interest")
    FOUNDATION = "eu-gdpr:A9-2-d", _("9(2)(d) not-for-profit body")
    MADE_PUBLIC = "eu-gdpr:A9-2-e", _("9(2)(e) made public by the data subject")
    LEGAL_CLAIMS = "eu-gdpr:A9-2-f", _("9(2)(f) legal claims")
    PUBLIC_INTEREST = "eu-gdpr:A9-2-g", _("9(2)(g) substantial public interest")
    HEALTH_CARE = "eu-gdpr:A9-2-h", _("9(2)(h) health or social care")
    PUBLIC_HEALTH = "eu-gdpr:A9-2-i", _("9(2)(i) public health")
    RESEARCH = "eu-gdpr:A9-2-j", _("9(2)(j) archiving, research, statistics")


def token_list(verbose_name: Any, help_text: Any) -> "ArrayField[Any, Any]":
    """A list of tokens; each element's form is checked by the trigger ``lineage_terms_rules``."""
    return ArrayField(
        models.CharField(max_length=160), verbose_name=verbose_name, default=list, blank=True, help_text=help_text
    )


class CollectionTerms(BornFinalModel):
    """What the data may be used for, where and how long. Numbered per dataset; each supersedes the one before.

    In force at t: the highest number with ``effective_from <= t``, if t lies before its ``effective_to`` and it is not
    withdrawn. A withdrawn or ended one leaves none in force: the older ones were superseded and do not come back.
    """

    namespace_path = "dataset__namespace"

    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="terms", db_index=False, verbose_name=_("dataset")
    )
    number = NumberedField(
        _("number"),
        blank=True,
        editable=False,
        help_text=_("1, 2, 3… per dataset without gaps, set by the database."),
    )
    licence = models.CharField(
        _("licence"),
        max_length=128,
        help_text=_("SPDX licence id, or LicenseRef-… with the document's digest [SPDX, D&TA license to use]."),
    )
    document_digest = models.CharField(
        _("document digest"),
        max_length=80,
        blank=True,
        help_text=_("Of the licence or agreement: sha256: and 64 lowercase hexadecimal characters."),
    )
    consent_status = models.CharField(
        _("consent"), max_length=64, blank=True, choices=ConsentStatus, help_text=_("Where consent stands [DPV].")
    )
    consent_evidence = models.TextField(
        _("consent evidence"),
        blank=True,
        help_text=_("Where the evidence of consent lies [D&TA consent documentation location]."),
    )
    legal_basis = models.CharField(
        _("legal basis"),
        max_length=20,
        blank=True,
        choices=LegalBasis,
        help_text=_("GDPR 6(1); blank where no personal data is involved [DPV eu-gdpr]."),
    )
    special_condition = models.CharField(
        _("condition for special categories"),
        max_length=20,
        blank=True,
        choices=SpecialCondition,
        help_text=_("GDPR 9(2) [DPV eu-gdpr]."),
    )
    original_purpose = models.CharField(
        _("original purpose"),
        max_length=160,
        blank=True,
        help_text=_("What it was collected for, as dpv:Name [DPV Purpose]."),
    )
    permitted_purposes = token_list(
        _("permitted purposes"), _("What it may be used for, as dpv:Name; empty permits nothing [DPV Purpose].")
    )
    forbidden_purposes = token_list(
        _("forbidden purposes"),
        _("What it must not be used for, nor for anything narrower; stands above what is permitted [DPV Purpose]."),
    )
    permits_narrower = models.BooleanField(
        _("narrower purposes included"),
        default=False,
        db_default=False,
        help_text=_(
            "Whether a permitted purpose covers those the vocabulary calls narrower; no: each is named [SKOS]."
        ),
    )
    permitted_geographies = token_list(
        _("processing permitted in"),
        _("ISO 3166 codes or blocs; empty: wherever it is not forbidden [D&TA processing geography inclusion]."),
    )
    forbidden_geographies = token_list(
        _("processing forbidden in"), _("ISO 3166 codes or blocs [D&TA processing geography exclusion].")
    )
    permitted_storage_geographies = token_list(
        _("storage permitted in"),
        _("ISO 3166 codes or blocs; empty: wherever it is not forbidden [D&TA storage geography inclusion]."),
    )
    forbidden_storage_geographies = token_list(
        _("storage forbidden in"), _("ISO 3166 codes or blocs [D&TA storage geography exclusion].")
    )
    controller = models.CharField(
        _("controller"), max_length=256, blank=True, help_text=_("Who decides on purpose and means [DPV].")
    )
    storage_duration_days = models.PositiveIntegerField(
        _("storage duration"),
        null=True,
        blank=True,
        help_text=_("Days it may be kept from effective_from, 1 or more; blank: no limit [DPV StorageDuration]."),
    )
    effective_from = models.DateTimeField(_("in force from"), help_text=_("First moment they hold."))
    effective_to = models.DateTimeField(
        _("in force until"), null=True, blank=True, help_text=_("First moment they hold no more; blank: no end.")
    )
    narrows = DeterminedField(
        _("narrows"),
        blank=True,
        editable=False,
        default=False,
        help_text=_("Whether they permit less than the terms before, worked out by the database."),
    )
    epoch = NumberedField(
        _("epoch"),
        blank=True,
        editable=False,
        default=1,
        help_text=_("Grows by one with terms that narrow and never shrinks; votes bound to privacy hold within one."),
    )

    class Meta:
        verbose_name = _("collection terms")
        verbose_name_plural = _("collection terms")
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="terms_number_unique_in_dataset"),
            models.CheckConstraint(condition=Q(number__gte=1), name="terms_number_positive"),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_from__lt=F("effective_to")),
                name="terms_period_in_order",
            ),
            models.CheckConstraint(
                condition=Q(licence__regex=r"^[A-Za-z0-9][A-Za-z0-9.+:() -]*$"), name="terms_licence_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(document_digest="") | Q(document_digest__regex=r"^sha256:[0-9a-f]{64}$"),
                name="terms_document_digest_well_formed",
            ),
            models.CheckConstraint(
                condition=Q(consent_status="") | Q(consent_status__in=ConsentStatus.values),
                name="terms_consent_status_known",
            ),
            models.CheckConstraint(
                condition=Q(legal_basis="") | Q(legal_basis__regex=r"^eu-gdpr:A6-1-[a-f]$"),
                name="terms_legal_basis_known",
            ),
            models.CheckConstraint(
                condition=Q(special_condition="") | Q(special_condition__regex=r"^eu-gdpr:A9-2-[a-j]$"),
                name="terms_special_condition_known",
            ),
            models.CheckConstraint(
                condition=Q(original_purpose="") | Q(original_purpose__regex=TOKEN_PATTERN),
                name="terms_original_purpose_well_formed",
            ),
            models.CheckConstraint(
                condition=Q(storage_duration_days__isnull=True) | Q(storage_duration_days__gte=1),
                name="terms_storage_duration_positive",
            ),
        ]
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="terms_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class TermsWithdrawal(BornFinalModel):
    """The end of terms before their time; at most one each, and final."""

    namespace_path = "terms__dataset__namespace"

    terms = models.OneToOneField(
        CollectionTerms, on_delete=models.PROTECT, related_name="withdrawal", verbose_name=_("terms")
    )
    reason = models.TextField(_("reason"), help_text=_("Why they were withdrawn, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("withdrawal of terms")
        verbose_name_plural = _("withdrawals of terms")
        constraints = [
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="terms_withdrawal_has_reason"),
        ]

    def __str__(self) -> str:
        return self.reason[:80]
