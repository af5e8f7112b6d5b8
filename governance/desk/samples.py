"""Reading samples and exports: those one may read, and what was drawn as people look at it."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.api.views import OVERSIGHT
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.api.views import readable
from governance.desk import acts, kinds
from governance.desk.models import Act, Export, Sample, SearchEntry
from governance.desk.readers import Scope


def readable_samples(reader: Principal) -> QuerySet[Sample]:
    """Samples of namespaces the reader may read; those of everything for oversight of everything."""
    if holds(reader, *OVERSIGHT, namespace=None):
        return Sample.objects.all()
    return readable(Sample, reader).filter(Q(namespace__isnull=False))


def readable_exports(reader: Principal) -> QuerySet[Export]:
    """One's own exports for everyone, all of them for oversight of everything."""
    rows = Export.objects.all()
    return rows if holds(reader, *OVERSIGHT, namespace=None) else rows.filter(recorded_by=reader)


def drawn(sample: Sample, scope: Scope) -> list[dict[str, Any]]:
    """What was drawn, in its order: {number, id, title, address}; in a fixed number of queries."""
    if sample.kind == Sample.ACTS:
        rows = scope.narrow(Act.objects.filter(action_id__in=sample.drawn, lead=True)).order_by("id")
        told = {str(act.action_id): act for act in acts.told(rows, scope)}
        return [
            {"number": number, "id": one, "act": told.get(one), "address": ""}
            for number, one in enumerate(sample.drawn, 1)
        ]
    ids = [int(one) for one in sample.drawn]
    entries = scope.narrow(SearchEntry.objects.filter(kind=sample.kind, object_id__in=ids))
    titles = dict(entries.values_list("object_id", "title"))
    return [
        {"number": number, "id": one, "title": titles.get(one, ""), "address": kinds.page_of(sample.kind, one)}
        for number, one in enumerate(ids, 1)
    ]
