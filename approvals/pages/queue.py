"""What awaits whom: open releases with what the gate says of each, and the reader's part in them."""

import json
from dataclasses import dataclass, field

from django.db import connection

from approvals.gate.gate import Verdict, from_rows
from approvals.models import Release, RequirementKind
from approvals.queries import open_releases
from governance.accounts.models import Principal

#: Open releases judged for one page: the gate takes 2 to 4 ms for each. Older ones come first, as in any queue.
SHOWN = 15


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


def waiting(reader: Principal, *, after: int = 0, most: int | None = None) -> tuple[list[Waiting], bool]:
    """Open releases of the reader's namespaces, oldest first, and whether there are more than are shown.

    Two queries, however many there are.

    Args:
        after: id of the release to go on after. most: how many are judged; None: SHOWN.
    """
    most = most or SHOWN
    releases = list(open_releases(reader).filter(pk__gt=after)[: most + 1])
    more = len(releases) > most
    releases = releases[:most]
    judged = _judged([r.pk for r in releases], reader)
    found = []
    for release in releases:
        said = judged[release.pk]
        one = Waiting(release, said.verdict, said.titles)
        wanted = [
            r.key
            for r in one.verdict.missing
            if r.kind == RequirementKind.SIGNOFF and str(r.params.get("role")) in said.held and r.key not in said.voted
        ]
        one.own_work = bool(wanted) and said.involved
        if reader.kind == Principal.Kind.PERSON and not one.own_work:
            one.mine = wanted
        found.append(one)
    return found, more


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the database says of one release: `held`, `involved` and `voted` are the reader's part in it."""

    verdict: Verdict
    titles: dict[str, str]
    held: frozenset[str]
    involved: bool
    voted: frozenset[str]


# Titles are those of the policy version in force, which the gate's requirements come from.
_JUDGED = """
SELECT r.id,
  (SELECT jsonb_agg(to_jsonb(g) ORDER BY g.n) FROM muniment.gate(r.id)
     WITH ORDINALITY AS g (key, kind, status, reason, params, rests_on, n)),
  (SELECT jsonb_object_agg(q.key, coalesce(nullif(q.title, ''), q.key)) FROM approvals_requirement q
    WHERE q.policy_version_id = muniment.active_policy_version(r.environment_id, m.risk_tier, m.namespace_id, r.slot)),
  ARRAY(SELECT g.role FROM governance_rolegrant g WHERE g.principal_id = %(reader)s
    AND (g.namespace_id IS NULL OR g.namespace_id = m.namespace_id)
    AND muniment.grant_in_force(g.id, clock_timestamp())),
  EXISTS (SELECT 1 FROM muniment.involved(v.id) i WHERE i.person_id = %(reader)s),
  ARRAY(SELECT q.key FROM approvals_signoff s JOIN approvals_requirement q ON q.id = s.requirement_id
    WHERE s.release_id = r.id AND s.recorded_by_id = %(reader)s
    AND NOT EXISTS (SELECT 1 FROM approvals_signoffwithdrawal w WHERE w.sign_off_id = s.id))
FROM approvals_release r
JOIN lineage_modelversion v ON v.id = r.model_version_id JOIN lineage_model m ON m.id = v.model_id
WHERE r.id = ANY (%(releases)s)
"""


def _judged(releases: list[int], reader: Principal) -> dict[int, _Judged]:
    with connection.cursor() as cursor:
        cursor.execute(_JUDGED, {"releases": releases, "reader": reader.pk})
        rows = cursor.fetchall()
    found = {}
    for pk, gate, titles, held, involved, voted in rows:
        verdict = from_rows(json.loads(gate or "[]"))
        found[pk] = _Judged(verdict, json.loads(titles or "{}"), frozenset(held), involved, frozenset(voted))
    return found
