"""The statement that a person signs, word for word.

In one language, English, whatever the page's: the same words for everyone who signs, and for who reads them in ten
years. Data of another namespace than the model's stands there by its digest alone. It ends with the digest of all it
is about; the database compares that with what it works out itself.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from approvals.actions._common import digest_of
from approvals.gate import envelope as envelopes
from approvals.gate.envelope import Judged
from approvals.models import Evidence, Release, Requirement, RequirementKind, Vote
from approvals.queries import active_policy_version, with_verdict
from governance import errors
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role

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
    evidence = list(
        with_verdict(Evidence.objects.filter(model_version=release.model_version_id))
        .select_related("plan").order_by("-id")[:MAX_EVIDENCE]
    )  # fmt: skip
    grants = grants_in_force(person).select_related("namespace", "on_behalf_of")
    found = statements_on(
        person=person, release=release, requirements=[requirement], grants=grants, evidence=evidence
    )  # fmt: skip
    if requirement.pk not in found:
        role = Role(requirement.params["role"])
        raise errors.Forbidden(
            _("This signature takes the role %(role)s here.") % {"role": role.label}, params={"roles": [role.value]}
        )
    return found[requirement.pk]


def statements_on(
    *,
    person: Principal,
    release: Release,
    requirements: Sequence[Requirement],
    grants: Iterable[RoleGrant],
    evidence: Sequence[Any],
) -> dict[int, dict[Vote, Statement]]:
    """What a person would sign on each of some requirements, by its id; one they hold no role for is left out.

    One query, for who has read the rest already.

    Args:
        grants: the person's that count now.
        evidence: what stands on the model version, newest first, with `verdict`; the first MAX_EVIDENCE count.
    """
    held = list(grants)
    under = {one.pk: grant for one in requirements if (grant := _grant_for(held, release, one))}
    evidence = evidence[:MAX_EVIDENCE]
    seen = sorted(item.pk for item in evidence)
    contents, data, judged = _contents(release, {pk: grant.pk for pk, grant in under.items()}, seen)
    version = release.model_version
    found: dict[int, dict[Vote, Statement]] = {}
    for requirement in requirements:
        if (grant := under.get(requirement.pk)) is None:
            continue
        where = grant.namespace.name if grant.namespace else "everywhere"
        behalf = f", on behalf of {grant.on_behalf_of.display_name}" if grant.on_behalf_of else ""
        who = f"{person.display_name}, {Role(grant.role).value} ({where}){behalf}"
        what = [
            f"Release {release.pk}: model {version.model.name}, version {version.number}, into "
            f"{release.environment.name}, slot {release.slot}, for {release.purpose or 'no stated purpose'}",
            f"Artifact: {digest_of(version) or 'no digest'}",
            f"Requirement: {requirement.key} ({requirement.title}), {requirement.policy_version.policy}, "
            f"version {requirement.policy_version.number}",
            *(envelopes.described(release.change_plan) if release.change_plan else ()),
            *(envelopes.stated(judged) if judged else ()),
            *[f"Data: {one}" for one in data],
            *[f"Evidence {e.pk}: {e.plan.kind}, {e.plan.title}: {e.verdict}" for e in reversed(evidence)],
            f"Content: {contents[requirement.pk]}",
        ]
        found[requirement.pk] = {
            vote: _signed_by(f"{who}: {vote.value.upper()}", what, seen, grant) for vote in Vote
        }  # fmt: skip
    return found


def _signed_by(who: str, what: Sequence[str], seen: list[int], grant: RoleGrant) -> Statement:
    text = "\n".join([who, *what])
    return Statement(text, hashlib.sha256(text.encode()).hexdigest(), seen, grant)


def _grant_for(held: Iterable[RoleGrant], release: Release, requirement: Requirement) -> RoleGrant | None:
    """The grant a person would sign under: their own before one held for another."""
    here = (None, release.model_version.model.namespace_id)
    fits = [g for g in held if g.role == requirement.params["role"] and g.namespace_id in here]
    return min(fits, key=lambda g: (g.on_behalf_of_id or 0, g.pk), default=None)


def _contents(
    release: Release, under: dict[int, int], seen: list[int]
) -> tuple[dict[int, str], list[str], Judged | None]:
    """The digest of all that each requirement's vote is about, by its id; the training data line by line; and how the
    retraining envelope in force judges the release."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ARRAY("
            "   SELECT muniment.digest_of(muniment.vote_binding(%(release)s, x.requirement, %(seen)s, x.grant_id))"
            "   FROM unnest(%(requirements)s::bigint[], %(grants)s::bigint[]) WITH ORDINALITY"
            "     AS x (requirement, grant_id, n) ORDER BY x.n),"
            " ARRAY(SELECT CASE WHEN d.namespace_id = %(namespace)s THEN d.name || ', ' || v.label"
            "     ELSE 'of another namespace' END || ', ' || CASE WHEN v.digest_value = '' THEN ''"
            "     ELSE v.digest_algorithm || ':' || v.digest_value END"
            "   FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id"
            "   WHERE v.id = ANY (muniment.training_of(%(version)s)) ORDER BY v.id),"
            " muniment.envelope_of_release(%(release)s)",
            {"release": release.pk, "version": release.model_version_id, "seen": seen,
             "namespace": release.model_version.model.namespace_id, "requirements": list(under),
             "grants": list(under.values())},
        )  # fmt: skip
        contents, data, judged = cursor.fetchone()
    return dict(zip(under, contents, strict=True)), data, envelopes.judged_from(judged)
