"""Who acts: namespaces, principals and their grants (governed); sign-in accounts and API keys (not governed)."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from governance.accounts.roles import STAFF, VOTING_ROLES, Role
from governance.history.models import BornFinalModel, GovernedModel

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,99}$"


class Namespace(GovernedModel):
    """The unit of access: every dataset, run, model and policy belongs to one."""

    name = models.CharField(_("name"), max_length=100, help_text=_("Lower-case letters, digits, '.', '_' and '-'."))
    title = models.CharField(_("title"), max_length=200, blank=True, help_text=_("A name for people."))
    description = models.TextField(_("description"), blank=True, help_text=_("What it is for, and whose it is."))

    updatable = ("title", "description")
    namespace_path = "id"

    class Meta:
        verbose_name = _("namespace")
        verbose_name_plural = _("namespaces")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="namespace_name_unique"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="namespace_name_form"),
        ]

    def __str__(self) -> str:
        return self.name


class Principal(GovernedModel):
    """Someone or something that acts: a person, a service account, or the system itself."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        SERVICE = "service", _("Service account")
        SYSTEM = "system", _("System")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=200, help_text=_("Unique key; for a person the e-mail address."))
    display_name = models.CharField(_("display name"), max_length=200, help_text=_("As printed under a signature."))
    responsible = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="services",
        verbose_name=_("answers for it"),
        help_text=_("The person who answers for a service account."),
    )
    home_namespace = models.ForeignKey(
        Namespace,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("home namespace"),
        help_text=_("Where a service account registers when it names no namespace."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_demo = models.BooleanField(
        _("demo account"), default=False, help_text=_("Made by the demo; a production start refuses while one exists.")
    )

    updatable = ("display_name", "responsible", "is_active")
    namespace_path = ""

    class Meta:
        verbose_name = _("principal")
        verbose_name_plural = _("principals")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="principal_name_unique"),
            models.CheckConstraint(condition=Q(kind__in=["person", "service", "system"]), name="principal_kind"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(display_name=""), name="principal_named"),
            models.CheckConstraint(
                condition=Q(kind="service", responsible__isnull=False, home_namespace__isnull=False)
                | Q(~Q(kind="service"), responsible__isnull=True, home_namespace__isnull=True),
                name="principal_service_has_person_and_home",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name


class RoleGrant(GovernedModel):
    """A role given to a principal, in one namespace or everywhere; a two-person role waits for its second person."""

    principal = models.ForeignKey(
        Principal, on_delete=models.PROTECT, related_name="grants", verbose_name=_("principal")
    )
    role = models.CharField(_("role"), max_length=30, choices=Role.choices)
    namespace = models.ForeignKey(
        Namespace, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("namespace"),
        help_text=_("Empty: everywhere."),
    )  # fmt: skip
    on_behalf_of = models.ForeignKey(
        Principal, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("on behalf of"),
        help_text=_("Set: a delegation; the role is exercised for this person."),
    )  # fmt: skip
    effective_from = models.DateTimeField(
        _("in force from"),
        null=True,
        blank=True,
        help_text=_("Set by the database; empty until approved."),
    )
    effective_to = models.DateTimeField(
        _("in force until"), null=True, blank=True, help_text=_("First moment it counts no more, UTC; empty: no end.")
    )
    is_head = models.BooleanField(
        _("head of the role"),
        default=False,
        help_text=_("Heads its holders there: may lift another's veto after the policy's delay."),
    )
    approved_by = models.ForeignKey(
        Principal, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    ended_by = models.ForeignKey(
        Principal, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("ended by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    updatable = ("approved_by", "approved_at", "effective_from", "ended_by", "ended_at")

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="rolegrant_role"),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True)
                | Q(effective_from__isnull=True)
                | Q(effective_to__gt=F("effective_from")),
                name="rolegrant_period",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_at__isnull=True)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="rolegrant_approval_whole",
            ),
            models.CheckConstraint(
                condition=Q(ended_by__isnull=True, ended_at__isnull=True)
                | Q(ended_by__isnull=False, ended_at__isnull=False),
                name="rolegrant_end_whole",
            ),
            # A delegate does not decide over a colleague's veto, and what one person grants has no head.
            models.CheckConstraint(
                condition=Q(is_head=False)
                | Q(role__in=sorted(role.value for role in VOTING_ROLES), on_behalf_of__isnull=True),
                name="rolegrant_head_of_voting_role",
            ),
        ]
        indexes = [models.Index(fields=["principal", "role"], name="rolegrant_holder")]

    def __str__(self) -> str:
        where = self.namespace.name if self.namespace else _("everywhere")
        return f"{self.principal} · {self.get_role_display()} · {where}"


