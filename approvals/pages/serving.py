"""The serving page: whether something live may keep serving, why not, until when, and what its reader can do."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from approvals.actions.serving import CLEARERS
from approvals.audience import holders_besides
from approvals.gate.reading import as_read_by
from approvals.models import Finding, Promotion, PromotionEnd, ServingNotice
from approvals.pages.judgements import findings
from approvals.queries import involved_persons
from approvals.responses import Fallback
from approvals.serving import Serving, Standing, how_they_stand
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role
from governance.api.views import readable
from governance.history.masking import mask
from lineage.actions.recalls import RECALLERS

DRAWN = 20  # records of a chain that a drawing shows; the table beneath it holds all
EARLIER_SHOWN = 10
WIDTH, HEIGHT, GAP, ACROSS, MARGIN = 188, 54, 42, 3, 8
NAME_LENGTH = 25


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain: where it stands in the drawing (units of its own), and what it is."""

    kind: str
    name: str
    detail: str
    address: str
    hidden: bool
    x: int = 0
    y: int = 0

    @property
    def kind_name(self) -> str:
        return {
            "terms_withdrawal": _("terms withdrawn"), "terms": _("new terms"), "flag": _("flag"), "recall": _("recall"),
            "finding": _("finding"), "evidence": _("evidence"), "dataset_version": _("dataset"), "run": _("run"),
            "model_version": _("model"), "promotion": _("serves in"), "review": _("review"),
            "contradiction": _("other bytes found"), "link_correction": _("link corrected"), "use": _("another use"),
        }.get(self.kind, self.kind)  # fmt: skip

    @property
    def short_name(self) -> str:
        return _cut(self.name, NAME_LENGTH)

    @property
    def short_detail(self) -> str:
        return _cut(self.detail, NAME_LENGTH - len(self.kind_name) - 1)

    @property
    def text_x(self) -> int:
        return self.x + 10

    @property
    def name_y(self) -> int:
        return self.y + 23

    @property
    def detail_y(self) -> int:
        return self.y + 41


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a cause to what serves, for a drawing and for the table that says the same."""

    links: list[Link]
    drawn: list[Link]
    paths: list[str]
    left_out: int

    @property
    def width(self) -> int:
        return 2 * MARGIN + ACROSS * WIDTH + (ACROSS - 1) * GAP

    @property
    def height(self) -> int:
        return 2 * MARGIN + HEIGHT + max((one.y for one in self.drawn), default=MARGIN) - MARGIN


@dataclass(slots=True)
class NoticeCard:
    """A notice as the page shows it."""

    notice: ServingNotice
    standing: Standing | None
    chain: Chain
    answer: str
    who: list[Principal] = field(default_factory=list)
    may_confirm: bool = False
    may_clear: bool = False


@dataclass(slots=True)
class ServingPage:
    """Everything the page shows."""

    promotion: Promotion
    end: PromotionEnd | None
    serving: Serving
    cards: list[NoticeCard]
    earlier: QuerySet[Promotion]
    acts: list[str]
    breaches: list[Finding]
    """Open findings on its monitoring, which need hold nothing up."""


def find(reader: Principal, id: int) -> Promotion | None:
    """A promotion the reader may see, with what the page names."""
    found: Promotion | None = (
        readable(Promotion, reader)
        .select_related("release__model_version__model__namespace", "environment", "model__namespace", "recorded_by",
                        "end__recorded_by", "repeats__release__model_version", "replaces__release__model_version",
                        "release__trial_plan__trial")
        .filter(pk=id).first()
    )  # fmt: skip
    return found


def page_for(promotion: Promotion, reader: Principal) -> ServingPage:
    """The page of a promotion for a reader."""
    end = getattr(promotion, "end", None)
    notices = list(
        promotion.notices.select_related("end__recorded_by", "end__fallback__release__model_version",
                                         "policy_version__policy", "recorded_by").order_by("-pk")
    )  # fmt: skip
    mask(ServingNotice, reader, notices)
    standing = [one for one in reversed(notices) if not hasattr(one, "end")]
    stands = {} if end else how_they_stand([promotion.pk], notices=standing)
    serving = stands.get(promotion.pk, Serving())
    serving.gaps = as_read_by(serving.gaps, reader)
    by_notice = {one.notice.pk: one for one in serving.notices}
    roles = _roles(reader, promotion)
    involved = involved_persons(promotion.release.model_version)
    own = reader.pk in involved

    @cache
    def holders(role: str) -> list[Principal]:
        return holders_besides(role, promotion.model.namespace_id, involved)

    cards = [
        _card(notice, by_notice.get(notice.pk), serving, roles, holders, own=own, live=end is None)
        for notice in notices
    ]  # fmt: skip
    earlier = (
        Promotion.objects.filter(model=promotion.model_id, environment=promotion.environment_id, slot=promotion.slot)
        .exclude(pk=promotion.pk)
        .select_related("release__model_version", "end")
        .order_by("-pk")[:EARLIER_SHOWN]
    )
    on_monitoring = findings(Q(promotion=promotion, kind=Finding.Kind.MONITORING_BREACH))
    breaches = [one for one in on_monitoring if one.is_open]  # type: ignore[attr-defined]  # annotated
    return ServingPage(promotion, end, serving, cards, earlier, acts_for(promotion, end, roles, own=own), breaches)


def acts_for(promotion: Promotion, end: PromotionEnd | None, roles: set[str], *, own: bool) -> list[str]:
    """What a reader of these roles may do with it now."""
    found = []
    overseer = bool(roles & {Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER})
    if end is None:
        if overseer:
            found.append("suspend")
        if roles & {Role.MODEL_OWNER, Role.RISK_MANAGER}:
            found += ["rollback", "retire"]
    elif end.kind == PromotionEnd.Kind.SUSPENDED and overseer and not own:
        found.append("reinstate")
    recalled = end is not None and end.kind == PromotionEnd.Kind.RECALLED
    if roles & set(RECALLERS) and promotion.release.model_version.digest_value and not recalled:
        found.append("recall")
    return found


def may_act(promotion: Promotion, reader: Principal) -> list[str]:
    """The acts a reader may do with a promotion now."""
    own = reader.pk in involved_persons(promotion.release.model_version)
    return acts_for(promotion, getattr(promotion, "end", None), _roles(reader, promotion), own=own)


def _roles(reader: Principal, promotion: Promotion) -> set[str]:
    namespace = promotion.model.namespace_id
    return {grant.role for grant in grants_in_force(reader) if grant.namespace_id in (None, namespace)}


def _card(
    notice: ServingNotice, standing: Standing | None, serving: Serving, roles: set[str],
    holders: Callable[[str], list[Principal]], *, own: bool, live: bool,
) -> NoticeCard:  # fmt: skip
    card = NoticeCard(notice, standing, chain_of(notice.chain), answer_in_words(notice, serving))
    if standing is not None and live:
        role = standing.confirm
        if role is not None:
            card.who = holders(role)
            card.may_confirm = role in roles and not own
        card.may_clear = bool(roles & {one.value for one in CLEARERS})
    return card


def answer_in_words(notice: ServingNotice, serving: Serving) -> str:
    """What the policy says is done, in a sentence."""
    response = notice.response
    if response["fallback"] == Fallback.KEEP:
        return _("The policy lets it keep serving, flagged.")
    if response["fallback"] == Fallback.STOP:
        what = _("it is suspended and nothing serves in its place")
    elif serving.fallback is not None:
        number = serving.fallback.release.model_version.number
        what = _("it is suspended and version %(number)s, the last good one, serves instead") % {"number": number}
    else:
        what = _("it is suspended; the last good version serves instead, if there is one")
    if response["confirm"]:
        role = Role(response["confirm"]).label
        return _("Unless a %(role)s confirms in time, %(what)s.") % {"role": role, "what": what}
    return _("When the time is over, %(what)s.") % {"what": what}


def chain_of(nodes: Sequence[dict[str, Any]]) -> Chain:
    """A chain, as its reader reads it, as links, with places for the drawing: rows of three, left to right."""
    keep = nodes if len(nodes) <= DRAWN else [*nodes[:4], *nodes[-(DRAWN - 4) :]]
    links = [_link(node) for node in nodes]
    drawn = [_link(node, place=place) for place, node in enumerate(keep)]
    paths = [_arrow(a, b) for a, b in itertools.pairwise(drawn)]
    left_out = len(nodes) - len(keep) + sum(int(node.get("left_out", 0)) for node in nodes)
    return Chain(links, drawn, paths, left_out)


def _link(node: dict[str, Any], *, place: int = 0) -> Link:
    row, column = divmod(place, ACROSS)
    hidden = bool(node.get("hidden"))
    name = _("not yours to read") if hidden else str(node["name"])
    address, page = "", node.get("page")
    if page and node["kind"] in ("dataset_version", "terms", "terms_withdrawal", "flag"):
        address = reverse("dataset", args=[page])
    elif page and node["kind"] == "use":
        address = reverse("model", args=[page])
    elif page and node["kind"] in ("model_version", "contradiction"):
        address = reverse("model-version", args=[page])
    return Link(node["kind"], name, str(node["detail"]), address, hidden, MARGIN + column * (WIDTH + GAP),
                MARGIN + row * (HEIGHT + 30))  # fmt: skip


def _arrow(start: Link, end: Link) -> str:
    if start.y == end.y:
        middle = start.y + HEIGHT // 2
        return f"M{start.x + WIDTH} {middle}L{end.x - 5} {middle}"
    across, below = start.y + HEIGHT + 15, end.y - 5
    return f"M{start.x + WIDTH // 2} {start.y + HEIGHT}V{across}H{end.x + WIDTH // 2}V{below}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
