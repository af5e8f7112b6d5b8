"""A version's way into an environment, and the people's votes on it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment, Slot
from approvals.models.fields import BoundAspectsField, GivenTextField, MomentSetField
from approvals.models.policies import Requirement
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role
from governance.history.models import BornFinalModel

#: Who reads why somebody stepped aside, besides themselves.
OVERSEEING_CONFLICTS = (Role.AUDITOR.value, Role.COMPLIANCE_OFFICER.value)


class Release(BornFinalModel):
    """The asking for a promotion; open until closed. At most one open per version, environment and slot."""

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        db_index=False,
        related_name="releases",
        verbose_name=_("model version"),
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="releases", verbose_name=_("environment")
    )
    slot = models.CharField(_("slot"), max_length=10, choices=Slot, default=Slot.CHAMPION)
    purpose = models.CharField(
        _("purpose"), max_length=160, blank=True, help_text=_("What it is to be used for, as dpv:Name [DPV Purpose].")
    )
    trial_plan = models.ForeignKey(
        "approvals.Plan",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="trials",
        verbose_name=_("trial plan"),
        help_text=_("Of a challenger: what it is tried on, and what will count as better."),
    )
    trial_ends_at = models.DateTimeField(
        _("trial ends"),
        null=True,
        blank=True,
        help_text=_("A challenger serves no longer, at most a year ahead (UTC)."),
    )
    review_of = models.ForeignKey(
        "approvals.Promotion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reviews",
        verbose_name=_("review of"),
        help_text=_("The live promotion whose periodic review this is."),
    )
    change_plan = models.ForeignKey(
        "approvals.ChangePlan",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="releases",
        verbose_name=_("retraining envelope"),
        help_text=_("What may change by retraining afterwards; approved with the release, and by nothing else."),
    )

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        constraints = [
            models.CheckConstraint(condition=Q(slot__in=Slot.values), name="release_slot_known"),
            models.CheckConstraint(
                condition=Q(purpose="") | Q(purpose__regex=r"^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_-]{0,127}$"),
                name="release_purpose_well_formed",
            ),
        ]
        indexes = [
            models.Index(fields=["model_version", "environment", "slot"], name="release_of_version"),
            models.Index(fields=["recorded_at", "id"], name="release_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class ReleaseClosure(BornFinalModel):
    """The end of a release. `promoted` is written by the promotion itself."""

    class Kind(models.TextChoices):
        PROMOTED = "promoted", _("promoted")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    namespace_path = "release__model_version__model__namespace"

    release = models.OneToOneField(Release, on_delete=models.PROTECT, related_name="closure", verbose_name=_("release"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    reason = models.TextField(_("reason"), help_text=_("Why it was closed, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("closure of a release")
        verbose_name_plural = _("closures of releases")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["promoted", "rejected", "withdrawn"]), name="release_closure_kind_known"
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="release_closure_has_reason"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Vote(models.TextChoices):
    """What a signature says."""

    APPROVE = "approve", _("approve")
    REJECT = "reject", _("reject")


class ReauthenticationMethod(models.TextChoices):
    """How the signer proved again who they are."""

    PASSWORD = "password", _("password")
    PASSKEY = "passkey", _("passkey")
    SECOND_FACTOR = "second_factor", _("second factor")


class SignOff(BornFinalModel):
    """A signed vote of a person on one requirement of one release [P11 11.50, 11.200]. The signer is `recorded_by`."""

    namespace_path = "release__model_version__model__namespace"

    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, db_index=False, related_name="sign_offs", verbose_name=_("release")
    )
    requirement = models.ForeignKey(
        Requirement, on_delete=models.PROTECT, related_name="sign_offs", verbose_name=_("requirement")
    )
    vote = models.CharField(_("vote"), max_length=8, choices=Vote)
    printed_name = GivenTextField(
        _("printed name"), blank=True, editable=False, help_text=_("The signer's name at signing [P11 11.50(a)(1)].")
    )
    signed_at = MomentSetField(
        _("signed at"), blank=True, editable=False, help_text=_("By the database's clock, UTC [P11 11.50(a)(2)].")
    )
    meaning = models.TextField(_("meaning"), help_text=_("What the signature means [P11 11.50(a)(3)]."))
    comment = models.TextField(_("comment"), blank=True, help_text=_("Up to 5,000 characters."))
    statement = models.TextField(_("statement"), help_text=_("What was signed, word for word."))
    statement_digest = models.CharField(
        _("statement digest"), max_length=64, help_text=_("SHA-256 of the statement, lowercase hexadecimal.")
    )
    evidence_seen = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("evidence seen"),
        default=list,
        blank=True,
        help_text=_("Ids of the evidence that stood beside the statement."),
    )
    role_grant = models.ForeignKey(
        "governance.RoleGrant",
        on_delete=models.PROTECT,
        related_name="sign_offs",
        verbose_name=_("role grant"),
        help_text=_("The grant the vote was given under."),
    )
    reauthenticated_at = models.DateTimeField(
        _("re-authenticated at"), help_text=_("At most five minutes before signing [P11 11.200].")
    )
    reauthentication_method = models.CharField(_("re-authenticated by"), max_length=16, choices=ReauthenticationMethod)
    signature = models.TextField(
        _("signature"), blank=True, help_text=_("A passkey's assertion over the statement's digest; blank: none.")
    )
    conditions = models.JSONField(
        _("conditions"),
        default=list,
        blank=True,
        help_text=_("Of an approval: a list of {text, owner, due, when_overdue}; each opens a finding."),
    )
    bound = BoundAspectsField(
        _("bound to"), blank=True, editable=False, help_text=_("Aspect -> digest of its content when signed.")
    )

    class Meta:
        verbose_name = _("sign-off")
        verbose_name_plural = _("sign-offs")
        constraints = [
            models.CheckConstraint(condition=Q(vote__in=Vote.values), name="sign_off_vote_known"),
            models.CheckConstraint(
                condition=Q(reauthentication_method__in=ReauthenticationMethod.values),
                name="sign_off_reauthentication_known",
            ),
            models.CheckConstraint(condition=Q(meaning__regex=r"[^[:space:]]"), name="sign_off_has_meaning"),
            models.CheckConstraint(
                condition=Q(vote="approve") | Q(comment__regex=r"[^[:space:]]"), name="sign_off_rejection_says_why"
            ),
            models.CheckConstraint(
                condition=Q(statement_digest__regex=r"^[0-9a-f]{64}$"), name="sign_off_digest_well_formed"
            ),
        ]
        indexes = [
            models.Index(fields=["release", "requirement"], name="sign_off_of_release"),
            models.Index(fields=["recorded_at", "id"], name="sign_off_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.printed_name}: {self.get_vote_display()}"


class SignOffWithdrawal(BornFinalModel):
    """The author takes a vote back."""

    namespace_path = "sign_off__release__model_version__model__namespace"

    sign_off = models.OneToOneField(
        SignOff, on_delete=models.PROTECT, related_name="withdrawal", verbose_name=_("sign-off")
    )
    reason = models.TextField(_("reason"), help_text=_("Why it was taken back, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("withdrawal of a sign-off")
        verbose_name_plural = _("withdrawals of sign-offs")
        constraints = [
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="sign_off_withdrawal_has_reason"),
        ]

    def __str__(self) -> str:
        return self.reason[:80]


class VetoLift(BornFinalModel):
    """The head of a role lifts another's veto, after the policy's delay and with a reason. Its author is the head."""

    namespace_path = "sign_off__release__model_version__model__namespace"

    sign_off = models.OneToOneField(SignOff, on_delete=models.PROTECT, related_name="lift", verbose_name=_("sign-off"))
    role_grant = models.ForeignKey(
        "governance.RoleGrant",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("role grant"),
        help_text=_("The grant as head of the role."),
    )
    reason = models.TextField(_("reason"), help_text=_("Why the veto stands no more, 1 to 2,000 characters."))
    reauthenticated_at = models.DateTimeField(
        _("re-authenticated at"), help_text=_("At most five minutes before lifting it [P11 11.200].")
    )
    reauthentication_method = models.CharField(_("re-authenticated by"), max_length=16, choices=ReauthenticationMethod)

    class Meta:
        verbose_name = _("lifting of a veto")
        verbose_name_plural = _("liftings of vetoes")
        constraints = [
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="veto_lift_has_reason"),
            models.CheckConstraint(
                condition=Q(reauthentication_method__in=ReauthenticationMethod.values),
                name="veto_lift_reauthentication_known",
            ),
        ]

    def __str__(self) -> str:
        return self.reason[:80]


class ConflictOfInterest(BornFinalModel):
    """A person declares that they are not impartial about a model: they judge no version of it. It is `recorded_by`'s.

    A vote given before it was declared counts no more, for good; one given after its end counts again.
    """

    namespace_path = "model__namespace"
    search_hidden = True
    confidential = ("text",)

    @classmethod
    def confided_rows(cls, principal: Principal) -> models.QuerySet[Any]:
        """Those declared by the principal, and those in namespaces where they oversee conflicts."""
        roles = grants_in_force(principal).filter(role__in=OVERSEEING_CONFLICTS)
        held = set(roles.values_list("namespace", flat=True))
        rows = cls.objects.all()
        return rows if None in held else rows.filter(Q(recorded_by=principal) | Q(model__namespace__in=held))

    model = models.ForeignKey(
        "lineage.Model", on_delete=models.PROTECT, related_name="conflicts_of_interest", verbose_name=_("model")
    )
    text = models.TextField(
        _("text"), help_text=_("What the conflict is, 1 to 2,000 characters. Pages show it to those who oversee.")
    )
    until = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("When it ends (UTC); blank: it does not.")
    )

    class Meta:
        verbose_name = _("conflict of interest")
        verbose_name_plural = _("conflicts of interest")
        constraints = [
            models.CheckConstraint(condition=Q(text__regex=r"[^[:space:]]"), name="conflict_has_text"),
        ]

    def __str__(self) -> str:
        return f"{self.recorded_by}"
