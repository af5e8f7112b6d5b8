"""The inventory of models as of a moment: what there was, how risky, whose, what was live of it, and who had signed."""

from datetime import datetime

from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from governance.desk.exports import Source

COLUMNS = (
    *("row", "namespace", "model_id", "model", "title", "risk_tier", "intended_purpose", "owner", "decision_owner"),
    *("environment", "slot", "version", "version_digest", "live_since", "promoted_by", "release_id", "sign_offs"),
)
TEXTS = frozenset(
    {
        *("namespace", "model", "title", "intended_purpose", "owner", "decision_owner", "environment", "promoted_by"),
        "sign_offs",
    }
)

# Models as their history had them; promotions and votes are born final, and what ended or withdrew them is dated. One
# row for each slot that was live, one for a model of which nothing was. `row`: the model and the place among its rows.
_SQL = """
SELECT m.id * 1000 + row_number() OVER (PARTITION BY m.id ORDER BY v."order", p.slot, p.id) AS row,
       n.name AS namespace, m.id AS model_id, m.name AS model, m.title, m.risk_tier, m.intended_purpose,
       o.display_name AS owner, d.display_name AS decision_owner, v.name AS environment, p.slot, x.number AS version,
       CASE WHEN x.digest_value <> '' THEN x.digest_algorithm || ':' || x.digest_value END AS version_digest,
       p.started_at AS live_since, b.display_name AS promoted_by, p.release_id, s.signed AS sign_offs
FROM (
  SELECT w.id AS wanted, h.* FROM public.lineage_model w CROSS JOIN LATERAL (
    SELECT * FROM public.lineage_historicalmodel h WHERE h.id = w.id AND h.history_date <= %(at)s
    ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1) h
  WHERE w.namespace_id = ANY (%(spaces)s) AND (%(after)s::bigint IS NULL OR w.id >= %(after)s::bigint / 1000)
) m
JOIN public.governance_namespace n ON n.id = m.namespace_id
LEFT JOIN public.governance_principal o ON o.id = m.owner_id
LEFT JOIN public.governance_principal d ON d.id = m.decision_owner_id
LEFT JOIN (public.approvals_promotion p
           LEFT JOIN public.approvals_promotionend e ON e.promotion_id = p.id
           JOIN public.approvals_environment v ON v.id = p.environment_id
           JOIN public.approvals_release r ON r.id = p.release_id
           JOIN public.lineage_modelversion x ON x.id = r.model_version_id
           JOIN public.governance_principal b ON b.id = p.recorded_by_id)
  ON p.model_id = m.id AND p.started_at <= %(at)s AND (e.id IS NULL OR e.ended_at > %(at)s)
LEFT JOIN LATERAL (
  SELECT string_agg(f.printed_name || ' (' || q.key || ', ' || to_char(f.signed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                    || ')', '; ' ORDER BY f.signed_at, f.id) AS signed
  FROM public.approvals_signoff f JOIN public.approvals_requirement q ON q.id = f.requirement_id
  WHERE f.release_id = p.release_id AND f.vote = 'approve' AND f.signed_at <= %(at)s
    AND NOT EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w
                    WHERE w.sign_off_id = f.id AND w.recorded_at <= %(at)s)
) s ON true
ORDER BY 1
"""


def inventory(reader: Principal, at: datetime) -> Source:
    """Every model the reader may read that was on record at a moment, with its live slots; by `row`.

    Args:
        at: aware; the state recorded by then.
    """
    spaces = list(readable_namespaces(reader).values_list("pk", flat=True))
    sql = f"SELECT * FROM ({_SQL}) i WHERE %(after)s::bigint IS NULL OR i.row > %(after)s ORDER BY i.row"
    return Source("inventory", sql, COLUMNS, "row", TEXTS, {"at": at, "spaces": spaces})
