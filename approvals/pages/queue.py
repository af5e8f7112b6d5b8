"""What awaits whom: open releases with what the gate says of each, and the reader's part in them."""

import json
from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection

from approvals.gate.gate import RequirementStatus, Verdict
from approvals.models import Release, RequirementKind, SignOff
from approvals.queries import open_releases
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force

#: Open releases judged for one page: the gate takes 2 to 4 ms for each. Older ones come first, as in any queue.
SHOWN = 25


@dataclass(slots=True)
class Waiting:
    """An open release, the gate's answer, and the signatures on it that the reader may give now."""

    release: Release
    verdict: Verdict
    titles: dict[str, str]
    mine: list[str] = field(default_factory=list)
    own_work: bool = False

    @property
    def signatures(self) -> list[str]:
        """Titles of the signatures still awaited, from whomever."""
        return [self.titles.get(r.key, r.key) for r in self.verdict.missing if r.kind == RequirementKind.SIGNOFF]

    @property
    def others(self) -> list[str]:
        """Titles of what else is open."""
        return [self.titles.get(r.key, r.key) for r in self.verdict.missing if r.kind != RequirementKind.SIGNOFF]

    @property
    def met(self) -> int:
        return len(self.verdict.requirements) - len(self.verdict.missing)

    @property
    def my_titles(self) -> list[str]:
        return [self.titles.get(key, key) for key in self.mine]


def waiting(reader: Principal) -> tuple[list[Waiting], bool]:
    """Open releases of the reader's namespaces, oldest first, and whether there are more than are shown."""
    releases = list(open_releases(reader)[: SHOWN + 1])
    more = len(releases) > SHOWN
    releases = releases[:SHOWN]
    ids = [r.pk for r in releases]
    verdicts, titles, involved, voted = _verdicts(ids), _titles(ids), _involved(releases), _voted(ids, reader)
    held: dict[str, set[int | None]] = defaultdict(set)
    for grant in grants_in_force(reader):
        held[grant.role].add(grant.namespace_id)
    found = []
    for release in releases:
        one = Waiting(release, verdicts[release.pk], titles.get(release.pk, {}))
        namespace = release.model_version.model.namespace_id
        wanted = [
            r.key
            for r in one.verdict.missing
            if r.kind == RequirementKind.SIGNOFF
            and held[str(r.params.get("role"))] & {None, namespace}
            and (release.pk, r.key) not in voted
        ]
        one.own_work = bool(wanted) and reader.pk in involved.get(release.model_version_id, ())
        if reader.kind == Principal.Kind.PERSON and not one.own_work:
            one.mine = wanted
        found.append(one)
    return found, more


def _verdicts(releases: list[int]) -> dict[int, Verdict]:
    found: dict[int, list[RequirementStatus]] = {pk: [] for pk in releases}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, g.key, g.kind, g.status, g.reason, g.params FROM unnest(%s::bigint[]) AS r (id),"
            " LATERAL muniment.gate(r.id) WITH ORDINALITY AS g (key, kind, status, reason, params, rests_on, n)"
            " ORDER BY r.id, g.n",
            [releases],
        )
        for pk, key, kind, status, reason, params in cursor.fetchall():
            params = json.loads(params) if isinstance(params, str) else params
            found[pk].append(RequirementStatus(key, kind, status, reason, params))
    return {pk: Verdict(rows) for pk, rows in found.items()}


def _titles(releases: list[int]) -> dict[int, dict[str, str]]:
    """Titles of requirements by key, per release, in the policy version in force for it."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, q.key, q.title FROM approvals_release r"
            " JOIN lineage_modelversion v ON v.id = r.model_version_id JOIN lineage_model m ON m.id = v.model_id"
            " JOIN approvals_requirement q ON q.policy_version_id ="
            " muniment.active_policy_version(r.environment_id, m.risk_tier, m.namespace_id, r.slot)"
            " WHERE r.id = ANY (%s)",
            [releases],
        )
        for pk, key, title in cursor.fetchall():
            found[pk][key] = title or key
    return found


def _involved(releases: list[Release]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.id, i.person_id FROM unnest(%s::bigint[]) AS v (id), LATERAL muniment.involved(v.id) i",
            [sorted({r.model_version_id for r in releases})],
        )
        for version, person in cursor.fetchall():
            found[version].add(person)
    return found


def _voted(releases: list[int], reader: Principal) -> set[tuple[int, str]]:
    return set(
        SignOff.objects.filter(release__in=releases, recorded_by=reader, withdrawal__isnull=True).values_list(
            "release_id", "requirement__key"
        )
    )
