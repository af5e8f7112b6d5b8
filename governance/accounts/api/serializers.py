"""Bodies and answers of the accounts' end points."""

from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.accounts.models import NAME_PATTERN, ApiKey, CredentialEvent, Namespace, Principal, RoleGrant
from governance.accounts.roles import Role
from governance.api import scopes
from governance.api.fields import IdField, MomentField, NameField, TextField
from governance.api.serializers import FilterSerializer, ReceiptSerializer, StrictModelSerializer, WriteSerializer


class NamespaceSerializer(StrictModelSerializer):
    """A namespace: the unit of access."""

    class Meta:
        model = Namespace
        fields = ("id", "name", "title", "description", "recorded_at", "recorded_by")
        read_only_fields = fields


class NamespaceWriteSerializer(WriteSerializer):
    """A namespace to open."""

    name = serializers.RegexField(
        NAME_PATTERN, max_length=100, help_text=gettext_lazy("Lower-case letters, digits, '.', '_' and '-'.")
    )
    title = NameField(required=False, default="", allow_blank=True)
    description = TextField(required=False, default="", allow_blank=True)


class NamespaceFilters(FilterSerializer):
    """Of namespaces."""

    name = serializers.CharField(required=False)


class PrincipalSerializer(StrictModelSerializer):
    """Someone or something that acts."""

    home_namespace: serializers.SlugRelatedField[Namespace] = serializers.SlugRelatedField(
        slug_field="name",
        read_only=True,
        allow_null=True,
        help_text=gettext_lazy("Where a service registers by default."),
    )

    class Meta:
        model = Principal
        fields = (
            *("id", "kind", "name", "display_name", "responsible", "home_namespace", "is_active", "is_demo"),
            *("recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class RegisteredKind(models.TextChoices):
    """The kinds of principals that are registered; the system introduces itself."""

    PERSON = "person", gettext_lazy("Person")
    SERVICE = "service", gettext_lazy("Service account")


class PrincipalWriteSerializer(WriteSerializer):
    """A person (email, display_name) or a service account (name, display_name, responsible, home_namespace)."""

    kind = serializers.ChoiceField(choices=RegisteredKind.choices)
    display_name = NameField()
    email = serializers.EmailField(required=False, max_length=200, help_text=gettext_lazy("Of a person."))
    name = NameField(required=False, help_text=gettext_lazy("Of a service account."))
    responsible = IdField(required=False, help_text=gettext_lazy("The person who answers for a service account."))
    home_namespace = NameField(required=False, help_text=gettext_lazy("Of a service account, by name."))

    _needed = {"person": ("email",), "service": ("name", "responsible", "home_namespace")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly the fields of the kind. Raises ValidationError naming those missing or too many."""
        needed = self._needed[attrs["kind"]]
        others = {field for fields in self._needed.values() for field in fields} - set(needed)
        faults = {field: [_("Required for this kind.")] for field in needed if field not in attrs}
        faults |= {field: [_("Not for this kind; leave it out.")] for field in others if field in attrs}
        if faults:
            raise serializers.ValidationError(faults)
        return attrs


class PrincipalFilters(FilterSerializer):
    """Of principals."""

    kind = serializers.ChoiceField(choices=Principal.Kind.choices, required=False)
    name = serializers.CharField(required=False)
    is_active = serializers.BooleanField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """A form's unticked box reads as false in REST framework; here an absent parameter is absent."""
        value = super().to_internal_value(data)
        if "is_active" not in data:
            value.pop("is_active", None)
        return value


class RoleGrantSerializer(StrictModelSerializer):
    """A role given to a principal, in force from `effective_from`: empty while the second person is awaited."""

    namespace: serializers.SlugRelatedField[Namespace] = serializers.SlugRelatedField(
        slug_field="name", read_only=True, allow_null=True, help_text=gettext_lazy("Empty: everywhere.")
    )

    class Meta:
        model = RoleGrant
        fields = (
            *("id", "principal", "role", "namespace", "on_behalf_of", "is_head", "effective_from"),
            *("effective_to", "approved_by", "approved_at", "ended_by", "ended_at", "recorded_at", "recorded_by"),
        )
        read_only_fields = fields


class RoleGrantWriteSerializer(WriteSerializer):
    """A role to grant."""

    principal = IdField()
    role = serializers.ChoiceField(choices=Role.choices)
    namespace = NameField(allow_null=True, help_text=gettext_lazy("By name; null: everywhere. Must be said."))
    effective_from = MomentField(required=False, allow_null=True, default=None)
    effective_to = MomentField(required=False, allow_null=True, default=None)
    on_behalf_of = IdField(required=False, allow_null=True, default=None)
    is_head = serializers.BooleanField(
        required=False, default=False, help_text=gettext_lazy("Head of the role there: may lift a veto.")
    )


class RoleGrantFilters(FilterSerializer):
    """Of role grants."""

    principal = IdField(source="principal_id", required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    namespace = serializers.CharField(source="namespace__name", required=False)
    pending = serializers.BooleanField(
        source="effective_from__isnull",
        required=False,
        help_text=_("true: without force until a second administrator approves; with standing=true, what awaits one."),
    )
    standing = serializers.BooleanField(
        source="ended_at__isnull", required=False, help_text=_("true: not ended, taken back or refused.")
    )


class ApiKeySerializer(StrictModelSerializer):
    """A service account's key, without the key."""

    class Meta:
        model = ApiKey
        fields = ("id", "principal", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
        read_only_fields = fields


def receipt_of(key: ApiKey) -> dict[str, Any]:
    """The receipt of the newest event of a key: the key is no governed record, its issue and its end are."""
    event = CredentialEvent.objects.filter(principal=key.principal_id, key_prefix=key.prefix).order_by("-id").first()
    return dict(ReceiptSerializer(event).data)


class IssuedKeySerializer(ApiKeySerializer):
    """A key at its birth."""

    key = serializers.SerializerMethodField(
        help_text=gettext_lazy("The key itself. Shown this once and kept nowhere: store it now.")
    )
    receipt = serializers.SerializerMethodField()

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key", "receipt")  # type: ignore[assignment]  # longer than the parent's
        read_only_fields = fields  # type: ignore[assignment]  # as above

    def get_key(self, key: ApiKey) -> str:
        """Put here by the view; the row holds a hash only."""
        return str(self.context["key"])

    @extend_schema_field(ReceiptSerializer)
    def get_receipt(self, key: ApiKey) -> dict[str, Any]:
        """See receipt_of."""
        return receipt_of(key)


class ApiKeyWriteSerializer(WriteSerializer):
    """A key to issue for a service account."""

    principal = IdField(help_text=gettext_lazy("The service account."))
    expires_at = MomentField(required=False, allow_null=True, default=None)
    scopes = serializers.ListField(
        child=serializers.RegexField(f"^{scopes.FORM.pattern}$", max_length=60),
        required=False,
        max_length=50,
        help_text=gettext_lazy(
            "`read`, `write`, `<collection>:read`, `<collection>:write`; left out, all that the account's roles permit."
        ),
    )

    def validate_scopes(self, value: list[str]) -> list[str]:
        """The pattern of a field is searched for; a scope must match from end to end."""
        for scope in value:
            if not scopes.FORM.fullmatch(scope):
                raise serializers.ValidationError(_("%(scope)s is no scope.") % {"scope": scope})
        return value


class ApiKeyFilters(FilterSerializer):
    """Of keys."""

    principal = IdField(source="principal_id", required=False)
    prefix = serializers.CharField(required=False)


class ReasonSerializer(WriteSerializer):
    """An act that takes nothing but its reason."""
