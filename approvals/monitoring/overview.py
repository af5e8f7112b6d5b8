"""How everything live is doing, a line each: of each viewpoint the worst of its plans, read with what is live."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL

from approvals.models import VIEWPOINTS, LiveSlot

#: From the worst to the best; the first that one of a viewpoint's plans is in is the viewpoint's.
STATES = ("breach", "silent", "recovered", "good", "none")

#: The newest plan of each title: its newest judged window, whether a breach of it is open, whether a window is overdue.
STANDING = """
  SELECT coalesce(jsonb_agg(jsonb_build_array(l.kind, w.window_end, w.verdict = 'bad', s.plan_id IS NOT NULL, EXISTS (
           SELECT 1 FROM approvals_finding f WHERE f.promotion_id = p.id AND f.plan_id = l.id
             AND f.kind = 'monitoring_breach' AND muniment.finding_open(f.id)))), '[]')
  FROM approvals_promotion p
  JOIN approvals_plan l ON l.model_id = p.model_id AND l.kind = ANY (%s)
  LEFT JOIN muniment.monitoring_silence(ARRAY[p.id], clock_timestamp()) s ON s.plan_id = l.id
  LEFT JOIN LATERAL (
    SELECT x.window_end, x.verdict FROM approvals_monitoringwindow x
    WHERE x.promotion_id = p.id AND x.plan_id = l.id AND x.verdict <> ''
    ORDER BY x.window_end DESC, x.id DESC LIMIT 1) w ON true
  WHERE p.id = approvals_liveslot.promotion_id AND NOT EXISTS (
    SELECT 1 FROM approvals_plan n
    WHERE n.model_id = l.model_id AND n.kind = l.kind AND n.title = l.title AND n.id > l.id)
"""


@dataclass(slots=True)
class Watched:
    """How something live is doing: a state of STATES by viewpoint that a plan watches, and when it was last seen."""

    states: dict[str, str] = field(default_factory=dict)
    last: datetime | None = None

    @property
    def viewpoints(self) -> list[tuple[str, str]]:
        """Each viewpoint in their order, with its state; "" where no plan watches it."""
        return [(str(kind), self.states.get(kind, "")) for kind in VIEWPOINTS]


def with_standing(live: QuerySet[LiveSlot]) -> QuerySet[Any]:
    """What is live, with how it stands, for `watched`."""
    kinds = [str(kind) for kind in VIEWPOINTS]
    return live.annotate(standing=RawSQL(STANDING, [kinds], output_field=JSONField()))


def watched(slot: Any) -> Watched:
    """How something live that was read `with_standing` is doing."""
    found = Watched()
    for kind, end, bad, silent, breached in slot.standing:
        state = state_of(seen=end is not None, bad=bool(bad), silent=silent, breached=breached)
        found.states[kind] = min(found.states.get(kind, state), state, key=STATES.index)
        if end is not None:
            at = datetime.fromisoformat(end)
            found.last = max(found.last or at, at)
    return found


def state_of(*, seen: bool, bad: bool, silent: bool, breached: bool) -> str:
    """One of STATES; `bad`: the newest window `seen` was; `silent`: one is overdue; `breached`: a finding is open."""
    if bad or (breached and not seen):
        return "breach"
    if silent:
        return "silent"
    if breached:
        return "recovered"
    return "good" if seen else "none"
