"""The newest acts in the reader's namespaces, in one query over what people want to hear of."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces

#: Newest rows looked at per table: someone who may read one small namespace must not make us read the whole history.
LOOKED_AT = 2000
SHOWN = 9


@dataclass(frozen=True, slots=True)
class Act:
    """One act: who did what to what, and where to read it."""

    at: datetime
    who: str
    text: str
    name: str
    address: str
    good: bool | None = None


# Each part: kind, moment, actor, what it is about (model or dataset), its number or label, page id, detail. The newest
# first and no more than are shown: rows are joined one by one until that many are found, LOOKED_AT of them at most.
_PARTS = (
    "SELECT 'release', x.recorded_at, x.recorded_by_id, m.name, v.number::text, x.id, e.name"
    " FROM {release} x JOIN lineage_modelversion v ON v.id = x.model_version_id"
    " JOIN lineage_model m ON m.id = v.model_id JOIN approvals_environment e ON e.id = x.environment_id"
    " {of_m} ORDER BY x.id {newest}",
    "SELECT s.vote, s.signed_at, s.recorded_by_id, m.name, v.number::text, x.id, q.title"
    " FROM {signoff} s JOIN approvals_release x ON x.id = s.release_id"
    " JOIN approvals_requirement q ON q.id = s.requirement_id"
    " JOIN lineage_modelversion v ON v.id = x.model_version_id JOIN lineage_model m ON m.id = v.model_id"
    " {of_m} ORDER BY s.id {newest}",
    "SELECT 'promotion', p.started_at, p.recorded_by_id, m.name, v.number::text, x.id, e.name"
    " FROM {promotion} p JOIN approvals_release x ON x.id = p.release_id"
    " JOIN lineage_modelversion v ON v.id = x.model_version_id JOIN lineage_model m ON m.id = v.model_id"
    " JOIN approvals_environment e ON e.id = p.environment_id"
    " {of_m} ORDER BY p.id {newest}",
    "SELECT 'end', n.ended_at, n.recorded_by_id, m.name, v.number::text, x.id, n.kind"
    " FROM {promotionend} n JOIN approvals_promotion p ON p.id = n.promotion_id"
    " JOIN approvals_release x ON x.id = p.release_id"
    " JOIN lineage_modelversion v ON v.id = x.model_version_id JOIN lineage_model m ON m.id = v.model_id"
    " {of_m} ORDER BY n.id {newest}",
    "SELECT 'refused', a.recorded_at, a.recorded_by_id, m.name, v.number::text, x.id, ''"
    " FROM {refusedattempt} a JOIN approvals_release x ON x.id = a.release_id"
    " JOIN lineage_modelversion v ON v.id = x.model_version_id JOIN lineage_model m ON m.id = v.model_id"
    " {of_m} ORDER BY a.id {newest}",
    "SELECT 'version', v.recorded_at, v.recorded_by_id, m.name, v.number::text, v.id, ''"
    " FROM {modelversion} v JOIN lineage_model m ON m.id = v.model_id"
    " {of_m} ORDER BY v.id {newest}",
    "SELECT 'data', v.recorded_at, v.recorded_by_id, d.name, v.label, d.id, ''"
    " FROM {datasetversion} v JOIN lineage_dataset d ON d.id = v.dataset_id"
    " {of_d} ORDER BY v.id {newest}",
    "SELECT 'withdrawn', w.recorded_at, w.recorded_by_id, d.name, t.number::text, d.id, ''"
    " FROM {termswithdrawal} w JOIN lineage_collectionterms t ON t.id = w.terms_id"
    " JOIN lineage_dataset d ON d.id = t.dataset_id"
    " {of_d} ORDER BY w.id {newest}",
    "SELECT 'evidence', g.recorded_at, g.recorded_by_id, m.name, v.number::text, v.id, p.title"
    " FROM {evidence} g JOIN lineage_modelversion v ON v.id = g.model_version_id"
    " JOIN lineage_model m ON m.id = v.model_id JOIN approvals_plan p ON p.id = g.plan_id"
    " {of_m} ORDER BY g.id {newest}",
    "SELECT 'finding', f.recorded_at, f.recorded_by_id, m.name, '', m.id, left(f.text, 80)"
    " FROM {finding} f JOIN lineage_model m ON m.id = f.model_id"
    " {of_m} ORDER BY f.id {newest}",
)
_TABLES = {
    **{name: f"approvals_{name}" for name in ("release", "signoff", "promotion", "promotionend", "refusedattempt",
                                              "evidence", "finding")},
    **{name: f"lineage_{name}" for name in ("modelversion", "datasetversion", "termswithdrawal")},
}  # fmt: skip


def recent(reader: Principal) -> list[Act]:
    """The newest acts that the reader may know of, newest first."""
    mine, given = readable_namespaces(reader).values("id").query.sql_with_params()
    newest = {name: f"(SELECT * FROM {table} ORDER BY id DESC LIMIT {LOOKED_AT})" for name, table in _TABLES.items()}
    of = {f"of_{n}": f"WHERE {n}.namespace_id = ANY (ARRAY(SELECT mine.id FROM mine))" for n in ("m", "d")}
    union = " UNION ALL ".join(f"({part.format(**newest, **of, newest=f'DESC LIMIT {SHOWN}')})" for part in _PARTS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH mine AS MATERIALIZED ({mine})"
            " SELECT a.kind, a.at, p.display_name, a.name, a.number, a.page, a.detail"
            f" FROM ({union}) AS a (kind, at, who, name, number, page, detail)"
            " JOIN governance_principal p ON p.id = a.who ORDER BY a.at DESC LIMIT %s",
            [*given, SHOWN],
        )
        return [_act(*row) for row in cursor.fetchall()]


def _act(kind: str, at: datetime, who: str, name: str, number: str, page: int, detail: str) -> Act:
    texts = {
        "release": (_("opened a release into %(detail)s"), None),
        "approve": (_("approved “%(detail)s”"), True),
        "reject": (_("rejected “%(detail)s”"), False),
        "promotion": (_("promoted it into %(detail)s"), True),
        "end": (_("ended its promotion (%(detail)s)"), None),
        "refused": (_("asked for promotion and was refused"), False),
        "version": (_("registered a model version"), None),
        "data": (_("registered a dataset version"), None),
        "withdrawn": (_("withdrew the terms of a dataset"), False),
        "evidence": (_("reported evidence: %(detail)s"), None),
        "finding": (_("raised a finding: %(detail)s"), None),
    }
    text, good = texts[kind]
    route = {"version": "model-version", "evidence": "model-version", "data": "dataset", "withdrawn": "dataset",
             "finding": "model"}.get(kind, "release")  # fmt: skip
    return Act(at, who, text % {"detail": detail}, f"{name} {number}".strip(), reverse(route, args=[page]), good)
