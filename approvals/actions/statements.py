"""The statement that a person signs, word for word.

In one language, English, whatever the page's: the same words for everyone who signs, and for who reads them in ten
years. It ends with the digest of all it is about; the database compares that with what it works out itself.
"""

import hashlib
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from approvals.actions._common import call, digest_of
from approvals.models import Evidence, Release, Requirement, RequirementKind, Vote
from approvals.queries import active_policy_version, with_verdict
from governance import errors
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role
from lineage.models import DatasetVersion

#: Items of evidence beside a statement; newest first. A release with more has its reviewers read elsewhere.
MAX_EVIDENCE = 200


@dataclass(frozen=True, slots=True)
class Statement:
    """What would be signed, under which grant, with which evidence beside it."""

    text: str
    digest: str
    evidence_seen: list[int]
    grant: RoleGrant


def find_requirement(release: Release, key: str) -> Requirement:
    """The sign-off requirement of that key in the policy in force for a release.

    Raises:
        errors.Invalid: the policy asks no such signature.
    """
    version = active_policy_version(release)
    found = Requirement.objects.filter(policy_version=version, key=key, kind=RequirementKind.SIGNOFF).first()
    if version is None or found is None:
        raise errors.Invalid(
            errors={"requirement": [_("The policy in force asks for no signature of that name.")]},
            params={"code": "requirement-not-asked"},
        )
    return found


def grant_for(person: Principal, release: Release, requirement: Requirement) -> RoleGrant:
    """The grant a person would sign under: their own before one held for another.

    Raises:
        errors.Forbidden: they hold none of the role there.
    """
    role = Role(requirement.params["role"])
    held = grants_in_force(person).filter(role=role.value)
    here = held.filter(namespace=release.model_version.model.namespace) | held.filter(namespace__isnull=True)
    grant = here.order_by(F("on_behalf_of").asc(nulls_first=True), "id").first()
    if grant is None:
        raise errors.Forbidden(
            _("This signature takes the role %(role)s here.") % {"role": role.label}, params={"roles": [role.value]}
        )
    return grant


def statement(*, person: Principal, release: Release, requirement: Requirement, vote: Vote) -> Statement:
    """What a person would sign now.

    Raises:
        errors.Forbidden: they do not hold the role.
    """
    return statements(person=person, release=release, requirement=requirement)[vote]


def statements(*, person: Principal, release: Release, requirement: Requirement) -> dict[Vote, Statement]:
    """What a person would sign now, per vote: a page shows both beside each other.

    Raises:
        errors.Forbidden: they do not hold the role.
    """
    grant = grant_for(person, release, requirement)
    version = release.model_version
    evidence = list(
        with_verdict(Evidence.objects.filter(model_version=version))
        .select_related("plan").order_by("-id")[:MAX_EVIDENCE]
    )  # fmt: skip
    seen = sorted(item.pk for item in evidence)
    content = call("digest_of", call("vote_binding", release.pk, requirement.pk, seen, grant.pk))
    where = grant.namespace.name if grant.namespace else "everywhere"
    behalf = f", on behalf of {grant.on_behalf_of.display_name}" if grant.on_behalf_of else ""
    who = f"{person.display_name}, {Role(grant.role).value} ({where}){behalf}"
    what = [
        f"Release {release.pk}: model {version.model.name}, version {version.number}, into "
        f"{release.environment.name}, slot {release.slot}, for {release.purpose or 'no stated purpose'}",
        f"Artifact: {digest_of(version) or 'no digest'}",
        f"Requirement: {requirement.key} ({requirement.title}), {requirement.policy_version.policy}, "
        f"version {requirement.policy_version.number}",
        *[f"Data: {one}" for one in _data(release)],
        *[f"Evidence {e.pk}: {e.plan.kind}, {e.plan.title}: {e.verdict}" for e in reversed(evidence)],
        f"Content: {content}",
    ]
    found = {}
    for vote in Vote:
        text = "\n".join([f"{who}: {vote.value.upper()}", *what])
        found[vote] = Statement(text, hashlib.sha256(text.encode()).hexdigest(), seen, grant)
    return found


def _data(release: Release) -> list[str]:
    trained_on = DatasetVersion.objects.filter(pk__in=call("training_of", release.model_version_id))
    return [f"{v.dataset.name}, {v.label}, {digest_of(v)}" for v in trained_on.select_related("dataset").order_by("id")]
