"""Intake: a model proposed before it is trained, the questions it was asked, and overrides of the tier that follows."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.fields import NumberedField
from governance.history.models import BornFinalModel
from lineage.models.fields import NAME_PATTERN, TOKEN_PATTERN
from lineage.models.model_registry import Model, RiskTier


class RiskQuestionSet(BornFinalModel):
    """The risk questions as worded from a moment on. What a tier follows from is fixed; how it is asked is not."""

    namespace_path = ""

    number = NumberedField(
        _("number"), blank=True, editable=False, help_text=_("1, 2, 3… without gaps; the greatest is asked now.")
    )
    questions = models.JSONField(
        _("questions"), help_text=_("[{key, text}], each question of the tier's rule once, in the order it is asked.")
    )

    class Meta:
        verbose_name = _("set of risk questions")
        verbose_name_plural = _("sets of risk questions")
        constraints = [models.UniqueConstraint(fields=["number"], name="risk_question_set_number_unique")]

    def __str__(self) -> str:
        return f"{self.number}"


class Intake(BornFinalModel):
    """A model as it is proposed: what for, where, on which data, at which risk. Who recorded it asked and answered."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="intakes", verbose_name=_("namespace")
    )
    name = models.CharField(
        _("model's name"),
        max_length=256,
        help_text=_("The name the model has or will have in its namespace [CDX name]."),
    )
    title = models.CharField(_("title"), max_length=256, blank=True, help_text=_("A name for people."))
    description = models.TextField(
        _("what it will do"), help_text=_("What it decides or advises, on whom, up to 5,000 characters.")
    )
    business_case = models.TextField(
        _("business case"), help_text=_("Why it is wanted, and what would be done without it, up to 5,000 characters.")
    )
    intended_purpose = models.CharField(
        _("intended purpose"), max_length=160, help_text=_("As dpv:Name [DPV Purpose].")
    )
    out_of_scope_uses = models.TextField(
        _("out-of-scope uses"), blank=True, help_text=_("What it must not be used for [CDX useCases].")
    )
    deployment_geography = ArrayField(
        models.CharField(max_length=7),
        verbose_name=_("to be deployed in"),
        help_text=_("ISO 3166 codes or blocs where it is to decide [D&TA processing geography]."),
    )
    affected = models.TextField(
        _("who is affected"), help_text=_("Persons or groups its answers bear on, up to 5,000 characters.")
    )
    expected_data = models.TextField(
        _("expected data"), help_text=_("The data it is to be trained on, and where that comes from.")
    )
    approach = models.TextField(
        _("approach"), blank=True, help_text=_("Kind of model, bought or built, and alternatives looked at.")
    )
    oversight = models.TextField(
        _("human oversight"), blank=True, help_text=_("Who looks at its answers and can stop it.")
    )
    owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("The person who will answer for the model."),
    )
    decision_owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("decision owner"),
        help_text=_("The person who will answer for the decisions made with it."),
    )
    question_set = models.ForeignKey(
        RiskQuestionSet,
        on_delete=models.PROTECT,
        related_name="intakes",
        verbose_name=_("questions asked"),
        help_text=_("The wording that was put; the newest at that time."),
    )
    risk_answers = models.JSONField(
        _("risk answers"), help_text=_("{question: true or false}, every question of the set.")
    )
    risk_tier = models.CharField(
        _("risk tier"),
        max_length=8,
        choices=RiskTier,
        blank=True,
        editable=False,
        help_text=_("What follows from the answers, worked out by the database."),
    )

    class Meta:
        verbose_name = _("intake")
        verbose_name_plural = _("intakes")
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="intake_name_well_formed"),
            models.CheckConstraint(condition=Q(risk_tier__in=RiskTier.values), name="intake_risk_tier_known"),
            models.CheckConstraint(
                condition=Q(intended_purpose__regex=TOKEN_PATTERN), name="intake_purpose_well_formed"
            ),
            *(
                models.CheckConstraint(condition=Q(**{f"{name}__regex": r"[^[:space:]]"}), name=f"intake_has_{name}")
                for name in ("description", "business_case", "affected", "expected_data")
            ),
        ]
        indexes = [models.Index(fields=["namespace", "name", "-id"], name="intake_of_model")]

    def __str__(self) -> str:
        return self.name


class IntakeDecision(BornFinalModel):
    """Whether a proposal may go ahead. Another person's than who proposed it, and once."""

    namespace_path = "intake__namespace"

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")

    intake = models.OneToOneField(Intake, on_delete=models.PROTECT, related_name="decision", verbose_name=_("intake"))
    kind = models.CharField(_("decision"), max_length=8, choices=Kind)
    reason = models.TextField(_("reason"), help_text=_("Why, and under what conditions, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("decision on an intake")
        verbose_name_plural = _("decisions on intakes")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["accepted", "declined"]), name="intake_decision_kind_known"),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="intake_decision_has_reason"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class TierOverride(BornFinalModel):
    """A risk manager's signature under another tier than the one that follows from the answers.

    The database applies it. One that lowers the tier lasts as long as the answers it was signed upon; one that raises
    it is a floor. An empty tier takes the override before it back.
    """

    namespace_path = "model__namespace"

    model = models.ForeignKey(
        Model, on_delete=models.PROTECT, related_name="tier_overrides", db_index=False, verbose_name=_("model")
    )
    tier = models.CharField(
        _("tier"),
        max_length=8,
        choices=RiskTier,
        blank=True,
        help_text=_("Empty: what follows from the answers again."),
    )
    derived_tier = models.CharField(
        _("followed from the answers"), max_length=8, choices=RiskTier, blank=True, editable=False,
        help_text=_("When it was signed; set by the database."),
    )  # fmt: skip
    answers = models.JSONField(
        _("answers"), default=dict, blank=True, editable=False, help_text=_("When it was signed; set by the database.")
    )
    reason = models.TextField(_("reason"), help_text=_("Why, 1 to 2,000 characters; part of what is signed."))
    printed_name = models.CharField(
        _("printed name"), max_length=200, blank=True, editable=False, help_text=_("Set by the database [P11 11.50].")
    )
    meaning = models.CharField(_("meaning"), max_length=200, help_text=_("What the signature means [P11 11.50]."))
    signed_at = models.DateTimeField(
        _("signed at"), null=True, blank=True, editable=False, help_text=_("By the database's clock (UTC) [P11 11.50].")
    )
    statement = models.TextField(_("statement"), help_text=_("What was signed, word for word."))
    statement_digest = models.CharField(_("statement's digest"), max_length=64, help_text=_("SHA-256, hexadecimal."))
    role_grant = models.ForeignKey(
        "governance.RoleGrant", on_delete=models.PROTECT, related_name="+", verbose_name=_("role grant used")
    )
    reauthenticated_at = models.DateTimeField(
        _("re-authenticated at"), help_text=_("At most five minutes before signing (UTC) [P11 11.200].")
    )
    reauthentication_method = models.CharField(
        _("re-authentication method"), max_length=20, help_text=_("password, or another proof.")
    )

    class Meta:
        verbose_name = _("override of a risk tier")
        verbose_name_plural = _("overrides of risk tiers")
        constraints = [
            models.CheckConstraint(condition=Q(tier="") | Q(tier__in=RiskTier.values), name="tier_override_tier_known"),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="tier_override_has_reason"),
            models.CheckConstraint(condition=Q(meaning__regex=r"[^[:space:]]"), name="tier_override_has_meaning"),
        ]
        indexes = [models.Index(fields=["model", "-id"], name="tier_override_newest")]

    def __str__(self) -> str:
        return self.tier
