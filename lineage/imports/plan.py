"""What would come of each row, compared with what is on record and with the rows before it. Writes nothing."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from governance.accounts.models import Namespace, Principal
from lineage.imports.columns import Reader, ReadRow
from lineage.imports.layouts import LaidOut
from lineage.imports.reading import Fault, SourceRow
from lineage.models import Model, ModelVersion

_CHUNK = 5_000
VersionKey = tuple[str, str, str]
"""What a version without a run is known by under its model: algorithm, digest, and (without a digest) its address."""
_ON_VERSION = {"version_artifact_uri": "artifact_uri", "version_supplier": "supplier",
               "version_code_commit": "code_commit"}  # fmt: skip


@dataclass(slots=True)
class PlannedRow:
    """A row and what would come of it: `makes` names what is new; nothing and no fault: it is on record already."""

    number: int
    name: str
    read: ReadRow | None
    faults: list[Fault]
    makes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """faulty, new or unchanged."""
        return "faulty" if self.faults else "new" if self.makes else "unchanged"


@dataclass(slots=True)
class PlannedModel:
    """A model that rows of the file are about: what is said of it, and what is on record of it."""

    said: dict[str, Any]
    first: int
    record: Model | None
    versions: dict[VersionKey, "PlannedVersion"] = field(default_factory=dict)


@dataclass(slots=True)
class PlannedVersion:
    """A version that rows are about: the first makes it, later ones say where else it is."""

    said: dict[str, Any]
    rows: list[int]
    record: ModelVersion | None


@dataclass(slots=True)
class Plan:
    """All rows, and the models and versions they are about, by name."""

    rows: list[PlannedRow]
    models: dict[str, PlannedModel]

    @property
    def faulty(self) -> list[PlannedRow]:
        return [row for row in self.rows if row.faults]

    def counts(self) -> dict[str, int]:
        """How many rows of each verdict, and how much is new."""
        verdicts = [row.verdict for row in self.rows]
        return {
            "rows": len(self.rows),
            "faulty": verdicts.count("faulty"),
            "unchanged": verdicts.count("unchanged"),
            "models": sum("model" in row.makes for row in self.rows if not row.faults),
            "versions": sum("version" in row.makes for row in self.rows if not row.faults),
            "as_found": sum("as_found" in row.makes for row in self.rows if not row.faults),
        }


def plan(
    laid: LaidOut,
    *,
    namespace: Namespace,
    people: Mapping[str, Principal],
    more: Mapping[str, Callable[[str], Any]] | None = None,
) -> Plan:
    """Read every row and compare it. Faults of a row are all named, and rows about one model must agree. See `settle`.

    Args:
        people: who may be named as owner, by address. more: readers of the columns that the room above adds.
    """
    reader = Reader(people, more)
    rows = [_planned(reader, row) for row in laid.rows]
    on_record = _models(namespace, [row.read.name for row in rows if row.read])
    versions = _versions(on_record.values())
    models: dict[str, PlannedModel] = {}
    for row in rows:
        if row.read is None:
            continue
        known = models.get(row.name)
        if known is None:
            known = models[row.name] = PlannedModel({}, row.number, on_record.get(row.name))
        _compare_model(row, row.read, known)
        _compare_version(row, row.read, known, versions)
    return Plan(rows, models)


def _planned(reader: Reader, source: SourceRow) -> PlannedRow:
    read = reader.read(source)
    name = read.name if read else source.cells.get("name", "").strip()
    return PlannedRow(source.number, name, read, source.faults)


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _models(namespace: Namespace, names: Collection[str]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for some in _chunks(sorted(set(names))):
        found.update({one.name: one for one in Model.objects.filter(namespace=namespace, name__in=some)})
    return found


def _versions(models: Iterable[Model]) -> dict[int, dict[VersionKey, ModelVersion]]:
    """Versions on record that no run made, by model: those that a row of an inventory can mean."""
    found: dict[int, dict[VersionKey, ModelVersion]] = {}
    for some in _chunks([one.pk for one in models]):
        for one in ModelVersion.objects.filter(model__in=some, source_run__isnull=True):
            of_model = found.setdefault(one.model_id, {})
            of_model[_key(one.digest_algorithm, one.digest_value, one.artifact_uri)] = one
            if "digest" in one.filled_later:  # registered by its address: an inventory sent again still means it
                of_model[_key("", "", one.artifact_uri)] = one
    return found


def _key(algorithm: str, value: str, address: str) -> VersionKey:
    return (algorithm, value, "" if value else address)


def _compare_model(row: PlannedRow, read: ReadRow, known: PlannedModel) -> None:
    """Rows about one model add to each other and never contradict; the record is not changed by an import."""
    said = dict(read.model)
    if "risk_answers" in said and "risk_answers" in known.said:
        said["risk_answers"] = {**known.said["risk_answers"], **said["risk_answers"]}
    for name, value in said.items():
        if name in known.said and not _agrees(name, known.said[name], value):
            for where in _where(name, known.said[name], value):
                row.faults.append(
                    Fault(where, _("Row %(first)d says otherwise of the same model.") % {"first": known.first})
                )
        elif known.record is not None and not _agrees_with_record(known.record, name, value):
            for where in _where(name, getattr(known.record, name), value):
                row.faults.append(
                    Fault(where, _("The model is on record and says otherwise. Change it there, or leave this empty."))
                )
    if row.faults:
        return
    if known.record is None and not known.said.get("name"):
        row.makes.append("model")
    known.said = {**known.said, **said, "name": read.name}


def _agrees(name: str, before: Any, now: Any) -> bool:
    if name == "risk_answers":
        return all(now.get(key, answer) == answer for key, answer in before.items())
    return bool(before == now)


def _agrees_with_record(record: Model, name: str, value: Any) -> bool:
    kept = getattr(record, name)
    if name == "risk_answers":
        return all(kept.get(key) == answer for key, answer in value.items())
    return bool(kept == value)


def _where(name: str, before: Any, now: Any) -> list[str]:
    """The columns in which two answers differ."""
    if name != "risk_answers":
        return [name]
    return [key for key, answer in now.items() if before.get(key) != answer]


def _compare_version(
    row: PlannedRow, read: ReadRow, known: PlannedModel, on_record: Mapping[int, Mapping[VersionKey, ModelVersion]]
) -> None:
    if read.version is None or row.faults:
        return
    digest = read.version.get("version_digest")
    address = read.version.get("version_artifact_uri", "")
    key = _key(digest.algorithm if digest else "", digest.value if digest else "", address)
    earlier = known.versions.get(key)
    if earlier is not None and (not read.more or _contradicts(earlier.said, read.version)):
        row.faults.append(
            Fault("version_digest", _("Row %(first)d names the same version already.") % {"first": earlier.rows[0]})
        )
        return
    if earlier is not None:
        earlier.rows.append(row.number)
        return
    record = on_record.get(known.record.pk, {}).get(key) if known.record else None
    if record is not None:
        different = [
            column
            for column, attribute in _ON_VERSION.items()
            if column in read.version and read.version[column] != getattr(record, attribute)
        ]
        if different:
            sentence = _("The version is on record and says otherwise; a version never changes.")
            row.faults += [Fault(column, sentence) for column in different]
            return
    else:
        row.makes.append("version")
    known.versions[key] = PlannedVersion(dict(read.version), [row.number], record)


def _contradicts(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return any(before.get(name, value) != value for name, value in now.items())


def settle(plan: Plan) -> None:
    """Leave out every row of a model that has a faulty one: half a model would look whole.

    To be called once every fault is found, those of the room above too.
    """
    models = plan.models
    spoilt: dict[str, int] = {}
    for row in plan.rows:
        if row.faults and row.name:
            spoilt.setdefault(row.name, row.number)
    for row in plan.rows:
        if row.name in spoilt and not row.faults:
            row.faults.append(
                Fault("name", _("Row %(row)d about the same model is faulty.") % {"row": spoilt[row.name]})
            )
        if row.faults:
            row.makes.clear()
    for name in spoilt:
        models.pop(name, None)
