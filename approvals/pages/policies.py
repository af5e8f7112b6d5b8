"""The pages on policies put together: the grid of places, one place, one version with what publishing it would do."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from approvals import policy_wording
from approvals.audience import policy_owners
from approvals.documents import Document, document_of
from approvals.margins import Margin, all_margins
from approvals.models import Environment, Policy, PolicyLapse, PolicyVersion, SignOff
from approvals.policy_wording import Change, Changed
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import in_force, readable_namespaces
from governance.accounts.roles import Role
from lineage.models import RiskTier

VERSIONS_SHOWN = 50
DRAWN = 12  # persons in a drawing; more are a number


def readable_policies(reader: Principal) -> QuerySet[Policy]:
    """Everyone's places, and those of namespaces the reader may read; none for who may read nothing."""
    mine = readable_namespaces(reader)
    found = Policy.objects.select_related("namespace", "environment")
    return found.filter(Q(namespace=None) | Q(namespace__in=mine)) if mine.exists() else found.none()


def readable_versions(reader: Principal) -> QuerySet[PolicyVersion]:
    """Versions of those places, with what their pages show."""
    return PolicyVersion.objects.filter(policy__in=readable_policies(reader)).select_related(
        "policy__namespace", "policy__environment", "recorded_by", "publication__recorded_by",
        "publication__lapse__cause__policy_version__policy__namespace",
        "publication__lapse__cause__policy_version__policy__environment",
    )  # fmt: skip


