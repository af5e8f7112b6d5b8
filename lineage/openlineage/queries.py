"""Reading what came in, for pages and the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils.dateparse import parse_datetime
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import holds, readable_namespaces
from lineage.actions.openlineage import ARRANGERS
from lineage.models import (
    DataProfile,
    Dataset,
    DatasetVersion,
    IntakeState,
    OpenLineageDataset,
    OpenLineageEvent,
    OpenLineageIntake,
    OpenLineageNamespace,
    OpenLineageReplay,
    PersonalDataFind,
    QualityResult,
    ReportedFact,
)
from lineage.openlineage.claims import read
from lineage.openlineage.redaction import Personal, redacted

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
    "model": _("Model version that the run wrote"),
    "link": _("Input of the same run under another key"),
    "column": _("Column made from a column"),
    "flag": _("Flag"),
    "fact": _("Reported fact"),
    "profile": _("Data profile"),
    "find": _("Find of personal data"),
    "result": _("Reported test result"),
}


class Made(NamedTuple):
    """A record that an event added."""

    kind: Any
    name: str
    dataset: int | None
    """The id of the dataset whose page tells of it."""


def event_text(event: OpenLineageEvent) -> dict[str, Any]:
    """The event as it is kept, redacted; without values of columns on which personal data was found since."""
    body: dict[str, Any] = json.loads(event.intake.body)
    return redacted(body, _personal_columns(event, body))


def _personal_columns(event: OpenLineageEvent, body: Mapping[str, Any]) -> Personal:
    """The columns with finds of the datasets that an event names, in the namespace where it is kept. One query."""
    claim = read(body)
    keys = {one.key for one in (*claim.inputs, *claim.outputs)}
    if not keys:
        return {}
    named = OpenLineageDataset.objects.filter(
        namespace=event.namespace_id, source__in={key[0] for key in keys}, name__in={key[1] for key in keys}
    )
    finds = PersonalDataFind.objects.filter(dataset_version__dataset__openlineage_names__in=named)
    found: dict[tuple[str, str], set[str]] = {}
    columns = finds.values_list(
        "dataset_version__dataset__openlineage_names__source", "dataset_version__dataset__openlineage_names__name",
        "column",
    ).distinct()  # fmt: skip
    for source, name, column in columns:
        found.setdefault((source, name), set()).add(column)
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


@dataclass(frozen=True, slots=True)
class Reported:
    """What producers report of a dataset, newest first; never a verdict of ours."""

    facts: list[dict[str, Any]]
    """{kind, told, who, said_at} each."""
    profile: dict[str, Any] | None
    """{label, rows, bytes, columns, who, said_at}; the columns as in `DataProfile.columns`."""
    results: list[dict[str, Any]]
    """{assertion, column, success, expected, actual, label, who, said_at} each."""


def reported_of(dataset: int) -> Reported | None:
    """What producers report of a dataset; None where they report nothing. One query."""
    of_version = {"dataset_version__dataset": OuterRef("pk")}
    common: dict[str, Any] = {"who": "recorded_by__display_name", "said_at": "said_at"}
    label = {"label": "dataset_version__label"}
    results = {one: one for one in ("assertion", "column", "success", "expected", "actual")}
    facts, profiles, tests = (
        Dataset.objects.filter(pk=dataset)
        .values_list(
            _newest(ReportedFact.objects.filter(dataset=OuterRef("pk")), 20, kind="kind", content="content", **common),
            _newest(DataProfile.objects.filter(how="reported", **of_version), 1, rows="rows", bytes="bytes",
                    columns="columns", **label, **common),
            _newest(QualityResult.objects.filter(**of_version), 20, **results, **label, **common),
        )
        .get()
    )  # fmt: skip
    if not (facts or profiles or tests):
        return None
    for one in (*facts, *profiles, *tests):
        one["said_at"] = parse_datetime(one["said_at"])
    for one in facts:
        one["told"] = _told(one.pop("content"))
        one["kind"] = ReportedFact.Kind(one["kind"]).label
    return Reported(facts, next(iter(profiles), None), tests)


def _newest(rows: QuerySet[Any], count: int, /, **fields: str) -> ArraySubquery:
    return ArraySubquery(rows.order_by("-said_at", "-pk").values(json=JSONObject(**fields))[:count])


def _told(content: dict[str, Any]) -> str:
    """What a facet says, in a line: names before details, cut where it is long."""
    for key in ("fields", "owners", "tags"):
        if isinstance(found := content.get(key), list):
            named = [str(one.get("name", one.get("key", ""))) for one in found if isinstance(one, dict)]
            return Truncator(", ".join(filter(None, named))).chars(300)
    texts = [str(value) for value in content.values() if isinstance(value, str | int | float) and value != ""]
    return Truncator(" · ".join(texts)).chars(300)
