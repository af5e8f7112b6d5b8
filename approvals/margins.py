"""How many persons could be missing before nobody could satisfy a policy, and the watch over it when people leave."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from approvals.models import PolicyLapse
from governance.accounts.actions.system import SYSTEM
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.outbox import Message, enqueue
from governance.unit_of_work import recorded_action

LOOK_BACK = timedelta(days=30)  # longer than any stop of the scheduler that nobody notices


@dataclass(frozen=True, slots=True)
class Margin:
    """A policy in force, a namespace it decides in, and how many persons could be missing there.

    `margin` is None where the policy asks for no signature; below 0: nobody can satisfy it as it is. `roles` run short
    first: `asked` signatures of them, and `holders` persons who hold any of them.
    """

    policy: int
    policy_version: int
    publication: int
    namespace: int
    namespace_name: str
    margin: int | None
    roles: list[str]
    asked: int
    holders: int

    @property
    def is_short(self) -> bool:
        """Whether one more absence, or one of them having had a hand in the model, leaves nobody."""
        return self.margin is not None and self.margin <= 0


_MARGINS = """
WITH mine AS MATERIALIZED ({mine})
SELECT f.policy_id, f.policy_version_id, f.publication_id, m.namespace_id, n.name, m.margin, m.roles, m.asked, m.holders
FROM muniment.policies_in_force() f
CROSS JOIN LATERAL muniment.policy_margins(f.policy_version_id, ARRAY(
  SELECT x FROM unnest(muniment.policy_namespaces(f.policy_id)) x
  WHERE x IN (SELECT id FROM mine))) m
JOIN governance_namespace n ON n.id = m.namespace_id
WHERE coalesce(f.policy_id = %s::bigint, true)
ORDER BY f.policy_id, m.margin, n.name
"""

# When it last happened that someone ceased to hold one of the roles there: their grant ended or ran out, or they left.
_LAST_LOSS = """
SELECT max(x.at) FROM (
  SELECT least(g.ended_at, g.effective_to) AS at FROM governance_rolegrant g
    WHERE g.role = ANY (%(roles)s) AND (g.namespace_id = %(namespace)s OR g.namespace_id IS NULL)
      AND g.effective_from IS NOT NULL
  UNION ALL
  SELECT h.history_date FROM governance_rolegrant g JOIN governance_historicalprincipal h ON h.id = g.principal_id
    WHERE g.role = ANY (%(roles)s) AND (g.namespace_id = %(namespace)s OR g.namespace_id IS NULL) AND NOT h.is_active
) x WHERE x.at <= %(now)s
"""


def all_margins(*, policy: int | None = None, reader: Principal | None = None) -> list[Margin]:
    """The margin of every policy in force in every namespace it decides in; per policy the smallest first.

    Args:
        policy: of this one alone.
        reader: in the namespaces they may read alone, for pages (0.6 s for a thousand namespaces).
    """
    namespaces = Namespace.objects.all() if reader is None else readable_namespaces(reader)
    mine, given = namespaces.values("id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_MARGINS.replace("{mine}", mine), [*given, policy])
        return [Margin(*row) for row in cursor.fetchall()]


def announce_margins(now: datetime | None = None) -> int:
    """Tell of each policy in force whose margin fell to nothing because someone left; how many there were.

    Told once per loss, whoever runs it and however often: the repeat key is the policy, the place and the moment.
    A lapse that a publication past the doors caused is told as well.
    """
    moment = now or timezone.now()
    topics = [(f"policy.lapsed:{pk}", "policy.lapsed", {"id": pk}) for pk in _recent_lapses(moment)]
    for one in all_margins():
        if one.is_short and (lost := _last_loss(one, moment)) and lost > moment - LOOK_BACK:
            key = f"policy.margin:{one.publication}:{one.namespace}:{lost.isoformat()}"
            topics.append((key, "policy.margin", {"publication": one.publication, "namespace": one.namespace}))
    told = set(
        Message.objects.filter(dedup_key__in=[key for key, *_rest in topics]).values_list("dedup_key", flat=True)
    )
    new = [one for one in topics if one[0] not in told]
    if new:
        system = Principal.objects.get(name=SYSTEM)
        with recorded_action(actor=system, reason=gettext("Announce policies that run short of people")):
            for key, topic, payload in new:
                enqueue(topic, payload, subject=key, dedup_key=key)
    return len(new)


def _recent_lapses(now: datetime) -> list[int]:
    return list(PolicyLapse.objects.filter(recorded_at__gt=now - LOOK_BACK).values_list("pk", flat=True))


def _last_loss(one: Margin, now: datetime) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_LOSS, {"roles": one.roles, "namespace": one.namespace, "now": now})
        row = cursor.fetchone()
    found: datetime | None = row[0] if row else None
    return found