def in_force_now(policies: Iterable[int] | None = None) -> dict[int, int]:
    """Id of the version in force by the id of its policy; a policy without one is not there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT policy_id, policy_version_id FROM muniment.policies_in_force()")
        found = dict(cursor.fetchall())
    return found if policies is None else {pk: found[pk] for pk in policies if pk in found}


# --- The grid -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MarginShown:
    """A margin with what its drawing needs: a filled figure per signature asked, an open one per person to spare."""

    margin: Margin

    @property
    def figures(self) -> list[tuple[int, str]]:
        """Places from the left and what each is: asked and held, asked and missing, to spare."""
        asked, holders = self.margin.asked, self.margin.holders
        kinds = (
            ["held"] * min(asked, holders) + ["missing"] * max(0, asked - holders) + ["spare"] * max(0, holders - asked)
        )
        return [(10 + 18 * index, kind) for index, kind in enumerate(kinds[:DRAWN])]

    @property
    def width(self) -> int:
        return 18 * len(self.figures) + 4

    @property
    def roles(self) -> str:
        return " / ".join(policy_wording.shown("role", role) for role in self.margin.roles)

    @property
    def more(self) -> int:
        return max(0, max(self.margin.asked, self.margin.holders) - DRAWN)


@dataclass(slots=True)
class Cell:
    """What holds at a place for one tier; `policy` None: nothing was ever written there."""

    tier: str
    policy: Policy | None = None
    version: PolicyVersion | None = None
    lapsed: bool = False
    drafts: int = 0
    margin: MarginShown | None = None


@dataclass(slots=True)
class Line:
    """A place of an environment, with one cell per tier."""

    namespace: str
    slot: str
    cells: list[Cell]


@dataclass(slots=True)
class Sheet:
    """An environment and its places: everywhere first, then by namespace and slot."""

    environment: Environment
    lines: list[Line] = field(default_factory=list)


def grid(reader: Principal) -> list[Sheet]:
    """Every place the reader may read, environment by environment."""
    policies = list(readable_policies(reader))
    active = in_force_now(p.pk for p in policies)
    versions = PolicyVersion.objects.in_bulk(list(active.values()))
    lapsed = set(
        PolicyLapse.objects.filter(publication__policy_version__policy__in=policies).values_list(
            "publication__policy_version__policy_id", flat=True
        )
    )
    drafts: dict[int, int] = defaultdict(int)
    newest = {pk: versions[version].number for pk, version in active.items()}
    for policy, number in PolicyVersion.objects.filter(policy__in=policies, publication=None).values_list(
        "policy_id", "number"
    ):
        drafts[policy] += number > newest.get(policy, 0)
    margins = _smallest(reader)
    places: dict[int, dict[tuple[str, str], dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for one in policies:
        place = (one.namespace.name if one.namespace else "", one.slot)
        version = versions.get(active.get(one.pk, 0))
        cell = Cell(
            one.risk_tier, one, version, version is None and one.pk in lapsed, drafts[one.pk], margins.get(one.pk)
        )
        places[one.environment_id][place][one.risk_tier] = cell
    return [
        Sheet(environment, [
            Line(namespace, slot, [cells.get(tier, Cell(tier)) for tier in RiskTier.values])
            for (namespace, slot), cells in sorted(places[environment.pk].items())
        ])
        for environment in Environment.objects.order_by("order")
        if environment.pk in places
    ]  # fmt: skip


def short_for(reader: Principal) -> list[tuple[Policy, MarginShown]]:
    """The policies in force that run short of people in a namespace the reader may read, the shortest first."""
    found = [one for one in all_margins(reader=reader) if one.is_short]
    policies = Policy.objects.select_related("namespace", "environment").in_bulk({one.policy for one in found})
    found.sort(key=lambda one: (one.margin or 0, one.namespace_name, one.policy))
    return [(policies[one.policy], MarginShown(one)) for one in found]


def _smallest(reader: Principal) -> dict[int, MarginShown]:
    """The smallest margin of each policy in force, over the namespaces the reader may read."""
    found: dict[int, MarginShown] = {}
    for one in all_margins(reader=reader):
        if one.margin is not None:
            found.setdefault(one.policy, MarginShown(one))
    return found


# --- One place ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class PlacePage:
    """A place: what is in force, for whom too few are left, drafts and earlier versions."""

    policy: Policy
    active: PolicyVersion | None
    requirements: list[tuple[str, str, str]]
    responses: list[tuple[str, str]]
    margins: list[MarginShown]
    drafts: list[PolicyVersion]
    versions: list[PolicyVersion]
    lapse: PolicyLapse | None
    may_write: bool


def place_page(reader: Principal, policy: Policy) -> PlacePage:
    """What the page of a place shows."""
    versions = list(readable_versions(reader).filter(policy=policy).order_by("-number")[:VERSIONS_SHOWN])
    active_id = in_force_now([policy.pk]).get(policy.pk)
    active = next((one for one in versions if one.pk == active_id), None)
    if active is None and active_id is not None:
        active = readable_versions(reader).get(pk=active_id)
    document = document_of(active) if active else None
    margins = [MarginShown(one) for one in all_margins(policy=policy.pk, reader=reader)]
    published = [one for one in versions if hasattr(one, "publication")]
    newest = max(published, key=lambda v: v.publication.pk, default=None)
    return PlacePage(
        policy, active, asked(document), policy_wording.responses(document) if document else [],
        [one for one in margins if one.margin.margin is not None],
        [one for one in versions if not hasattr(one, "publication") and (active is None or one.number > active.number)],
        versions, getattr(newest.publication, "lapse", None) if newest else None, may_write(reader, policy),
    )  # fmt: skip


def asked(document: Document | None) -> list[tuple[str, str, str]]:
    """Per requirement its key, title and sentence."""
    rows = document["requirements"] if document else []
    return [(one["key"], one["title"] or one["key"], policy_wording.sentence(one)) for one in rows]


def may_write(reader: Principal, policy: Policy) -> bool:
    """Whether the reader is a policy owner there."""
    held = RoleGrant.objects.filter(in_force(), principal=reader, role=Role.POLICY_OWNER)
    where = Q(namespace=None) if policy.namespace_id is None else Q(namespace=None) | Q(namespace=policy.namespace_id)
    return reader.kind == Principal.Kind.PERSON and held.filter(where).exists()


def owns_anywhere(reader: Principal) -> bool:
    """Whether the reader is a policy owner of some place."""
    held = RoleGrant.objects.filter(in_force(), principal=reader, role=Role.POLICY_OWNER)
    return reader.kind == Principal.Kind.PERSON and held.exists()


# --- One version ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Obstacle:
    """One thing that keeps a version from being published."""

    code: str
    sentence: str
    hint: str


@dataclass(slots=True)
class Consequences:
    """What publishing would do: to open releases, to their votes, to policies below."""

    releases: list[tuple[int, str, int]]  # id, name, votes that would be void
    votes: int
    lapsing: list[tuple[str, str]]  # the place, and in what it asks less


@dataclass(slots=True)
class VersionPage:
    """A version: what it asks, what it changes against what is in force, and what would happen."""

    version: PolicyVersion
    active: PolicyVersion | None
    changes: list[Change]
    beside: list[Changed]
    responses: list[tuple[str, str]]
    obstacles: list[Obstacle]
    consequences: Consequences
    publishers: list[str]
    may_publish: bool
    may_write: bool
    seen: int
    is_older: bool

    @property
    def is_draft(self) -> bool:
        return not hasattr(self.version, "publication")

    @property
    def counts(self) -> dict[str, int]:
        """How many requirements are added, removed, changed, the same."""
        found = dict.fromkeys(("added", "removed", "changed", "same"), 0)
        for change in self.changes:
            found[change.what] += 1
        return found


def version_page(reader: Principal, version: PolicyVersion, seen: int) -> VersionPage:
    """What the page of a version shows. `seen`: id of the version published last at its place, 0 for none."""
    policy = version.policy
    active_id = in_force_now([policy.pk]).get(policy.pk)
    active = readable_versions(reader).filter(pk=active_id).first() if active_id else None
    mine, theirs = document_of(version), document_of(active) if active else None
    is_draft = not hasattr(version, "publication")
    against = theirs if is_draft else mine
    publishers = _publishers(version)
    return VersionPage(
        version, active, policy_wording.difference(against, mine), policy_wording.version_changes(against, mine),
        policy_wording.responses(mine), _obstacles(version) if is_draft else [],
        _consequences(version, theirs, mine) if is_draft else Consequences([], 0, []),
        [one.display_name for one in publishers], is_draft and reader in publishers, may_write(reader, policy), seen,
        is_draft and active is not None and version.number < active.number,
    )  # fmt: skip


def _publishers(version: PolicyVersion) -> list[Principal]:
    """Policy owners there who did not write it."""
    return list(policy_owners(version.policy).exclude(pk=version.recorded_by_id).order_by("display_name"))


def _obstacles(version: PolicyVersion) -> list[Obstacle]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, sentence, hint FROM muniment.policy_obstacles(%s)", [version.pk])
        return [Obstacle(*row) for row in cursor.fetchall()]


_AFFECTED = """
SELECT r.id, m.name, v.number
FROM approvals_release r
JOIN lineage_modelversion v ON v.id = r.model_version_id
JOIN lineage_model m ON m.id = v.model_id
LEFT JOIN approvals_policyversion a
  ON a.id = muniment.active_policy_version(r.environment_id, m.risk_tier, m.namespace_id, r.slot)
