"""Whom something concerns: who may sign a release, and who answers for what is live downstream of a dataset."""

from collections.abc import Collection, Sequence

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from approvals.models import Policy, Promotion, Release, Requirement, RequirementKind
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import in_force, readable_namespaces
from governance.accounts.roles import Role
from lineage.models import Dataset, Model


def may_sign(release: Release) -> QuerySet[Principal]:
    """The persons whose signature the active policy awaits on `release`.

    Who holds a role that it asks for there, and had no hand in the version (the gate would not count them).
    """
    model = release.model_version.model
    active = _ids(
        "SELECT muniment.active_policy_version(%s, %s, %s, %s)",
        [release.environment_id, model.risk_tier, model.namespace_id, release.slot],
    )
    asked = Requirement.objects.filter(policy_version__in=active, kind=RequirementKind.SIGNOFF)
    involved = _ids("SELECT person_id FROM muniment.involved(%s)", [release.model_version_id])
    grants = (
        RoleGrant.objects.filter(in_force(), Q(namespace=model.namespace_id) | Q(namespace=None))
        .filter(role__in=asked.values_list(KT("params__role"), flat=True))
        .exclude(on_behalf_of__in=involved)
    )
    people = Principal.objects.filter(kind=Principal.Kind.PERSON, grants__in=grants).exclude(pk__in=involved)
    return people.distinct()


def policy_owners(policy: Policy) -> QuerySet[Principal]:
    """Who may write and publish the policy of a place."""
    held = RoleGrant.objects.filter(in_force(), Q(namespace=policy.namespace_id) | Q(namespace=None))
    if policy.namespace_id is None:
        held = RoleGrant.objects.filter(in_force(), namespace=None)
    return Principal.objects.filter(
        kind=Principal.Kind.PERSON, pk__in=held.filter(role=Role.POLICY_OWNER).values("principal")
    )


def live_downstream(dataset: Dataset) -> QuerySet[Promotion]:
    """The live promotions of versions that were made, however many steps away, from a version of `dataset`."""
    versions = _ids(
        "SELECT DISTINCT d.id FROM public.lineage_datasetversion v"
        " CROSS JOIN LATERAL muniment.downstream_of_dataset_version(v.id) d"
        " WHERE v.dataset_id = %s AND d.kind = 'model_version'",
        [dataset.pk],
    )
    return Promotion.objects.filter(live_slot__isnull=False, release__model_version__in=versions).select_related(
        "environment", "release__model_version__model"
    )


#: Instead of a name that is not for who is told.
OF_ANOTHER = _("(of another namespace)")


def reads(person: Principal, dataset: Dataset) -> bool:
    """Whether they read the dataset's namespace."""
    return readable_namespaces(person).filter(pk=dataset.namespace_id).exists()


def name_for(person: Principal, dataset: Dataset) -> str:
    """A dataset's name, for who reads it."""
    return dataset.name if reads(person, dataset) else str(OF_ANOTHER)


def holders_of(role: str, namespace: int, *, besides: int) -> list[Principal]:
    """Persons who hold a role in a namespace and had no hand in the model version `besides`."""
    return holders_besides(role, namespace, _ids("SELECT person_id FROM muniment.involved(%s)", [besides]))


def holders_besides(role: str, namespace: int, involved: Collection[int]) -> list[Principal]:
    """Persons who hold a role in a namespace and are not among those involved."""
    grants = RoleGrant.objects.filter(in_force(), Q(namespace=namespace) | Q(namespace=None), role=role)
    people = Principal.objects.filter(kind=Principal.Kind.PERSON, grants__in=grants).exclude(pk__in=involved)
    return list(people.distinct().order_by("pk"))


def owners(promotion: Promotion) -> list[Principal]:
    """Who answers for the model that is live, and for what is decided with it."""
    return owners_of(promotion.release.model_version.model)


def owners_of(model: Model) -> list[Principal]:
    """Who answers for a model, and for what is decided with it."""
    return [person for person in (model.owner, model.decision_owner) if person is not None]


def _ids(query: str, parameters: Sequence[int | str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall() if row[0] is not None]
