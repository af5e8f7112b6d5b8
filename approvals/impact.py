"""What is live that came from a record: the live promotions below it, however many steps away."""

from django.db import connection
from django.db.models import QuerySet

from approvals.models import Promotion

KINDS = {"dataset_version": 0, "run": 1, "model_version": 2}


def live_below(kind: str, pk: int) -> QuerySet[Promotion]:
    """The live promotions of what was made from a record, itself included, with model, environment and release.

    Args:
        kind: dataset_version, run or model_version. A run stands for what it wrote.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, {"kind": KINDS[kind], "id": pk})
        found = cursor.fetchone()[0]
    return (
        Promotion.objects.filter(pk__in=found)
        .select_related("environment", "release__model_version__model__namespace")
        .order_by("pk")
    )


_LIVE = """
SELECT muniment.live_among(ARRAY(SELECT muniment.below(
  ARRAY(SELECT %(id)s::bigint WHERE %(kind)s = 0
        UNION SELECT o.dataset_version_id FROM muniment.run_outputs o
              WHERE %(kind)s = 1 AND o.run_id = %(id)s AND o.dataset_version_id IS NOT NULL),
  ARRAY(SELECT %(id)s::bigint WHERE %(kind)s = 2
        UNION SELECT o.model_version_id FROM muniment.run_outputs o
              WHERE %(kind)s = 1 AND o.run_id = %(id)s AND o.model_version_id IS NOT NULL
        UNION SELECT v.id FROM lineage_modelversion v WHERE %(kind)s = 1 AND v.source_run_id = %(id)s))))"""
