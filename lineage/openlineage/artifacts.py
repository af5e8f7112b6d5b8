"""Models among what a run writes: a version whose artifact lies where an output of the run lies came out of that run.

So did one whose digest the output bears. OpenLineage knows datasets only, so a training run reports its model as one:
by the place it writes it to. Only a version that was registered without a run is looked for: what came out of another
run is another version. So is what was registered before the run began, and what is on record with other bytes than the
output. Where several runs wrote to one place, any may have been it, and what they read counts for all: links are only
ever added, whatever the order of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from governance.accounts.models import Namespace
from governance.errors import Invalid
from lineage.digests import Digest, parse_digest
from lineage.exports.upstream import standing_links
from lineage.models import (
    DatasetVersion,
    LinkMethod,
    ModelVersion,
    OpenLineageDataset,
    OpenLineageEvent,
    Run,
    RunOutput,
)

#: Spellings of one scheme: what Hadoop's clients call s3a lies in the same bucket.
_SCHEMES = (("s3://", "s3a://", "s3n://"), ("gs://", "gcs://"), ("file:///", "file:/", "/"))
SPELLINGS_AT_MOST = 40


class Written(NamedTuple):
    """Something that a run wrote: its OpenLineage name, and the digest it bears (blank: none is said)."""

    source: str
    name: str
    digest: Digest


def came_out(run_key: str, home: Namespace, written: Iterable[Written]) -> list[ModelVersion]:
    """The model versions of a namespace that a run wrote, with their models; in order of id. Two queries, or none."""
    places: dict[str, set[Digest]] = {}
    digests: set[Digest] = set()
    for one in written:
        for address in addresses_of(one.source, one.name):
            places.setdefault(address, set()).add(one.digest)
        if one.digest.value:
            digests.add(one.digest)
    began = began_at(run_key, home) if places else None
    if began is None:
        return []
    wanted = Q(artifact_uri__in=list(places)) | Q(digest_value__in=[one.value for one in digests])
    found = ModelVersion.objects.filter(
        wanted, model__namespace=home, source_run__isnull=True, recorded_at__gte=began
    ).select_related("model__namespace")
    return [one for one in found.order_by("pk") if _is_it(one, places, digests)]


def _is_it(version: ModelVersion, places: dict[str, set[Digest]], digests: set[Digest]) -> bool:
    kept = Digest(version.digest_algorithm, version.digest_value)
    if kept.value and kept in digests:
        return True
    there = places.get(version.artifact_uri)
    return there is not None and (not kept.value or any(not one.value for one in there))


def began_at(run_key: str, home: Namespace) -> datetime | None:
    """The earliest moment that an event tells of a run; None: there is no event of it."""
    found: datetime | None = OpenLineageEvent.objects.filter(namespace=home, run_key=run_key).aggregate(
        began=Min("event_time")
    )["began"]
    return found


def written_before(run: Run) -> list[Written]:
    """What a run is on record to have written, by events."""
    outputs = standing_links(RunOutput).filter(
        run=run, link_method=LinkMethod.OPENLINEAGE, dataset_version__isnull=False
    )
    rows = outputs.values_list(
        "dataset_version__dataset__openlineage_names__source", "dataset_version__dataset__openlineage_names__name",
        "dataset_version__digest_algorithm", "dataset_version__digest_value",
    )  # fmt: skip
    return [Written(source, name, Digest(algorithm, value)) for source, name, algorithm, value in rows if source]


def digest_in(label: str) -> Digest:
    """The digest that a version's label is; blank where it is none."""
    try:
        return parse_digest(label) if ":" in label else Digest("", "")
    except Invalid:
        return Digest("", "")


def addresses_of(source: str, name: str) -> list[str]:
    """The addresses by which an artifact of an OpenLineage name may be registered: spelt in each usual way."""
    joined = name if "://" in name or source == "file" else f"{source.rstrip('/')}/{name.lstrip('/')}"
    found: dict[str, None] = {}
    for one in (joined, unquote(joined)):
        for spelt in _spellings(one.rstrip("/")):
            found |= dict.fromkeys((spelt, f"{spelt}/"))
    return list(found)


def _spellings(address: str) -> Iterator[str]:
    yield address
    for group in _SCHEMES:
        mine = next((scheme for scheme in group if address.startswith(scheme)), None)
        if mine is not None:
            yield from (scheme + address[len(mine) :] for scheme in group if scheme != mine)


def names_of(address: str) -> list[tuple[str, str]]:
    """The OpenLineage names (namespace, name) under which something at an address may be reported."""
    found: dict[tuple[str, str], None] = {}
    for spelt in dict.fromkeys(_spellings(address.rstrip("/"))):
        start = spelt.find("://") + 3 if "://" in spelt else 0
        if spelt.startswith("/"):
            found[("file", spelt)] = None
        cuts = [place for place, sign in enumerate(spelt) if sign == "/" and place > start]
        for place in cuts[:SPELLINGS_AT_MOST]:
            found |= dict.fromkeys(((spelt[:place], spelt[place + 1 :]), (spelt[:place], spelt[place:])))
    return [(source, name) for source, name in found if source and name.strip("/")]


def runs_that_wrote(lately: timedelta, at_once: int) -> list[Run]:
    """OpenLineage runs that wrote a version which was registered, or whose digest came, lately; without its link."""
    since = timezone.now() - lately
    new = (
        ModelVersion.objects.filter(
            Q(recorded_at__gte=since) | Q(completions__recorded_at__gte=since), source_run__isnull=True
        )
        .exclude(artifact_uri="", digest_value="")
        .select_related("model__namespace")
        .distinct()
        .order_by("-pk")[:at_once]
    )
    found: dict[int, Run] = {}
    for version in new:
        home = version.model.namespace
        for output in _outputs_like(version).select_related("run__namespace")[:at_once]:
            run = output.run
            if run.pk in found or RunOutput.objects.filter(run=run, model_version=version).exists():
                continue
            if version in came_out(run.run_key, home, written_before(run)):
                found[run.pk] = run
    return list(found.values())


def _outputs_like(version: ModelVersion) -> QuerySet[RunOutput]:
    """What runs of a version's namespace wrote to its place, or with its digest, by events."""
    named = Q(pk__in=[])
    for source, name in names_of(version.artifact_uri) if version.artifact_uri else ():
        named |= Q(source=source, name=name)
    home = version.model.namespace_id
    datasets = OpenLineageDataset.objects.filter(named, namespace=home).values("dataset")
    alike = Q(dataset__in=datasets)
    if version.digest_value:
        alike |= Q(
            digest_value=version.digest_value, digest_algorithm=version.digest_algorithm, dataset__namespace=home
        )
    there = DatasetVersion.objects.filter(alike).values("pk")
    links = standing_links(RunOutput).filter(dataset_version__in=there, link_method=LinkMethod.OPENLINEAGE)
    return links.order_by("pk")
