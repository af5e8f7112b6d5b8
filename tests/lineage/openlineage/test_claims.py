"""What an event and its facets say, and that nothing in them can make the reader fail."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance import errors
from lineage.openlineage import facets
from lineage.openlineage.bodies import canonical
from lineage.openlineage.claims import DatasetClaim, read
from lineage.openlineage.redaction import redacted
from lineage.openlineage.said import FlagClaim, Said
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.test_bodies import json_values

EVENTS = [*streams.everything(), *(streams.sample(name) for name in ("run_start", "run_complete", "dataset_event"))]


def said(**given: Any) -> Said:
    """What facets of a dataset say."""
    return facets.of_dataset(DatasetClaim("outputs[0]", "s3://lake", "x", given))


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (7, ["(body)"]),
        ({}, ["dataset", "eventTime"]),
        ({"eventTime": "yesterday", "dataset": {"namespace": "a", "name": "b"}}, ["eventTime"]),
        ({"eventTime": "2026-01-01T00:00:00", "dataset": {"namespace": "a", "name": "b"}}, ["eventTime"]),
        ({"eventTime": "9999-12-31T23:59:59-23:00", "dataset": {"namespace": "a", "name": "b"}}, ["eventTime"]),
        ({"eventTime": "2026-01-01T00:00:00Z", "job": {"namespace": "", "name": "b"}}, ["job.namespace"]),
        ({"eventTime": "2026-01-01T00:00:00Z", "job": {"namespace": "a", "name": "b\x00"}}, ["job.name"]),
        ({"eventTime": "2026-01-01T00:00:00Z", "job": {"namespace": "a", "name": "b"}, "run": {}}, ["run.runId"]),
        ({"eventTime": "2026-01-01T00:00:00Z", "run": {"runId": "x"}}, ["job"]),
        ({"eventTime": "2026-01-01T00:00:00Z", "dataset": {"namespace": "a" * 513, "name": 1}},
         ["dataset.name", "dataset.namespace"]),
    ],
)  # fmt: skip
def test_what_does_not_say_when_and_of_what_is_refused_by_field(event: Any, fields: list[str]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        read(event)
    assert sorted(caught.value.errors) == fields


def test_times_of_nanoseconds_and_odd_types_are_read() -> None:
    event = {**EVENTS[0], "eventTime": "2026-11-22T18:00:00.123456789+01:00", "eventType": "BEGIN", "inputs": "none"}
    claim = read(event)
    assert (claim.at.isoformat(), claim.event_type) == ("2026-11-22T17:00:00.123456+00:00", "OTHER")
    assert [note.path for note in claim.notes] == ["eventType", "inputs"] or {note.path for note in claim.notes} == {
        "eventType", "inputs"
    }  # fmt: skip


@settings(max_examples=150)
@given(st.data())
def test_nothing_in_an_event_makes_the_reader_fail(data: st.DataObject) -> None:
    """Any part of a real event, replaced by any JSON: it is read, or refused by field, and what is left out is noted."""
    event = copy.deepcopy(data.draw(st.sampled_from(EVENTS)))
    for _time in range(data.draw(st.integers(1, 3))):
        holder: Any = event
        while True:
            places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not places:
                break
            place = data.draw(st.sampled_from(places))
            if isinstance(holder[place], (dict, list)) and data.draw(st.booleans()):
                holder = holder[place]
                continue
            holder[place] = data.draw(json_values)
            break
    clean = redacted(event)
    assert redacted(clean) == clean, "taken out once is taken out"
    try:
        claim = read(clean)
    except errors.Invalid:
        return
    for one in (*claim.inputs, *claim.outputs):
        found = facets.of_dataset(one)
        for _kind, _key, content in found.facts:
            assert "\x00" not in canonical(content)
    facets.of_run(claim.run_facets)
    facets.of_job(claim.job_facets)


LISTED = {"name": "x", "type": "T", "description": "d", "key": "pii", "value": "true", "source": "s", "field": "c",
          "namespace": "n", "fields": [{"name": "y"}], "assertion": "unique", "success": True, "column": "c",
          "severity": "warn", "expected": "1", "actual": "2", "status": "pass",
          "transformations": [{"type": "DIRECT", "subtype": "S", "masking": True, "description": "d"}]}  # fmt: skip
MEASURED = {"nullCount": 1, "distinctCount": 1, "count": 1, "sum": 1, "min": 1, "max": 1, "quantiles": {"0.5": 1}}
NAMED = {"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}}
#: Every field that a reader of facets looks at, filled in.
WHOLE: dict[str, Any] = {
    "version": {"datasetVersion": "7"},
    "schema": {"fields": [LISTED]},
    "documentation": {"description": "d", "contentType": "text/plain"},
    "ownership": {"owners": [LISTED]},
    "dataSource": {"name": "n", "uri": "u"},
    "lifecycleStateChange": {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "n", "name": "x"}},
    "tags": {"tags": [LISTED]},
    "columnLineage": {"dataset": [LISTED], "fields": {"c": {"inputFields": [LISTED], "transformationType": "MASKED",
                                                           "transformationDescription": "d"}}},
    "dataQualityAssertions": {"assertions": [LISTED]},
    "dataQualityMetrics": {"rowCount": 1, "bytes": 1, "fileCount": 1, "columnMetrics": {"c": MEASURED}},
    "outputStatistics": {"rowCount": 1, "size": 1, "fileCount": 1},
    "test": {"tests": [LISTED]},
    "mlflow": {"runId": "r", "run_id": "r"},
    "parent": {**NAMED, "root": NAMED},
    "parentRun": NAMED,
    "sourceCodeLocation": {"version": "0a1b"},
}  # fmt: skip
ODD: tuple[Any, ...] = (
    [],
    {},
    [[]],
    [{}],
    {"a": {}},
    [None],
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    "",
    "\x00",
    "\ud800",
    "x" * 300,
)


def _spoilt(whole: Any) -> Iterator[Any]:
    """A value with each of its parts, and itself, replaced by each odd value."""
    yield from ODD
    for place, one in whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ():
        for odd in _spoilt(one):
            copied = copy.copy(whole)
            copied[place] = odd
            yield copied


def _read_by_all(name: str, facet: Any) -> None:
    for facets_said in (said(**{name: facet}), facets.of_run({name: facet}), facets.of_job({name: facet})):
        for _kind, key, content in facets_said.facts:
            assert isinstance(key, str)
            assert "\x00" not in canonical(content)


def test_every_facet_that_is_read_is_spoilt_below() -> None:
    assert set(WHOLE) | {"documentation", "ownership", "tags"} == {*facets.DATASET, *facets.RUN, *facets.JOB}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_no_value_in_any_field_of_a_facet_makes_its_reader_fail(db: None, name: str) -> None:
    for facet in _spoilt(WHOLE[name]):
        _read_by_all(name, facet)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nor_does_any_json_there(db: None, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    facet = data.draw(st.fixed_dictionaries(dict.fromkeys(WHOLE[name], json_values)))
    _read_by_all(name, facet)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("pii", "pd:EmailAddress", ("pd:EmailAddress", "yes", ("PII",), False)),
        ("PII", "true", ("dpv:PersonalData", "yes", ("PII",), False)),
        ("contains-pii", "", ("dpv:PersonalData", "yes", ("PII",), False)),
        ("has_phi", "yes", ("pd:MedicalHealth", "yes", ("PHI",), True)),
        ("spi", "1", ("dpv:PersonalData", "yes", ("SPI",), True)),
        ("pci", "unknown", ("pd:PaymentCard", "unknown", ("PCI",), False)),
        ("pii", "EmailAddress", ("pd:EmailAddress", "yes", ("PII",), False)),
        ("pd:Age", "anything", ("pd:Age", "yes", (), False)),
        ("personal data", "true", ("dpv:PersonalData", "yes", (), False)),
        ("pii", "my own word", ("dpv:PersonalData", "yes", ("PII",), False)),
    ],
)
def test_tags_that_speak_of_personal_data_raise_flags(
    db: None, key: str, value: str, expected: tuple[Any, ...]
) -> None:
    [flag] = said(tags={"tags": [{"key": key, "value": value, "field": "col"}]}).flags
    assert flag == FlagClaim("col", *expected)


@pytest.mark.parametrize("value", ["false", "no", "0", "None", False])
def test_a_tag_that_says_no_clears_nothing_and_says_so(db: None, value: Any) -> None:
    found = said(tags={"tags": [{"key": "pii", "value": value}]})
    assert found.flags == []
    assert "clears nothing" in found.unread[0].why


def test_other_tags_raise_none(db: None) -> None:
    found = said(tags={"tags": [{"key": "team", "value": "retail"}, {"key": "tier", "value": "pii"}]})
    assert (found.flags, found.unread, len(found.facts)) == ([], [], 1)


def test_only_tags_that_mean_the_data_speak_of_what_a_run_writes(db: None) -> None:
    tags = [
        {"key": "pii", "value": "true", "source": source, "field": ""} for source in ("DBT_META", "AIRFLOW", "user")
    ]
    assert len(facets.flags_of(tags).flags) == 1


def test_a_hundred_thousand_columns_are_read_up_to_the_limit_and_the_rest_is_noted() -> None:
    many = [{"name": f"c{number}", "type": "INT"} for number in range(100_000)]
    metrics = {one["name"]: {"nullCount": 1} for one in many}
    lineage = {one["name"]: {"inputFields": [{"namespace": "a", "name": "b", "field": "c"}]} for one in many}
    found = said(
        schema={"fields": many}, dataQualityMetrics={"columnMetrics": metrics}, columnLineage={"fields": lineage}
    )
    assert len(found.facts[0][2]["fields"]) == facets.COLUMNS_AT_MOST
    assert len(found.profile["columns"]) == facets.COLUMNS_AT_MOST
    assert len(found.edges) == facets.COLUMNS_AT_MOST
    assert [note.why for note in found.unread] == ["100000 of them; the first 5000 were read."] * 3


def test_nested_fields_are_columns_with_the_path_as_name() -> None:
    fields = [{"name": "address", "type": "STRUCT", "fields": [{"name": "city", "type": "TEXT"}]}]
    [(_kind, _key, content)] = said(schema={"fields": fields}).facts
    assert [one["name"] for one in content["fields"]] == ["address", "address.city"]


def test_counts_that_are_none_are_left_out_by_path() -> None:
    found = said(
        dataQualityMetrics={
            "rowCount": -1, "bytes": 2**63, "fileCount": 3.0,
            "columnMetrics": {"a": {"nullCount": True, "min": "NaN", "quantiles": {"0.50": 1, "2": 1, "x": 1}}},
        }
    )  # fmt: skip
    assert found.profile == {"files": 3, "columns": [{"name": "a", "quantiles": {"0.5": 1}}]}
    assert len(found.unread) == 6


def test_a_facet_that_is_taken_back_says_nothing(db: None) -> None:
    found = said(tags={"_deleted": True, "tags": [{"key": "pii", "value": "true"}]})
    assert (found.flags, found.facts, found.unread) == ([], [], [])


def test_unknown_facets_are_named_and_those_without_a_record_are_not() -> None:
    found = said(myCompanyFacet={"a": 1}, symlinks={"identifiers": []})
    assert found.unknown == ["outputs[0].myCompanyFacet"]


# --- redaction -------------------------------------------------------------------------------------------------------


def test_queries_code_environments_errors_and_passwords_are_taken_out() -> None:
    event = streams.event("FAIL", "r", "j", "01:00:00")
    event["job"]["facets"] = {
        "sql": {"_producer": "p", "query": "SELECT * FROM people WHERE name = 'Ada'", "dialect": "ansi"},
        "sourceCode": {"language": "python", "sourceCode": "password = 'hunter2'"},
    }
    event["run"]["facets"] = {
        "environmentVariables": {"_producer": "p", "environmentVariables": [{"name": "HOME", "value": "/root"}]},
        "errorMessage": {
            "message": "duplicate key (ada@example.org)",
            "programmingLanguage": "JAVA",
            "stackTrace": "x",
        },
        "spark_properties": {"properties": {"spark.hadoop.fs.s3a.secret.key": "hunter2"}},
        "custom": {"apiKey": "hunter2", "url": "postgres://ada:hunter2@db/x?password=hunter2&a=1"},
    }
    event["inputs"] = [streams.dataset("postgres://ada:hunter2@crm:5432", "people")]
    clean = redacted(event)
    text = canonical(clean)
    for gone in ("Ada", "hunter2", "/root", "ada@example.org"):
        assert gone not in text
    assert clean["job"]["facets"]["sql"] == {"_producer": "p", "query": "[redacted: 39 characters]", "dialect": "ansi"}
    assert clean["run"]["facets"]["errorMessage"]["programmingLanguage"] == "JAVA"
    assert clean["inputs"][0]["namespace"] == "postgres://ada@crm:5432", "names do not carry passwords into the record"
    assert clean["run"]["facets"]["custom"]["url"] == "postgres://ada@db/x?password=[redacted]&a=1"


def test_what_the_record_reads_stays_as_it_is() -> None:
    for event in streams.everything():
        assert redacted(event) == event
