"""The review of access: who could do what at a moment, by whose grant and whose approval, and who could sign."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from governance.desk.exports import Source
from governance.desk.readers import Scope

SHOWN = 100
COLUMNS = ("grant_id", "principal_id", "principal", "principal_name", "principal_kind", "active", "role", "namespace",
           "head", "on_behalf_of", "granted_by", "granted_at", "approved_by", "approved_at", "in_force_from",
           "in_force_until", "ended_by", "signing_suspended_since", "in_force", "could_sign")  # fmt: skip
TEXTS = frozenset({"principal", "principal_name", "namespace", "on_behalf_of", "granted_by", "approved_by", "ended_by"})

# Grants are never removed and each of their acts is dated: the rows of today tell what stood at any moment. Whether a
# principal was active is read from its history. A grant of everywhere counts in every namespace, so each review has it.
_SQL = """
SELECT g.id AS grant_id, p.id AS principal_id, p.display_name AS principal, p.name AS principal_name,
       p.kind AS principal_kind, s.active, g.role, n.name AS namespace, g.is_head AS head,
       b.display_name AS on_behalf_of,
       r.display_name AS granted_by, g.recorded_at AS granted_at,
       CASE WHEN g.approved_at <= %(at)s THEN a.display_name END AS approved_by,
       CASE WHEN g.approved_at <= %(at)s THEN g.approved_at END AS approved_at,
       s.since AS in_force_from, s.until AS in_force_until,
       CASE WHEN g.ended_at <= %(at)s THEN e.display_name END AS ended_by,
       s.suspended AS signing_suspended_since, s.in_force,
       s.in_force AND s.suspended IS NULL AND p.kind = 'person' AND g.role = ANY (muniment.voting_roles()) AS could_sign
FROM public.governance_rolegrant g
JOIN public.governance_principal p ON p.id = g.principal_id
LEFT JOIN public.governance_namespace n ON n.id = g.namespace_id
LEFT JOIN public.governance_principal b ON b.id = g.on_behalf_of_id
JOIN public.governance_principal r ON r.id = g.recorded_by_id
LEFT JOIN public.governance_principal a ON a.id = g.approved_by_id
LEFT JOIN public.governance_principal e ON e.id = g.ended_by_id
CROSS JOIN LATERAL (
  SELECT f.active, f.since, f.until, f.suspended,
         coalesce(f.active AND f.since <= %(at)s AND (f.until IS NULL OR f.until > %(at)s), false) AS in_force
  FROM (SELECT coalesce((SELECT h.is_active FROM public.governance_historicalprincipal h
                         WHERE h.id = p.id AND h.history_date <= %(at)s
                         ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1), false) AS active,
               CASE WHEN g.approved_at IS NULL OR g.approved_at <= %(at)s THEN g.effective_from END AS since,
               least(g.effective_to, CASE WHEN g.ended_at <= %(at)s THEN g.ended_at END) AS until,
               (SELECT CASE WHEN c.kind = 'password_reset' THEN c.recorded_at END
                FROM public.governance_credentialevent c
                WHERE c.principal_id = p.id AND c.kind IN ('password_reset', 'signing_restored')
                  AND c.recorded_at <= %(at)s ORDER BY c.id DESC LIMIT 1) AS suspended) f
) s
WHERE g.recorded_at <= %(at)s
  AND (%(spaces)s::bigint[] IS NULL OR g.namespace_id IS NULL OR g.namespace_id = ANY (%(spaces)s))
  AND (%(namespace)s::bigint IS NULL OR g.namespace_id IS NULL OR g.namespace_id = %(namespace)s)
  AND (%(role)s::text IS NULL OR g.role = %(role)s)
  AND (%(principal)s::bigint IS NULL OR g.principal_id = %(principal)s)
  AND (NOT %(in_force)s OR s.in_force)
  AND (%(after)s::bigint IS NULL OR g.id > %(after)s)
ORDER BY g.id
"""


def source(
    scope: Scope,
    at: datetime,
    *,
    namespace: int | None = None,
    role: str | None = None,
    principal: int | None = None,
    in_force: bool = False,
) -> Source:
    """Every grant recorded by a moment within the scope, as it stood then; by id.

    Args:
        scope: of the reader; grants of everywhere count in each namespace and are always told.
        at: aware. namespace, role, principal: only these. in_force: only what counted at that moment.
    """
    asked = {
        "at": at,
        "spaces": None if scope.namespaces is None else list(scope.namespaces),
        "namespace": namespace,
        "role": role,
        "principal": principal,
        "in_force": in_force,
    }
    return Source("access", _SQL, COLUMNS, "grant_id", TEXTS, asked)


def page(asked: Source, *, after: int | None) -> tuple[list[dict[str, Any]], int | None]:
    """A page of a review, and the grant to go on after; None at the end."""
    with connection.cursor() as cursor:
        cursor.execute(f"{asked.sql} LIMIT {SHOWN + 1}", {**asked.parameters, "after": after})
        rows = [dict(zip(asked.columns, row, strict=True)) for row in cursor.fetchall()]
    return rows[:SHOWN], rows[SHOWN - 1]["grant_id"] if len(rows) > SHOWN else None
