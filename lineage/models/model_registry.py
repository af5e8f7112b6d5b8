"""Models and their versions."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.fields import NumberedField
from governance.history.models import GovernedModel
from lineage.models.fields import (
    NAME_PATTERN,
    TOKEN_PATTERN,
    digest_algorithm_field,
    digest_condition,
    digest_value_field,
)
from lineage.models.runs import Run


class RiskTier(models.TextChoices):
    """How much depends on the model; decides what the policy asks."""

    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")
    LOW = "low", _("low")


class Model(GovernedModel):
    """A model under one name: what it is for, and who answers for it."""

    namespace_path = "namespace"
    updatable = (
        "name",
        "title",
        "description",
        "owner",
        "decision_owner",
        "intended_purpose",
        "out_of_scope_uses",
        "risk_tier",
        "risk_answers",
        "deployment_geography",
    )

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="models", verbose_name=_("namespace")
    )
    name = models.CharField(
        _("name"), max_length=256, help_text=_("Unique in its namespace, 1 to 256 characters [CDX name].")
    )
    title = models.CharField(_("title"), max_length=256, blank=True, help_text=_("A name for people."))
    description = models.TextField(
        _("description"), blank=True, help_text=_("What it does, up to 5,000 characters [CDX description].")
    )
    owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("owner"),
        help_text=_("The person who answers for the model."),
    )
    decision_owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("decision owner"),
        help_text=_("The person who answers for the decisions made with it."),
    )
    intended_purpose = models.CharField(
        _("intended purpose"),
        max_length=160,
        blank=True,
        help_text=_("What it is for, as dpv:Name; blank never passes the gate [DPV Purpose]."),
    )
    out_of_scope_uses = models.TextField(
        _("out-of-scope uses"), blank=True, help_text=_("What it must not be used for [CDX useCases].")
    )
    risk_tier = models.CharField(
        _("risk tier"),
        max_length=8,
        choices=RiskTier,
        default=RiskTier.HIGH,
        help_text=_("Worked out from the answers; high until all are given [SPDX safetyRiskAssessment]."),
    )
    risk_answers = models.JSONField(
        _("risk answers"), default=dict, blank=True, help_text=_("Answers to the risk questions: {question: yes/no}.")
    )
    deployment_geography = ArrayField(
        models.CharField(max_length=7),
        verbose_name=_("deployed in"),
        default=list,
        blank=True,
        help_text=_("ISO 3166 codes or blocs where it decides [D&TA processing geography]."),
    )
    use_epoch = NumberedField(
        _("epoch of use"),
        blank=True,
        editable=False,
        default=1,
        help_text=_("Grows by one when purpose, tier or places change; votes bound to use hold within one."),
    )

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="model_name_unique_in_namespace"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="model_name_well_formed"),
            models.CheckConstraint(condition=Q(risk_tier__in=RiskTier.values), name="model_risk_tier_known"),
            models.CheckConstraint(
                condition=Q(intended_purpose="") | Q(intended_purpose__regex=TOKEN_PATTERN),
                name="model_intended_purpose_well_formed",
            ),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="model_by_name"),
            models.Index(fields=["recorded_at", "id"], name="model_by_moment"),
            models.Index(fields=["namespace", "risk_tier"], name="model_by_tier"),  # which policies decide there
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(GovernedModel):
    """One trained artifact. Identified by model, digest and run, so that a retrain is never swallowed.

    Final once recorded, but for what was left blank: a `ModelVersionCompletion` fills digest and commit in, once. One
    registered without a digest stays identified by its address and run, so that a call sent again finds it.
    """

    namespace_path = "model__namespace"
    filled_in_later = ("digest_algorithm", "digest_value", "code_commit")

    model = models.ForeignKey(
        Model, on_delete=models.PROTECT, related_name="versions", db_index=False, verbose_name=_("model")
    )
    number = NumberedField(
        _("number"),
        blank=True,
        editable=False,
        help_text=_("1, 2, 3… per model without gaps, set by the database [CDX version]."),
    )
    artifact_uri = models.CharField(
        _("artifact"), max_length=2000, blank=True, help_text=_("URI where the artifact lies [CDX externalReferences].")
    )
    digest_algorithm = digest_algorithm_field()
    digest_value = digest_value_field(_("Of the artifact, lowercase hexadecimal [CDX hashes, SPDX verifiedUsing]."))
    source_run = models.ForeignKey(
        Run,
        on_delete=models.PROTECT,
        related_name="model_versions",
        null=True,
        blank=True,
        verbose_name=_("source run"),
        help_text=_("The run that trained it; what it was made from is read there [SPDX trainedOn]."),
    )
    code_commit = models.CharField(
        _("code commit"), max_length=128, blank=True, help_text=_("Commit of the training code [SPDX].")
    )
    parent_version = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="children",
        null=True,
        blank=True,
        verbose_name=_("parent version"),
        help_text=_("The version it was tuned or copied from [CDX pedigree ancestors]."),
    )
    supplier = models.CharField(
        _("supplier"), max_length=256, blank=True, help_text=_("Who made it, if bought or borrowed [SPDX suppliedBy].")
    )
    metrics = models.JSONField(
        _("metrics"), default=dict, blank=True, help_text=_("{name: finite number}, as reported [SPDX metric].")
    )
    parameters = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_("{name: text, finite number, true, false or null} [SPDX hyperparameter]."),
    )
    features_used = ArrayField(
        models.CharField(max_length=256),
        verbose_name=_("features used"),
        default=list,
        blank=True,
        help_text=_("Columns of the training data that the model reads [CDX modelParameters inputs]."),
    )
    model_card = models.JSONField(
        _("model card"),
        default=dict,
        blank=True,
        help_text=_(
            "An object: approach, task, architecture, inputs, outputs, performance, limitations, tradeoffs, "
            "fairness, oversight, autonomy_type, decision_thresholds [CDX modelCard, SPDX autonomyType, "
            "metricDecisionThreshold]."
        ),
    )
    filled_later = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("filled in later"),
        default=list,
        blank=True,
        editable=False,
        help_text=_("Which of digest and code_commit were blank at registration and filled in by a later record."),
    )

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="model_version_number_unique_in_model"),
            # The same bytes from another run are another version; from the same run they are the same one.
            models.UniqueConstraint(
                fields=["model", "digest_algorithm", "digest_value", "source_run"],
                condition=~Q(digest_value="") & ~Q(filled_later__contains=["digest"]),
                nulls_distinct=False,
                name="model_version_content_unique",
            ),
            models.UniqueConstraint(
                fields=["model", "artifact_uri", "source_run"],
                condition=Q(digest_value="") | Q(filled_later__contains=["digest"]),
                nulls_distinct=False,
                name="model_version_artifact_unique",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="model_version_number_positive"),
            models.CheckConstraint(condition=digest_condition(), name="model_version_digest_well_formed"),
            models.CheckConstraint(
                condition=~Q(digest_value="", artifact_uri="", source_run__isnull=True),
                name="model_version_identified",
            ),
            models.CheckConstraint(
                condition=Q(code_commit="") | Q(code_commit__regex=r"^[0-9A-Za-z._/-]{1,128}$"),
                name="model_version_code_commit_well_formed",
            ),
        ]
        indexes = [
            HashIndex(fields=["digest_value"], name="model_version_digest_idx"),
            HashIndex(fields=["artifact_uri"], name="model_version_artifact_idx"),
            models.Index(fields=["recorded_at", "id"], name="model_version_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"