class CredentialEvent(BornFinalModel):
    """What happened to someone's credentials, on record although the credentials themselves are not."""

    class Kind(models.TextChoices):
        ACCOUNT_OPENED = "account_opened", _("Sign-in account opened")
        PASSWORD_SET = "password_set", _("First password set")
        PASSWORD_RESET = "password_reset", _("Password reset by mail or by another person")
        SIGNING_RESTORED = "signing_restored", _("Signing restored after a reset")
        PASSWORD_CHANGED = "password_changed", _("Password changed by its holder")
        KEY_ISSUED = "key_issued", _("API key issued")
        KEY_REVOKED = "key_revoked", _("API key revoked")

    principal = models.ForeignKey(
        Principal, on_delete=models.PROTECT, related_name="credential_events", verbose_name=_("principal")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    key_prefix = models.CharField(_("key prefix"), max_length=12, blank=True)

    namespace_path = ""

    class Meta:
        verbose_name = _("credential event")
        verbose_name_plural = _("credential events")
        indexes = [models.Index(fields=["principal", "kind"], name="credentialevent_of")]

    def __str__(self) -> str:
        return f"{self.principal}: {self.get_kind_display()}"


class UserManager(BaseUserManager["User"]):
    """Finds sign-in accounts by e-mail address, whatever its case; each comes with its principal.

    Every request with a session asks for both, and then asks once.
    """

    def get_queryset(self) -> "models.QuerySet[User]":
        return super().get_queryset().select_related("principal")

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person's sign-in account. It holds the password and nothing that gives a governed right."""

    email = models.EmailField(_("e-mail address"), unique=True)
    principal = models.OneToOneField(
        Principal, on_delete=models.PROTECT, related_name="user", verbose_name=_("principal"), db_constraint=True
    )
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("opened at"), default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    #: Django's own switches give no governed right here; nobody has them.
    is_superuser = False

    objects = UserManager()

    class Meta:
        verbose_name = _("sign-in account")
        verbose_name_plural = _("sign-in accounts")
        constraints = [
            models.CheckConstraint(condition=Q(email=models.functions.Lower("email")), name="user_email_lower_case"),
        ]

    def __str__(self) -> str:
        return self.principal.display_name

    def get_full_name(self) -> str:
        return self.principal.display_name

    @cached_property
    def is_staff(self) -> bool:
        """May enter the admin: auditors and administrators. Asked for each model of its menu, so kept for a request."""
        from governance.accounts.permissions import holds_anywhere

        return self.is_active and holds_anywhere(self.principal, *STAFF)

    @cached_property
    def reads_everything(self) -> bool:
        """Holds a role everywhere, so that no record is out of sight. Kept for a request, as `is_staff`."""
        from governance.accounts.permissions import grants_in_force

        return grants_in_force(self.principal).filter(namespace__isnull=True).exists()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """The admin's question. Viewing only: every write in the admin is an action with rules of its own."""
        return ".view_" in perm and self.is_staff

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class ApiKey(models.Model):
    """A service account's key: only its hash is kept."""

    principal = models.ForeignKey(
        Principal, on_delete=models.PROTECT, related_name="api_keys", verbose_name=_("principal")
    )
    prefix = models.CharField(_("prefix"), max_length=12, help_text=_("Its first characters, to tell keys apart."))
    hash = models.CharField(_("hash"), max_length=64, help_text=_("SHA-256 of the key (256 random bits), hex."))
    scopes = models.JSONField(_("scopes"), default=list, help_text=_("Empty: all that the account's roles permit."))
    created_at = models.DateTimeField(_("issued at"), default=timezone.now)
    expires_at = models.DateTimeField(
        _("expires at"), null=True, blank=True, help_text=_("First moment it opens nothing, UTC; empty: no end.")
    )
    revoked_at = models.DateTimeField(
        _("revoked at"), null=True, blank=True, help_text=_("When it was taken back, UTC; empty: it was not.")
    )
    last_used_at = models.DateTimeField(
        _("last used at"), null=True, blank=True, help_text=_("When it last opened something, UTC; empty: never.")
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [models.UniqueConstraint(fields=["prefix"], name="apikey_prefix_unique")]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.principal})"


class OperatorSetting(models.Model):
    """The one row of settings that only the owner's login can write (`manage.py grant_delay`)."""

    voting_grant_delay = models.DurationField(
        _("delay of two-person grants"), help_text=_("Time between approval and force of a two-person grant.")
    )

    class Meta:
        verbose_name = _("operator setting")
        verbose_name_plural = _("operator settings")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="operatorsetting_one_row")]

    def __str__(self) -> str:
        return str(self.voting_grant_delay)
