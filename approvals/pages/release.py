"""The release page put together: each requirement, what it rests on, its votes, what the reader may do about it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import F, Func, IntegerField, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.actions.statements import statements_on
from approvals.comparison.measured import Measurements, measured
from approvals.comparison.sides import Sides, beside_live
from approvals.gate.gate import RequirementStatus, Verdict, ask, from_rows
from approvals.gate.reading import as_read_by
from approvals.models import (
    Finding,
    GateDecision,
    PolicyVersion,
    Promotion,
    Release,
    ReleaseClosure,
    Requirement,
    SignOff,
)
from approvals.pages import evidence
from approvals.pages.envelopes import EnvelopeShown, shown
from approvals.pages.evidence import EvidenceItem
from approvals.pages.grounds import Link
from approvals.pages.judgements import findings
from approvals.pages.standing import standing
from approvals.pages.timeline import Event, timeline
from approvals.pages.votes import CONFLICT, HANDS, Signing, VoteShown, signing_of, stale_causes, votes_of
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import in_force
from governance.accounts.roles import VOTING_ROLES, Role
from governance.api.views import readable

PROMOTING = (Role.PIPELINE, Role.MODEL_OWNER, Role.RISK_MANAGER)
VETO_HOURS = 72  # where the policy does not say: muniment.veto_lift_from
REJECTING = tuple(VOTING_ROLES - {Role.POLICY_OWNER})
WITHDRAWING = (Role.PIPELINE, Role.MODEL_OWNER)


@dataclass(slots=True)
class Card:
    """One requirement of the release."""

    key: str
    kind: str
    title: str
    asks: str
    status: RequirementStatus
    lines: list[str]
    who: list[tuple[str, list[str]]]
    links: list[Link]
    more_links: int
    evidence: list[EvidenceItem]
    votes: list[VoteShown]
    veto: bool
    signing: Signing | None = None
    veto_hours: int = 0  # after which the head of the role may lift one
    to_lift: list[SignOff] = field(default_factory=list)  # vetoes that the reader heads the role to lift
    others_open: int = 0  # requirements that stay open if this one is met

    @property
    def last_open(self) -> bool:
        """Whether this requirement alone keeps the gate closed, and one signature would meet it."""
        params = self.status.params
        return not self.others_open and params.get("needed", 1) - params.get("have", 0) == 1


@dataclass(slots=True)
class ReleasePage:
    """Everything the template shows."""

    release: Release
    verdict: Verdict
    cards: list[Card]
    policy_version: PolicyVersion | None
    promotion: Promotion | None
    decision: GateDecision | None
    replaces: Promotion | None
    timeline: list[Event]
    involved: dict[int, list[str]]
    names: dict[int, str]
    margin: int | None  # persons who may be missing before nobody could satisfy the policy, while it is open
    may_promote: bool
    may_reject: bool
    may_withdraw: bool
    observing: bool
    promote_roles: str
    conditions: Sequence[Finding]
    people: list[tuple[int, str]]
    may_recuse: bool
    sides: Sides | None  # the candidate beside what serves in its place, while the release is open
    beside: Measurements | None
    envelope: EnvelopeShown | None  # how the retraining envelope in force in its place judges it

    @property
    def closure(self) -> ReleaseClosure | None:
        return getattr(self.release, "closure", None)

    @property
    def signable(self) -> list[Card]:
        return [c for c in self.cards if c.signing and c.signing.statements]

    @property
    def awaited(self) -> list[Card]:
        """Cards that are open and that the reader may sign now."""
        return [c for c in self.signable if not c.status.passes]

    @property
    def open_count(self) -> int:
        return len(self.verdict.missing)

    @property
    def met_count(self) -> int:
        return len(self.verdict.requirements) - self.open_count

    @property
    def contributors(self) -> list[tuple[str, str]]:
        return [
            (self.names[pk], ", ".join(str(HANDS.get(w, w)) for w in why)) for pk, why in sorted(self.involved.items())
        ]

    @property
    def own_work(self) -> str:
        """Why the reader may not sign although they hold the role; "" where nothing stands against it."""
        return next((c.signing.refusal for c in self.cards if c.signing and c.signing.refusal), "")

    @property
    def i_signed(self) -> bool:
        return any(c.signing and c.signing.mine for c in self.cards)


class ActivePolicyVersion(Func):
    """Id of the policy version in force for an environment, risk tier, namespace and slot."""

    function = "muniment.active_policy_version"
    output_field = IntegerField(null=True)


def find(reader: Principal, pk: int) -> Release | None:
    """A release the reader may read; None: there is none, or none for them."""
    found: Release | None = (
        readable(Release, reader)
        .select_related(
            "model_version__model__namespace", "model_version__model__owner", "environment", "recorded_by",
            "closure__recorded_by", "trial_plan__trial", "review_of", "change_plan",
        )
        .annotate(
            policy_version=ActivePolicyVersion(
                F("environment"), F("model_version__model__risk_tier"), F("model_version__model__namespace"), F("slot")
            )
        )
        .filter(pk=pk)
        .first()
    )  # fmt: skip
    return found


def page_for(release: Release, reader: Principal) -> ReleasePage:
    """The release page for one reader. A fixed number of queries; those of the statements only for who may sign.

    Args:
        release: from `find`, with `policy_version`.
    """
    model = release.model_version.model
    promotions = list(
        Promotion.objects.filter(Q(release=release) | Q(
            live_slot__model=model, live_slot__environment=release.environment_id, live_slot__slot=release.slot
        )).select_related("decision__policy_version__policy", "end__recorded_by", "live_slot", "recorded_by",
                          "release__model_version").order_by("pk")
    )  # fmt: skip
    own = [p for p in promotions if p.release_id == release.pk]
    promotion = own[-1] if own else None  # it may have been brought back; what was decided is the first one's
    decision = own[0].decision if own else None
    # What was decided stays as it was decided: a promoted release shows the gate's answer of that moment.
    verdict = from_rows(decision.requirements) if decision else ask(release)
    verdict = Verdict(as_read_by(verdict.requirements, reader))
    version_id = decision.policy_version_id if decision else release.policy_version  # type: ignore[attr-defined]  # annotated
    requirements = {
        q.key: q
        for q in Requirement.objects.filter(policy_version=version_id).select_related(
            "policy_version__policy__environment", "policy_version__policy__namespace"
        )
    }
    policy_version = next((q.policy_version for q in requirements.values()), None)
    votes = list(
        SignOff.objects.filter(release=release)
        .select_related("requirement", "recorded_by", "role_grant__on_behalf_of", "withdrawal", "lift__recorded_by")
        .order_by("pk")
    )
    cited = {r["id"] for q in verdict.requirements for r in q.rests_on if r["kind"] == "evidence" and "id" in r}
    is_open = not hasattr(release, "closure")
    replaces = next((p for p in promotions if p.release_id != release.pk), None) if is_open else None
    sides = beside_live(release, replaces)
    versions = [one.version.pk for one in sides.all] if sides else [release.model_version_id]
    read = evidence.read(Q(model_version__in=versions) | Q(pk__in=cited))
    items = [i for i in read if i.id in cited or i.subject == ("model_version", release.model_version_id)]
    stands = standing(release, reader, verdict.requirements, version_id if is_open else None)
    involved = stands.involved
    grants = list(
        RoleGrant.objects.filter(
            in_force(), Q(namespace=model.namespace_id) | Q(namespace__isnull=True)
        ).select_related("principal", "namespace", "on_behalf_of")
    )
    held: dict[str, list[Principal]] = defaultdict(list)
    for grant in grants:
        if grant.principal not in held[grant.role]:
            held[grant.role].append(grant.principal)
    mine = {g.role for g in grants if g.principal_id == reader.pk}
    heads = {g.role for g in grants if g.principal_id == reader.pk and g.is_head}
    stale = stale_causes(release, verdict, reader) if is_open else {}
    cards = []
    for status in verdict.requirements:
        requirement = requirements.get(status.key)
        card = _card(status, requirement, stands.grounds, evidence.by_id(items), votes_of(status, votes, reader, stale))
        card.who = _who(status, held, involved, card.votes)
        card.others_open = len([r for r in verdict.missing if r.key != status.key])
        if requirement is not None and requirement.kind == "signoff" and is_open:
            if requirement.params["role"] in mine:
                card.signing = signing_of(requirement, reader, involved, card.votes, suspended=stands.suspended)
            if card.veto and requirement.params["role"] in heads and reader.pk not in involved:
                card.to_lift = [v.sign_off for v in card.votes if v.vetoes and not v.mine]
        cards.append(card)
    _offer_statements(release, reader, cards, requirements, grants, items)
    return ReleasePage(
        release=release,
        verdict=verdict,
        cards=cards,
        policy_version=policy_version,
        promotion=promotion,
        decision=decision,
        replaces=replaces,
        timeline=timeline(release, items, votes, stands.attempts, promotion),
        involved=involved,
        names=stands.names,
        margin=stands.margin,
        may_promote=is_open and bool(mine & set(PROMOTING)),
        may_reject=is_open and bool(mine & set(REJECTING)),
        may_withdraw=is_open and bool(mine & set(WITHDRAWING)),
        observing=_observing(release),
        promote_roles=", ".join(str(r.label) for r in PROMOTING),
        conditions=findings(Q(sign_off__release=release)),
        people=sorted(
            {(g.principal_id, g.principal.display_name) for g in grants if _is_person(g.principal)},
            key=lambda one: one[1],
        ),
        envelope=shown(stands.judged) if stands.judged else None,
        may_recuse=is_open and _is_person(reader) and bool(mine) and CONFLICT not in involved.get(reader.pk, ()),
        sides=sides,
        beside=measured(sides, read) if sides else None,
    )


def _offer_statements(
    release: Release,
    reader: Principal,
    cards: Sequence[Card],
    requirements: dict[str, Requirement],
    grants: Sequence[RoleGrant],
    items: Sequence[EvidenceItem],
) -> None:
    """Put what the reader would sign on the cards that they may sign; one query for all of them, none without any."""
    offered = {requirements[c.key].pk: c.signing for c in cards if c.signing and c.signing.may_sign}
    if not offered:
        return
    found = statements_on(
        person=reader,
        release=release,
        requirements=[q for q in requirements.values() if q.pk in offered],
        grants=[g for g in grants if g.principal_id == reader.pk],
        evidence=[i.evidence for i in items if i.subject == ("model_version", release.model_version_id)],
    )
    for pk, signing in offered.items():
        signing.statements = {vote.value: shown for vote, shown in found[pk].items()}


def _is_person(principal: Principal) -> bool:
    return principal.kind == Principal.Kind.PERSON


def _observing(release: Release) -> bool:
    until = release.environment.observe_only_until
    return until is not None and until > timezone.now()


def _card(
    status: RequirementStatus,
    requirement: Requirement | None,
    rests: dict[tuple[str, int], Link],
    items: dict[int, EvidenceItem],
    votes: list[VoteShown],
) -> Card:
    cited = [items[r["id"]] for r in status.rests_on if r["kind"] == "evidence" and r.get("id") in items]
    at = [(r["kind"], r.get("id")) for r in status.rests_on]  # what lies in namespaces not read has no id here
    links = list(dict.fromkeys(rests[one] for one in at if one in rests))
    return Card(
        key=status.key,
        kind=requirement.get_kind_display() if requirement else status.kind,
        title=str(requirement) if requirement else status.key,
        asks=_asks(requirement),
        status=status,
        lines=status.message.split("\n"),
        who=[],
        links=links[:8],
        more_links=max(0, len(links) - 8),
        evidence=sorted(cited, key=lambda e: -e.id),
        votes=votes,
        veto=bool(requirement and requirement.params.get("veto")),
        veto_hours=(requirement and requirement.params.get("veto_lift_hours")) or VETO_HOURS,
    )


def _asks(requirement: Requirement | None) -> str:
    """What the policy asks, in a few words."""
    if requirement is None:
        return ""
    params = requirement.params
    said = []
    if requirement.kind == "evidence":
        if params.get("independent"):
            said.append(_("reported by someone who had no hand in the model"))
        if params.get("max_age_days"):
            said.append(_("at most %(days)s days old") % {"days": params["max_age_days"]})
    if requirement.kind == "signoff":
        if params.get("count", 1) > 1:
            said.append(_("%(count)s different persons") % {"count": params["count"]})
        if params.get("veto"):
            said.append(_("one rejection closes the gate"))
            said.append(
                _("which the head of the role may lift after %(hours)s hours")
                % {"hours": params.get("veto_lift_hours") or VETO_HOURS}
            )
    return ", ".join(said)


def _who(
    status: RequirementStatus,
    held: dict[str, list[Principal]],
    involved: dict[int, list[str]],
    votes: Sequence[VoteShown],
) -> list[tuple[str, list[str]]]:
    """Who can close the gap: roles, each with the persons who hold it here and may."""
    found = []
    out = {*involved, *(v.sign_off.recorded_by_id for v in votes if v.stands)}
    for role in status.who:
        people = held.get(role.value, [])
        if status.kind == "signoff":
            people = [p for p in people if p.kind == Principal.Kind.PERSON and p.pk not in out]
        found.append((str(role.label), sorted(p.display_name for p in people)))
    return found
