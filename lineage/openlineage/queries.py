"""Reading what came in, for pages and the API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import holds, readable_namespaces
from lineage.actions.openlineage import ARRANGERS
from lineage.models import (
    DataProfile,
    DatasetVersion,
    IntakeState,
    OpenLineageEvent,
    OpenLineageIntake,
    OpenLineageNamespace,
    OpenLineageReplay,
    QualityResult,
    ReportedFact,
)

COUNTED = 1_000
"""Events of a state are counted so far; "1,000 and more" tells an operator as much as the exact number."""
PRODUCERS_SHOWN = 100

#: What an outcome calls a record, in words.
KINDS = {
    "run": _("Run"),
    "dataset": _("Dataset"),
    "dataset_version": _("Dataset version"),
    "input": _("Input of the run"),
    "output": _("Output of the run"),
    "link": _("Input of the same run under another key"),
    "column": _("Column made from a column"),
    "flag": _("Flag"),
    "fact": _("Reported fact"),
    "profile": _("Data profile"),
    "result": _("Reported test result"),
}


class Made(NamedTuple):
    """A record that an event added."""

    kind: Any
    name: str
    dataset: int | None
    """The id of the dataset whose page tells of it."""


def event_text(event: OpenLineageEvent) -> dict[str, Any]:
    """The event as it is kept, redacted."""
    found: dict[str, Any] = json.loads(event.intake.body)
    return found


def events_for(reader: Principal) -> QuerySet[OpenLineageEvent]:
    """The events of the namespaces that a principal reads."""
    return OpenLineageEvent.objects.filter(namespace__in=readable_namespaces(reader))


def counts_for(reader: Principal) -> dict[str, int]:
    """How many events there are in each state, COUNTED at most each; a state without events is left out."""
    spaces = list(readable_namespaces(reader).values_list("pk", flat=True))
    found = {}
    for state in IntakeState.values:
        rows = OpenLineageIntake.objects.filter(namespace_id__in=spaces, state=state)
        found[state] = rows.values("pk")[:COUNTED].count()
    return {state: count for state, count in found.items() if count}


def producers_for(reader: Principal) -> list[tuple[Principal, list[OpenLineageNamespace]]]:
    """The accounts that report into namespaces a principal reads, with the OpenLineage namespaces given to them."""
    rows = OpenLineageNamespace.objects.filter(namespace__in=readable_namespaces(reader), active=True)
    found: dict[int, tuple[Principal, list[OpenLineageNamespace]]] = {}
    for one in rows.select_related("producer", "namespace").order_by("producer__name", "source")[:PRODUCERS_SHOWN]:
        found.setdefault(one.producer_id, (one.producer, []))[1].append(one)
    return list(found.values())


def made_by(intake: OpenLineageIntake) -> list[Made]:
    """What an event added to the record, in words, with the pages that tell of it."""
    versions = [pk for kind, pk, _name in intake.made if kind == "dataset_version"]
    datasets = dict(_datasets_of(versions)) if versions else {}
    leads = {("dataset", pk): pk for kind, pk, _name in intake.made if kind == "dataset"}
    leads |= {("dataset_version", version): dataset for version, dataset in datasets.items()}
    return [Made(KINDS.get(kind, kind), name, leads.get((kind, pk))) for kind, pk, name in intake.made]


def _datasets_of(versions: list[int]) -> Iterable[tuple[int, int]]:
    return DatasetVersion.objects.filter(pk__in=versions).values_list("pk", "dataset_id")


def replays_of(event: OpenLineageEvent) -> list[OpenLineageReplay]:
    """Who had it worked off again."""
    return list(event.replays.select_related("recorded_by").order_by("-pk")[:20])


def may_arrange(reader: Principal, namespace: Namespace) -> bool:
    """Whether a principal has events of the namespace worked off again, and says whose names are whose."""
    return holds(reader, *ARRANGERS, namespace=namespace)


def reported_of(dataset: int) -> dict[str, Any]:
    """What producers report of a dataset: the facts, the newest profile, the newest test results."""
    facts = ReportedFact.objects.filter(dataset=dataset).select_related("recorded_by", "dataset_version")
    profiles = DataProfile.objects.filter(dataset_version__dataset=dataset).select_related(
        "recorded_by", "dataset_version"
    )
    results = QualityResult.objects.filter(dataset_version__dataset=dataset).select_related(
        "recorded_by", "dataset_version"
    )
    return {
        "facts": list(facts.order_by("-said_at", "-pk")[:30]),
        "profiles": list(profiles.order_by("-said_at", "-pk")[:5]),
        "results": list(results.order_by("-said_at", "-pk")[:30]),
    }