LEFT JOIN approvals_policy p ON p.id = a.policy_id
WHERE r.environment_id = %(environment)s AND m.risk_tier = %(tier)s
  AND (%(namespace)s::bigint IS NULL OR m.namespace_id = %(namespace)s) AND (%(slot)s = '' OR r.slot = %(slot)s)
  AND NOT EXISTS (SELECT 1 FROM approvals_releaseclosure c WHERE c.release_id = r.id)
  AND (p.id IS NULL OR p.id = %(policy)s OR muniment.place_above(p.namespace_id, p.slot, %(namespace)s, %(slot)s))
ORDER BY r.id
"""

_LAPSING = """
SELECT muniment.place_name(f.namespace_id, f.slot),
       (SELECT string_agg(muniment.looser_sentence(l), '; ') FROM jsonb_array_elements(x.loosened) l)
FROM muniment.policies_in_force(%(environment)s, %(tier)s) f
CROSS JOIN LATERAL (SELECT muniment.looser_than(muniment.policy_document(%(version)s),
                                                muniment.policy_document(f.policy_version_id)) AS loosened) x
WHERE muniment.place_above(%(namespace)s, %(slot)s, f.namespace_id, f.slot) AND x.loosened <> '[]'
ORDER BY 1
"""


def _consequences(version: PolicyVersion, active: Document | None, draft: Document) -> Consequences:
    policy = version.policy
    place: dict[str, int | str | None] = {
        "environment": policy.environment_id, "tier": policy.risk_tier, "namespace": policy.namespace_id,
        "slot": policy.slot, "policy": policy.pk, "version": version.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_AFFECTED, place)
        affected = cursor.fetchall()
        cursor.execute(_LAPSING, place)
        lapsing = cursor.fetchall()
    kept = {one["key"]: one for one in draft["requirements"]}
    void: dict[int, int] = defaultdict(int)
    votes = SignOff.objects.filter(release__in=[row[0] for row in affected], withdrawal=None).select_related(
        "requirement"
    )
    for vote in votes:
        said = vote.requirement
        was = {"key": said.key, "kind": said.kind, "title": said.title, "params": said.params, "binds": said.binds}
        if kept.get(said.key) != was:
            void[vote.release_id] += 1
    releases = [(pk, f"{model} {number}", void[pk]) for pk, model, number in affected]
    return Consequences(releases, sum(void.values()), lapsing)


def names_of(reader: Principal) -> dict[str, Any]:
    """What the form offers as places."""
    return {
        "environments": list(Environment.objects.order_by("order").values_list("name", flat=True)),
        "namespaces": list(readable_namespaces(reader).order_by("name").values_list("name", flat=True)),
    }
