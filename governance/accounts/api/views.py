"""The accounts' end points. Who may do what stands in the actions and in the database."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.actions.credentials import restore_signing
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.actions.namespaces import create_namespace
from governance.accounts.actions.principals import (
    create_person,
    create_service_account,
    deactivate_principal,
    issue_api_key,
    revoke_api_key,
)
from governance.accounts.api.serializers import (
    ApiKeyFilters,
    ApiKeySerializer,
    ApiKeyWriteSerializer,
    IssuedKeySerializer,
    NamespaceFilters,
    NamespaceSerializer,
    NamespaceWriteSerializer,
    PrincipalFilters,
    PrincipalSerializer,
    PrincipalWriteSerializer,
    ReasonSerializer,
    RoleGrantFilters,
    RoleGrantSerializer,
    RoleGrantWriteSerializer,
    receipt_of,
)
from governance.accounts.models import ApiKey, Namespace, Principal, RoleGrant
from governance.accounts.permissions import grants_in_force, holds, readable_namespaces
from governance.accounts.roles import Role
from governance.api.acts import act
from governance.api.principals import namespace_of
from governance.api.views import RecordViewSet, resolve

OVERSIGHT = (Role.ADMINISTRATOR, Role.AUDITOR)


class NamespaceViewSet(RecordViewSet):
    """Namespaces: the unit of access."""

    collection = "namespaces"
    model = Namespace
    search_fields = ("name", "title", "description")
    serializer_class = NamespaceSerializer
    create_serializer_class = NamespaceWriteSerializer
    filter_class = NamespaceFilters

    def create(self, request: Request) -> Response:
        """Open a namespace. Administrators of everything."""
        data = self.read(NamespaceWriteSerializer)
        reason = self.reason(data)
        namespace, created = create_namespace(actor=self.principal, reason=reason, **data)
        return self.written(namespace, created=created)


def readable_principals(principal: Principal) -> QuerySet[Principal]:
    """Whom a principal may know of: oversight of everything sees all, others those who act in a namespace of theirs."""
    if holds(principal, *OVERSIGHT, namespace=None):
        return Principal.objects.all()
    mine = readable_namespaces(principal)
    there = RoleGrant.objects.filter(Q(namespace__in=mine) | Q(namespace__isnull=True)).values("principal")
    return Principal.objects.filter(
        Q(pk=principal.pk) | Q(pk__in=there) | Q(home_namespace__in=mine) | Q(services__home_namespace__in=mine)
    ).distinct()


class PrincipalViewSet(RecordViewSet):
    """Persons, service accounts and the system."""

    collection = "principals"
    model = Principal
    search_fields = ("name", "display_name")
    serializer_class = PrincipalSerializer
    create_serializer_class = PrincipalWriteSerializer
    filter_class = PrincipalFilters
    related = ("home_namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[Principal]:
        """See readable_principals."""
        return readable_principals(principal)

    def create(self, request: Request) -> Response:
        """Register a person or a service account. A person sets their password by the reset mail."""
        data = self.read(PrincipalWriteSerializer)
        reason, kind = self.reason(data), data.pop("kind")
        if kind == Principal.Kind.PERSON:
            return self.written(create_person(actor=self.principal, reason=reason, **data))
        responsible = resolve(self.get_queryset(), data.pop("responsible"), field="responsible")
        home = namespace_of(self.principal, data.pop("home_namespace"), field="home_namespace")
        account = create_service_account(
            actor=self.principal, reason=reason, responsible=responsible, home_namespace=home, **data
        )
        return self.written(account)

    @act(ReasonSerializer)
    def deactivate(self, request: Request, id: str) -> Response:
        """Close a principal's access: sign-in, keys and grants count no more; the record keeps their name."""
        principal = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        return self.written(
            deactivate_principal(actor=self.principal, reason=reason, principal=principal), created=False
        )

    @act(ReasonSerializer)
    def restore_signing(self, request: Request, id: str) -> Response:
        """Let a person sign again after a reset of their password. An administrator who did not reset it."""
        principal = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        restore_signing(actor=self.principal, reason=reason, principal=principal)
        return self.written(principal, created=False)


