"""Reading facets: what each says in the record's own terms. What cannot be read is noted by its path, never raised."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from lineage.models import RegulationSet, ReportedFact, Transformation
from lineage.openlineage.claims import RUN_KEY_LENGTH, DatasetClaim, Note
from lineage.openlineage.said import (
    EdgeClaim,
    FlagClaim,
    Reader,
    ResultClaim,
    Said,
    clean,
    each,
    name_of,
    number_of,
    shown,
    text_of,
    too_many,
)
from lineage.vocabularies import special, terms_known

COLUMNS_AT_MOST = 5_000
"""Columns of one dataset that are read, as of a registered schema; the rest is noted."""
EDGES_AT_MOST = 10_000
RESULTS_AT_MOST = 1_000
TAGS_AT_MOST = 1_000
TEXT_AT_MOST = 5_000
MOST = 2**63 - 1

#: Facets of the standard that tell nothing the record keeps; they stay in the event.
WITHOUT_RECORD = frozenset(
    {
        "airflow", "airflowRun", "airflowDagRun", "airflowState", "base_subset", "catalog", "datasetType", "debug",
        "environmentVariables", "errorMessage", "executionParameters", "externalQuery", "extractionError", "hierarchy",
        "inputStatistics", "jobDependencies", "jobType", "nominalTime", "processing_engine", "sourceCode", "sql",
        "storage", "subset", "symlinks",
    }
)  # fmt: skip
_COMMIT = re.compile(r"[0-9A-Za-z._/-]{1,128}")
_YES = frozenset({"", "true", "yes", "y", "1", "present"})
_NO = frozenset({"false", "no", "n", "0", "none", "absent"})
_FLAG_KEYS = {one.value.lower(): one.value for one in RegulationSet} | dict.fromkeys(
    ("personal_data", "sensitive", "sensitive_data", "gdpr", "confidential_personal"), ""
)
_RUN_ELSEWHERE = frozenset({"mlflow.run_id", "mlflow.runid", "mlflow_run_id", "muniment.run_key"})
#: Whose run tags speak of the data a run writes: dbt's `meta`, and whoever writes to us on purpose.
SPEAK_OF_OUTPUTS = frozenset({"DBT_META", "MUNIMENT"})
CHANGES = frozenset({"ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"})


_WAYS = {"DIRECT": Transformation.DIRECT, "INDIRECT": Transformation.INDIRECT}


def of_dataset(claim: DatasetClaim) -> Said:
    """What is said of a dataset."""
    return _read(claim.path, claim.facets, DATASET)


def of_run(facets: dict[str, Any]) -> Said:
    """What is said of a run."""
    return _read("run", facets, RUN)


def of_job(facets: dict[str, Any]) -> Said:
    """What is said of the job; only the commit of its code belongs to the run."""
    return _read("job", facets, JOB)


def _read(path: str, facets: dict[str, Any], readers: dict[str, Reader]) -> Said:
    said = Said()
    for name, facet in facets.items():
        here = f"{path}.{clean(str(name))[:200]}"
        if name not in readers:
            if name not in WITHOUT_RECORD:
                said.unknown.append(here)
        elif not isinstance(facet, dict):
            said.unread.append(Note(here, _("No object.")))
        elif facet.get("_deleted") is not True:  # a facet that is taken back says nothing; what it said stays on record
            readers[name](said, here, facet)
    return said


# --- what datasets' facets say ---------------------------------------------------------------------------------------


def _version(said: Said, path: str, facet: dict[str, Any]) -> None:
    given = facet.get("datasetVersion")
    if isinstance(given, (str, int)) and (label := name_of(str(given))):
        said.version = label
    else:
        said.unread.append(Note(f"{path}.datasetVersion", _("No name of a version.")))


def _schema(said: Said, path: str, facet: dict[str, Any]) -> None:
    columns: dict[str, dict[str, str]] = {}

    def gather(fields: Any, here: str, before: str) -> None:
        for place, one in each(said, here, fields, COLUMNS_AT_MOST):
            name = name_of(one.get("name"), 256 - len(before)) if isinstance(one, dict) else ""
            if not name or len(columns) >= COLUMNS_AT_MOST:
                said.unread.append(Note(place, _("No column with a name.") if not name else _("Too many columns.")))
                if len(columns) >= COLUMNS_AT_MOST:
                    return
                continue
            whole = before + name
            told = {"type": text_of(one.get("type"), 256), "description": text_of(one.get("description"), TEXT_AT_MOST)}
            columns.setdefault(whole, {"name": whole, **{key: text for key, text in told.items() if text}})
            if one.get("fields") and len(whole) < 200 and whole.count(".") < 20:
                gather(one["fields"], f"{place}.fields", f"{whole}.")

    gather(facet.get("fields"), f"{path}.fields", "")
    if columns:
        said.facts.append((ReportedFact.Kind.SCHEMA, "", {"fields": list(columns.values())}))


def _documentation(said: Said, path: str, facet: dict[str, Any]) -> None:
    text = text_of(facet.get("description"), TEXT_AT_MOST)
    if text:
        content = {"description": text, "content_type": text_of(facet.get("contentType"), 100)}
        said.facts.append((ReportedFact.Kind.DOCUMENTATION, "", content))
    else:
        said.unread.append(Note(f"{path}.description", _("No text.")))


def _ownership(said: Said, path: str, facet: dict[str, Any]) -> None:
    owners = {
        (name, text_of(one.get("type"), 64))
        for place, one in each(said, f"{path}.owners", facet.get("owners"), TAGS_AT_MOST)
        if (name := name_of(one.get("name") if isinstance(one, dict) else None))
        or said.unread.append(Note(place, _("No owner with a name.")))  # type: ignore[func-returns-value]  # None is false
    }
    if owners:
        listed = [{"name": name, "type": kind} for name, kind in sorted(owners)]
        said.facts.append((ReportedFact.Kind.OWNERSHIP, "", {"owners": listed}))


def _data_source(said: Said, path: str, facet: dict[str, Any]) -> None:
    content = {"name": text_of(facet.get("name"), 500), "uri": text_of(facet.get("uri"), 2_000)}
    if any(content.values()):
        said.facts.append((ReportedFact.Kind.DATA_SOURCE, "", content))
    else:
        said.unread.append(Note(path, _("Neither name nor uri.")))


def _lifecycle(said: Said, path: str, facet: dict[str, Any]) -> None:
    change = facet.get("lifecycleStateChange")
    if not isinstance(change, str) or change not in CHANGES:
        sentence = _("None of %(known)s.") % {"known": ", ".join(sorted(CHANGES))}
        said.unread.append(Note(f"{path}.lifecycleStateChange", sentence))
        return
    before = facet.get("previousIdentifier")
    content: dict[str, Any] = {"change": change}
    if isinstance(before, dict):
        content["previous"] = {part: text_of(before.get(part), 512) for part in ("namespace", "name")}
    said.facts.append((ReportedFact.Kind.LIFECYCLE, change, content))


def _dataset_tags(said: Said, path: str, facet: dict[str, Any]) -> None:
    tags = _tags(said, path, facet)
    for tag in tags:
        _flag(said, path, tag)


def _tags(said: Said, path: str, facet: dict[str, Any]) -> list[dict[str, str]]:
    found = set()
    for place, one in each(said, f"{path}.tags", facet.get("tags"), TAGS_AT_MOST):
        key = name_of(one.get("key")) if isinstance(one, dict) else ""
        if not key:
            said.unread.append(Note(place, _("No tag with a key.")))
            continue
        value = one.get("value")
        value = str(value).lower() if isinstance(value, bool) else value
        found.add((key, text_of(value, 1_000), text_of(one.get("source"), 100), name_of(one.get("field"))))
    tags = [dict(zip(("key", "value", "source", "field"), one, strict=True)) for one in sorted(found)]
    if tags:
        said.facts.append((ReportedFact.Kind.TAGS, "", {"tags": tags}))
    return tags


def flags_of(tags: list[dict[str, str]]) -> Said:
    """The flags that the tags of a run raise on what it writes."""
    said = Said()
    for tag in tags:
        if tag["source"].upper() in SPEAK_OF_OUTPUTS:
            _flag(said, "run.tags", tag)
    return said


def _flag(said: Said, path: str, tag: dict[str, str]) -> None:
    """The flag a tag raises, if it speaks of personal data. A tag that says no raises none, and clears none."""
    key = re.sub(r"[ .\-]+", "_", tag["key"].lower())
    key = re.sub(r"^(muniment_|contains_|has_|is_)+", "", key)
    value = tag["value"].strip()
    if terms_known([tag["key"]], "personal-data"):
        regulation, category = "", tag["key"]
    elif key in _FLAG_KEYS:
        regulation, category = _FLAG_KEYS[key], ""
    else:
        return
    present = "unknown" if value.lower() == "unknown" else "yes"
    if value.lower() in _NO:
        said.unread.append(Note(f"{path} {tag['key']}", _("It says no: a claim clears nothing. A data steward does.")))
        return
    if not category:
        named = terms_known([value, f"pd:{value}", f"dpv:{value}"], "personal-data")
        category = named[0] if named else _CATEGORIES.get(regulation, "dpv:PersonalData")
        if not named and value.lower() not in _YES | {"unknown"}:
            sentence = _("%(value)s is no term of the vocabulary: flagged as %(category)s.")
            said.unread.append(Note(f"{path} {tag['key']}", sentence % {"value": value[:100], "category": category}))
    said.flags.append(
        FlagClaim(
            column=tag["field"],
            category=category,
            present=present,
            regulation_sets=(regulation,) if regulation else (),
            special_category=regulation == RegulationSet.SPI or special(category),
        )
    )


_CATEGORIES = {"PHI": "pd:MedicalHealth", "PFI": "pd:Financial", "PCI": "pd:PaymentCard"}


def _column_lineage(said: Said, path: str, facet: dict[str, Any]) -> None:
    found: set[EdgeClaim] = set()
    fields = facet.get("fields")
    if not isinstance(fields, dict):
        said.unread.append(Note(f"{path}.fields", _("No object.")))
        fields = {}
    told = [(column, f"{path}.fields.{clean(str(column))[:100]}", one) for column, one in fields.items()]
    for column, here, one in told[:COLUMNS_AT_MOST]:
        listed = one.get("inputFields") if isinstance(one, dict) else None
        _edges(said, found, name_of(column), here, listed, one if isinstance(one, dict) else {})
    if len(told) > COLUMNS_AT_MOST:
        said.unread.append(Note(f"{path}.fields", too_many(len(told), COLUMNS_AT_MOST)))
    if facet.get("dataset"):
        _edges(said, found, "", f"{path}.dataset", facet["dataset"], {})
    said.edges += sorted(found)


def _edges(said: Said, found: set[EdgeClaim], column: str, path: str, listed: Any, old: dict[str, Any]) -> None:
    """`old` bears what versions before 1-1-0 of the facet said of a column as a whole."""
    for place, one in each(said, path, listed, COLUMNS_AT_MOST):
        source, name = (name_of(one.get(part), 512) if isinstance(one, dict) else "" for part in ("namespace", "name"))
        if not source or not name or len(found) >= EDGES_AT_MOST:
            sentence = _("Too many edges.") if source and name else _("No dataset with namespace and name.")
            said.unread.append(Note(place, sentence))
            if len(found) >= EDGES_AT_MOST:
                return
            continue
        ways = one.get("transformations")
        ways = [way for way in ways if isinstance(way, dict)] if isinstance(ways, list) else []
        masked = old.get("transformationType") == "MASKED"
        for way in ways or [{"masking": masked}]:
            kind = way.get("type")
            found.add(
                EdgeClaim(
                    column=column, source=source, name=name, source_column=name_of(one.get("field")),
                    kind=_WAYS.get(kind, Transformation.UNSTATED) if isinstance(kind, str) else Transformation.UNSTATED,
                    subtype=text_of(way.get("subtype"), 64), masking=way.get("masking") is True,
                    description=text_of(way.get("description") or old.get("transformationDescription"), 1_000),
                )
            )  # fmt: skip


def _assertions(said: Said, path: str, facet: dict[str, Any]) -> None:
    for place, one in each(said, f"{path}.assertions", facet.get("assertions"), RESULTS_AT_MOST):
        given = one if isinstance(one, dict) else {}
        name = name_of(given.get("assertion") or given.get("name"), 500)
        if not name or not isinstance(given.get("success"), bool):
            said.unread.append(Note(place, _("No assertion with a name and success true or false.")))
            continue
        said.results.append(_result(name, given["success"], given))


def _tests(said: Said, path: str, facet: dict[str, Any]) -> None:
    states = {"pass": True, "passed": True, "success": True, "fail": False, "failed": False, "error": False}
    for place, one in each(said, f"{path}.tests", facet.get("tests"), RESULTS_AT_MOST):
        given = one if isinstance(one, dict) else {}
        name, state = name_of(given.get("name"), 500), text_of(given.get("status"), 32).lower()
        if state in ("skip", "skipped"):
            continue
        if not name or state not in states:
            said.unread.append(Note(place, _("No test with a name and status pass or fail.")))
            continue
        said.results.append(_result(name, states[state], given))


def _result(name: str, success: bool, given: dict[str, Any]) -> ResultClaim:
    expected, actual, description = (shown(given.get(part)) for part in ("expected", "actual", "description"))
    return ResultClaim(
        name, name_of(given.get("column")), success, text_of(given.get("severity"), 64), expected, actual, description
    )


def _metrics(said: Said, path: str, facet: dict[str, Any]) -> None:
    said.profile |= _counts(said, path, facet, {"rows": "rowCount", "bytes": "bytes", "files": "fileCount"})
    measured = facet.get("columnMetrics")
    if measured is not None and not isinstance(measured, dict):
        said.unread.append(Note(f"{path}.columnMetrics", _("No object.")))
        return
    columns = []
    for column, one in list((measured or {}).items())[:COLUMNS_AT_MOST]:
        here = f"{path}.columnMetrics.{clean(str(column))[:100]}"
        name = name_of(column)
        if not name or not isinstance(one, dict):
            said.unread.append(Note(here, _("No column with a name and an object.")))
            continue
        told: dict[str, Any] = {"name": name}
        told |= _counts(said, here, one, {"nulls": "nullCount", "distinct": "distinctCount"})
        for part in ("count", "sum", "min", "max"):
            if (number := number_of(said, f"{here}.{part}", one.get(part))) is not None:
                told[part] = number
        if quantiles := _quantiles(said, f"{here}.quantiles", one.get("quantiles")):
            told["quantiles"] = quantiles
        columns.append(told)
    if len(measured or {}) > COLUMNS_AT_MOST:
        said.unread.append(Note(f"{path}.columnMetrics", too_many(len(measured or {}), COLUMNS_AT_MOST)))
    if columns:
        said.profile["columns"] = sorted(columns, key=lambda one: str(one["name"]))


def _statistics(said: Said, path: str, facet: dict[str, Any]) -> None:
    found = _counts(said, path, facet, {"rows": "rowCount", "bytes": "size", "files": "fileCount"})
    said.profile = {**found, **said.profile}


def _quantiles(said: Said, path: str, given: Any) -> dict[str, float | int]:
    """By the share below, written as the shortest decimal: 0.5 and 0.50 are one."""
    if given is None:
        return {}
    found: dict[str, float | int] = {}
    for share, value in list(given.items())[:101] if isinstance(given, dict) else ():
        try:
            level = float(share)
        except ValueError:
            level = -1.0
        number = number_of(said, f"{path}.{clean(str(share))[:32]}", value)
        if not 0 <= level <= 1:
            said.unread.append(Note(f"{path}.{clean(str(share))[:32]}", _("No share between 0 and 1.")))
        elif number is not None:
            found[repr(level)] = number
    if not isinstance(given, dict):
        said.unread.append(Note(path, _("No object.")))
    return dict(sorted(found.items()))


def _counts(said: Said, path: str, facet: dict[str, Any], names: dict[str, str]) -> dict[str, int]:
    found = {}
    for ours, theirs in names.items():
        given = facet.get(theirs)
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= MOST:
            found[ours] = given
        elif given is not None:
            said.unread.append(Note(f"{path}.{theirs}", _("No whole number from 0.")))
    return found


# --- what runs' and jobs' facets say ---------------------------------------------------------------------------------


def _run_tags(said: Said, path: str, facet: dict[str, Any]) -> None:
    for tag in _tags(said, path, facet):
        if tag["key"].lower() in _RUN_ELSEWHERE:
            _elsewhere(said, path, tag["value"])


def _mlflow(said: Said, path: str, facet: dict[str, Any]) -> None:
    _elsewhere(said, path, facet.get("runId") or facet.get("run_id"))


def _elsewhere(said: Said, path: str, given: Any) -> None:
    if key := name_of(given, RUN_KEY_LENGTH):
        said.facts.append((ReportedFact.Kind.SAME_RUN, key, {"run_key": key}))
    else:
        said.unread.append(Note(path, _("No id of a run.")))


def _parent(said: Said, path: str, facet: dict[str, Any]) -> None:
    def named(holder: Any) -> dict[str, str]:
        run, job = (holder.get(part) if isinstance(holder, dict) else None for part in ("run", "job"))
        return {
            "run_key": name_of(run.get("runId") if isinstance(run, dict) else None),
            "job_namespace": name_of(job.get("namespace") if isinstance(job, dict) else None, 512),
            "job": name_of(job.get("name") if isinstance(job, dict) else None, 512),
        }

    content: dict[str, Any] = named(facet)
    if not content["run_key"]:
        said.unread.append(Note(f"{path}.run.runId", _("No id of a run.")))
        return
    root = named(facet.get("root"))
    if root["run_key"]:
        content["root"] = root
    said.facts.append((ReportedFact.Kind.PARENT, content["run_key"], content))


def _code(said: Said, path: str, facet: dict[str, Any]) -> None:
    given = facet.get("version")
    if isinstance(given, str) and _COMMIT.fullmatch(given):
        said.commit = given
    elif given is not None:
        said.unread.append(Note(f"{path}.version", _("No commit: letters, digits, dots, slashes and hyphens.")))


def _nothing(said: Said, path: str, facet: dict[str, Any]) -> None:
    """Known, and of the job rather than of data or runs: it stays in the event."""


DATASET: dict[str, Reader] = {
    "version": _version,
    "schema": _schema,
    "documentation": _documentation,
    "ownership": _ownership,
    "dataSource": _data_source,
    "lifecycleStateChange": _lifecycle,
    "tags": _dataset_tags,
    "columnLineage": _column_lineage,
    "dataQualityAssertions": _assertions,
    "dataQualityMetrics": _metrics,
    "outputStatistics": _statistics,
}
RUN: dict[str, Reader] = {"tags": _run_tags, "mlflow": _mlflow, "parent": _parent, "parentRun": _parent, "test": _tests}
JOB: dict[str, Reader] = {
    "sourceCodeLocation": _code,
    "documentation": _nothing,
    "ownership": _nothing,
    "tags": _nothing,
}
