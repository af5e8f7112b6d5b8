"""What a release must show: policies, their immutable versions, their requirements, and which version is active."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment, Slot
from approvals.models.fields import NumberedField, TransactionField
from governance.history.models import BornFinalModel
from lineage.models import RiskTier


class RequirementKind(models.TextChoices):
    """What a requirement asks; each kind is one SQL function in approvals/gate."""

    ARTIFACT = "artifact", _("artifact")
    PROVENANCE = "provenance", _("provenance")
    TERMS = "terms", _("terms")
    SENSITIVITY = "sensitivity", _("sensitive data")
    EVIDENCE = "evidence", _("evidence")
    SIGNOFF = "signoff", _("sign-off")
    FINDINGS = "findings", _("findings")


class Aspect(models.TextChoices):
    """Content that a vote can bind to; a change in a bound aspect makes the vote stale."""

    SUBJECT = "subject", _("artifact, code and parameters")
    DATA = "data", _("the data it was made from")
    PRIVACY = "privacy", _("terms and sensitivity of the data")
    USE = "use", _("purpose, tier, environment and slot")
    EVIDENCE = "evidence", _("the evidence seen")
    REQUIREMENT = "requirement", _("the requirement's text")
    ROLE = "role", _("the role grant used")


class Policy(BornFinalModel):
    """The place of a policy: one namespace or everywhere, one environment, one risk tier, one slot or every slot.

    The most particular place with a policy in force decides: a namespace's before everyone's, a slot's before that of
    every slot. It may only tighten what would hold without it (`muniment.looser_than`).
    """

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="policies",
        verbose_name=_("namespace"),
        help_text=_("Blank: everywhere a namespace has no policy of its own in force."),
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="policies", verbose_name=_("environment")
    )
    risk_tier = models.CharField(_("risk tier"), max_length=8, choices=RiskTier)
    slot = models.CharField(
        _("slot"),
        max_length=10,
        choices=Slot,
        blank=True,
        default="",
        help_text=_("Blank: every slot without its own."),
    )

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "risk_tier", "namespace", "slot"],
                nulls_distinct=False,
                name="policy_place_unique",
            ),
            models.CheckConstraint(condition=Q(risk_tier__in=RiskTier.values), name="policy_risk_tier_known"),
            models.CheckConstraint(condition=Q(slot="") | Q(slot__in=Slot.values), name="policy_slot_known"),
        ]

    def __str__(self) -> str:
        where = self.namespace.name if self.namespace else _("everywhere")
        place = f"{where} · {self.environment} · {self.get_risk_tier_display()}"
        return f"{place} · {self.get_slot_display()}" if self.slot else place


class PolicyVersion(BornFinalModel):
    """An immutable text of a policy: written with all its requirements in one transaction, in force once published."""

    namespace_path = "policy__namespace"

    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, related_name="versions", db_index=False, verbose_name=_("policy")
    )
    number = NumberedField(_("number"), blank=True, editable=False, help_text=_("1, 2, 3… per policy."))
    summary = models.TextField(_("summary"), blank=True, help_text=_("What it asks and why, for people."))
    responses = models.JSONField(
        _("responses"),
        default=dict,
        blank=True,
        help_text=_("What is done when a fact changes under a live model: cause -> {notice_hours, confirm, fallback}."),
    )
    review_days = models.PositiveSmallIntegerField(
        _("review after days"),
        null=True,
        blank=True,
        help_text=_("What is live is reviewed so many days after it went live; blank: never."),
    )
    review_grace_days = models.PositiveSmallIntegerField(
        _("grace of a review"),
        null=True,
        blank=True,
        help_text=_("Days after which a due review is overdue; blank: none, at once."),
    )
    written_in = TransactionField(_("transaction"), blank=True, editable=False)

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_unique"),
            models.CheckConstraint(
                condition=Q(review_days__isnull=True) | Q(review_days__gte=1, review_days__lte=3650),
                name="policy_version_review_days",
            ),
            models.CheckConstraint(
                condition=Q(review_grace_days__isnull=True)
                | Q(review_days__isnull=False, review_grace_days__gte=0, review_grace_days__lte=365),
                name="policy_version_review_grace",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} · {self.number}"


class Requirement(BornFinalModel):
    """One thing a policy version asks. Parameters are typed per kind (`approvals/policies.py`)."""

    namespace_path = "policy_version__policy__namespace"

    policy_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        related_name="requirements",
        db_index=False,
        verbose_name=_("policy version"),
    )
    position = models.PositiveSmallIntegerField(_("position"), help_text=_("Order of asking, 1, 2, 3…"))
    key = models.CharField(
        _("key"), max_length=100, help_text=_("Unique in its policy version; lower-case words joined by '-'.")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=RequirementKind)
    title = models.CharField(_("title"), max_length=200, blank=True, help_text=_("For people; blank: from the kind."))
    params = models.JSONField(_("parameters"), default=dict, blank=True, help_text=_("Typed per kind."))
    binds = ArrayField(
        models.CharField(max_length=12, choices=Aspect),
        verbose_name=_("binds to"),
        default=list,
        blank=True,
        help_text=_("For sign-offs: aspects whose change makes a vote stale."),
    )

    class Meta:
        verbose_name = _("requirement")
        verbose_name_plural = _("requirements")
        constraints = [
            models.UniqueConstraint(fields=["policy_version", "key"], name="requirement_key_unique"),
            models.UniqueConstraint(fields=["policy_version", "position"], name="requirement_position_unique"),
            models.CheckConstraint(condition=Q(kind__in=RequirementKind.values), name="requirement_kind_known"),
            models.CheckConstraint(condition=Q(key__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"), name="requirement_key_form"),
            models.CheckConstraint(condition=Q(binds__contained_by=Aspect.values), name="requirement_binds_known"),
            models.CheckConstraint(
                condition=~Q(kind="signoff") | Q(binds__len__gt=0), name="requirement_signoff_binds_something"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.key


class PolicyPublication(BornFinalModel):
    """A policy version goes into force: published by a second policy owner (its writer is the first).

    The newest publication of a policy names its active version, unless it has lapsed.
    """

    namespace_path = "policy_version__policy__namespace"

    policy_version = models.OneToOneField(
        PolicyVersion, on_delete=models.PROTECT, related_name="publication", verbose_name=_("policy version")
    )

    class Meta:
        verbose_name = _("policy publication")
        verbose_name_plural = _("policy publications")

    def __str__(self) -> str:
        return str(self.policy_version)


class PolicyLapse(BornFinalModel):
    """A policy loses its force: one above it was published that asks more. Written by that publication alone.

    What is above holds there until a new version of this policy is published.
    """

    namespace_path = "publication__policy_version__policy__namespace"
    written_by_database = True

    publication = models.OneToOneField(
        PolicyPublication, on_delete=models.PROTECT, related_name="lapse", verbose_name=_("publication")
    )
    cause = models.ForeignKey(
        PolicyPublication,
        on_delete=models.PROTECT,
        related_name="lapses_caused",
        verbose_name=_("cause"),
        help_text=_("The publication that asks more."),
    )
    loosened = models.JSONField(
        _("loosened"), help_text=_("In what it asks less: [{key, field, parent, child}], as at publishing.")
    )

    class Meta:
        verbose_name = _("lapse of a policy")
        verbose_name_plural = _("lapses of policies")

    def __str__(self) -> str:
        return str(self.publication)