class RoleGrantViewSet(RecordViewSet):
    """Who was granted which role, by whom, approved by whom, until when."""

    collection = "role-grants"
    model = RoleGrant
    serializer_class = RoleGrantSerializer
    create_serializer_class = RoleGrantWriteSerializer
    filter_class = RoleGrantFilters
    related = ("namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[RoleGrant]:
        """Grants in readable namespaces, grants everywhere, and one's own."""
        if holds(principal, *OVERSIGHT, namespace=None):
            return RoleGrant.objects.all()
        return RoleGrant.objects.filter(
            Q(namespace__in=readable_namespaces(principal)) | Q(namespace__isnull=True) | Q(principal=principal)
        )

    def create(self, request: Request) -> Response:
        """Grant a role. One that signs has force only after a second administrator's approval and the delay."""
        data = self.read(RoleGrantWriteSerializer)
        reason = self.reason(data)
        principals = readable_principals(self.principal)
        holder = resolve(principals, data.pop("principal"), field="principal")
        name, behalf = data.pop("namespace"), data.pop("on_behalf_of")
        grant = grant_role(
            actor=self.principal,
            reason=reason,
            principal=holder,
            role=Role(data.pop("role")),
            namespace=None if name is None else namespace_of(self.principal, name),
            on_behalf_of=None if behalf is None else resolve(principals, behalf, field="on_behalf_of"),
            **data,
        )
        return self.written(grant)

    @act(ReasonSerializer)
    def approve(self, request: Request, id: str) -> Response:
        """Approve another administrator's grant of a role that signs."""
        grant = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        return self.written(approve_grant(actor=self.principal, reason=reason, grant=grant), created=False)

    @act(ReasonSerializer)
    def end(self, request: Request, id: str) -> Response:
        """End a grant now."""
        grant = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        return self.written(end_grant(actor=self.principal, reason=reason, grant=grant), created=False)


class ApiKeyViewSet(RecordViewSet):
    """Keys of service accounts, without the keys. Credentials are not governed; what happens to them is on record."""

    collection = "api-keys"
    answers_with_a_secret = frozenset({"create"})
    model = ApiKey
    serializer_class = ApiKeySerializer
    create_serializer_class = ApiKeyWriteSerializer
    filter_class = ApiKeyFilters

    def queryset_for(self, principal: Principal) -> QuerySet[ApiKey]:
        """One's own, those of services one answers for, and those of namespaces one administers."""
        if holds(principal, *OVERSIGHT, namespace=None):
            return ApiKey.objects.all()
        return ApiKey.objects.filter(
            Q(principal=principal)
            | Q(principal__responsible=principal)
            | Q(principal__home_namespace__in=administered(principal))
        )

    @extend_schema(responses={201: IssuedKeySerializer})
    def create(self, request: Request) -> Response:
        """Issue a key. The answer holds it, this once."""
        data = self.read(ApiKeyWriteSerializer)
        reason = self.reason(data)
        account = resolve(readable_principals(self.principal), data.pop("principal"), field="principal")
        stored, key = issue_api_key(actor=self.principal, reason=reason, principal=account, **data)
        body = IssuedKeySerializer(stored, context={"key": key}).data
        headers = {"Location": f"/api/v1/{self.collection}/{stored.pk}"}
        return Response(body, status=status.HTTP_201_CREATED, headers=headers)

    @act(ReasonSerializer)
    def revoke(self, request: Request, id: str) -> Response:
        """Revoke a key at once; revoking it again changes nothing."""
        key = self.find(id)
        reason = self.reason(self.read(ReasonSerializer))
        revoked = revoke_api_key(actor=self.principal, reason=reason, key=key)
        return Response({**self.get_serializer(revoked).data, "receipt": receipt_of(revoked)})


def administered(principal: Principal) -> QuerySet[RoleGrant, Any]:
    """The ids of the namespaces in which a principal is an administrator."""
    return grants_in_force(principal).filter(role=Role.ADMINISTRATOR.value).values("namespace")
