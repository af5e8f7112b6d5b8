"""What is told about the product: the OpenAPI document, its page, and the operators' three addresses."""

import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import call_command
from drf_spectacular import validation
from rest_framework import serializers
from rest_framework.test import APIClient

from governance.api import counters, health
from governance.api.views import RecordViewSet


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    from governance.api.docs import SchemaView

    generator: Any = SchemaView.generator_class()
    document: dict[str, Any] = generator.get_schema(public=True)
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]  # what a reader gets


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, verb, operation) for path, verbs in schema["paths"].items() for verb, operation in verbs.items()]


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    while "$ref" in part:
        *_components, kind, name = part["$ref"].split("/")
        part = schema["components"][kind][name]
    return part


def test_problems_in_the_same_words_are_told_once(schema: dict[str, Any]) -> None:
    shared = [json.dumps(one, sort_keys=True) for one in schema["components"]["responses"].values()]
    assert len(shared) == len(set(shared)) < 60
    assert len(json.dumps(schema)) < 1_700_000  # bytes; a client reads all of it


def test_the_schema_is_drawn_without_warnings(tmp_path: Any) -> None:
    # As JSON: writing the same document as YAML takes longer than making it, and is tested below.
    call_command("spectacular", "--fail-on-warn", "--format", "openapi-json", "--file", str(tmp_path / "schema.json"))


def test_the_schema_is_valid_openapi_31(schema: dict[str, Any]) -> None:
    # By drf-spectacular's copy of the specification, but not by its validator: that takes half a minute.
    specification = Path(validation.__file__).with_name("openapi_3_1_schema.json").read_text(encoding="utf-8")
    assert schema["openapi"] == "3.1.0"
    faults = jsonschema_rs.validator_for(specification).iter_errors(schema)
    assert not [f"{fault.instance_path}: {fault.message}" for fault in faults]


def test_what_the_specification_leaves_to_json_schema_is_valid_too(schema: dict[str, Any]) -> None:
    found = [*schema["components"]["schemas"].values(), *schemas_in(schema["paths"])]
    assert len(found) > 1000
    assert not [one for one in found if not jsonschema_rs.meta.is_valid(one)]


def schemas_in(part: Any) -> Iterator[Any]:
    """The schema objects of parameters, bodies and answers."""
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "schema":
            yield inner
        else:
            yield from schemas_in(inner)


def test_every_operation_tells_its_problems_and_needs_a_key_or_a_session(schema: dict[str, Any]) -> None:
    for path, verb, operation in operations(schema):
        where = f"{verb} {path}"
        told = {
            code
            for code, answer in operation["responses"].items()
            if "application/problem+json" in resolved(schema, answer).get("content", ())
        }
        assert {"400", "401", "403", "406", "429", "500", "503"} <= told, where
        if verb == "post":
            assert {"404", "409", "413", "415", "422"} <= told, where
        assert operation["security"] == [{"apiKey": []}, {"apiKeyAsPassword": []}, {"session": []}], where
        assert operation["description"], where


def test_every_text_that_is_sent_tells_what_is_refused(schema: dict[str, Any]) -> None:
    """A control character is kept nowhere; a schema that says nothing of it lets a client send one."""
    told = {"enum", "const", "format", "pattern"}
    bodies = {name: one for name, one in schema["components"]["schemas"].items() if name.endswith("Request")}
    found = [
        (f"{name}.{field}", one) for name, body in bodies.items() for field, one in body.get("properties", {}).items()
    ]
    found += [
        (f"{path} {parameter['name']}", parameter["schema"])
        for path, _verb, operation in operations(schema)
        for parameter in operation.get("parameters", ())
    ]
    texts = [(where, one) for where, one in found if "string" in one.get("type", ())]
    assert len(texts) > 500
    assert not [where for where, one in texts if not told & one.keys()]


def test_a_body_tells_that_fields_it_does_not_name_are_refused(schema: dict[str, Any]) -> None:
    bodies = [
        resolved(schema, content["schema"])
        for _path, _verb, operation in operations(schema)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]
    named = [one for one in bodies if "reason" in one.get("properties", {})]
    assert len(named) > 90
    assert all(one["additionalProperties"] is False for one in named)


def test_only_what_takes_a_key_tells_of_one(schema: dict[str, Any]) -> None:
    def takes_key(path: str) -> bool:
        return "Idempotency-Key" in [one["name"] for one in schema["paths"][path]["post"].get("parameters", ())]

    assert takes_key("/api/v1/datasets")
    assert not takes_key("/api/v1/api-keys")
    assert not takes_key("/api/v1/dataset-versions/{id}/profile-file")


def test_every_example_is_one(schema: dict[str, Any]) -> None:
    def inside(part: Any) -> Iterator[dict[str, Any]]:
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from inside(inner)
        if isinstance(part, dict) and isinstance(part.get("examples"), list):
            yield part

    found = list(inside(schema))
    assert found
    assert not [one for one in found for example in one["examples"] if not jsonschema_rs.is_valid(one, example)]


def test_each_answer_tells_the_headers_it_comes_with(
    schema: dict[str, Any], api: Any, cast: Any, settings: Any
) -> None:
    settings.RATE_LIMIT = 100

    def told(verb: str, path: str, answer: Any) -> dict[str, Any]:
        headers = resolved(schema, schema["paths"][path][verb]["responses"][str(answer.status_code)])["headers"]
        return {name: resolved(schema, one) for name, one in headers.items()}

    def check(verb: str, path: str, answer: Any, *expected: str) -> None:
        known = told(verb, path, answer)
        assert set(expected) <= set(known)
        assert set(expected) <= set(answer.headers)
        for name in set(known) & set(answer.headers):
            value: Any = answer.headers[name]
            value = int(value) if known[name]["schema"]["type"] == "integer" else value
            assert jsonschema_rs.is_valid(known[name]["schema"], value), f"{name}: {value}"

    pipeline, rate, path = api("pipeline"), ("X-Request-Id", "RateLimit", "RateLimit-Policy"), "/api/v1/datasets"
    keyed = {"Idempotency-Key": "once"}
    made = pipeline.post(path, {"name": "loans"}, headers=keyed)
    assert made.status_code == 201
    check("post", path, made, *rate, "Location", "ETag")
    check("post", path, pipeline.post(path, {"name": "loans"}, headers=keyed), *rate, "ETag", "Idempotency-Replayed")
    check("get", f"{path}/{{id}}", pipeline.get(made.headers["Location"]), *rate, "ETag")
    known = {"If-None-Match": made.headers["ETag"]}
    check("get", f"{path}/{{id}}", pipeline.get(made.headers["Location"], headers=known), *rate, "ETag")
    check("get", path, pipeline.get(path), *rate)
    check("get", path, APIClient().get(path), "X-Request-Id", "WWW-Authenticate")


def test_every_creation_answers_with_a_receipt(schema: dict[str, Any]) -> None:
    for path, verb, operation in operations(schema):
        if verb != "post" or "201" not in operation["responses"]:
            continue
        name = operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert "receipt" in schema["components"]["schemas"][name]["properties"], f"{path}: {name}"


def test_an_act_that_may_find_its_record_there_tells_both_answers(schema: dict[str, Any]) -> None:
    """Found by the fuzzer at thirty examples: the same link once more answered 200, which was not told."""
    found = set()
    for view in viewsets(RecordViewSet):
        for name, method in inspect.getmembers(view, inspect.isfunction):
            if told := getattr(method, "act_schema", None):
                source = inspect.getsource(method)
                assert told.repeats == ("created=created" in source or "if created else" in source), (view, name)
                if told.repeats:
                    found.add((view.collection, method.url_path))
    assert ("runs", "inputs") in found
    for collection, act in found:
        assert {"200", "201"} <= set(schema["paths"][f"/api/v1/{collection}/{{id}}/{act}"]["post"]["responses"])


def viewsets(kind: type[Any]) -> Iterator[type[Any]]:
    """Those with a collection of their own."""
    for one in kind.__subclasses__():
        if getattr(one, "collection", ""):
            yield one
        yield from viewsets(one)


def test_what_may_be_blank_in_a_record_is_told_so(schema: dict[str, Any]) -> None:
    """Of a field that a serializer declares itself nothing is taken from the model, whose column may be NULL."""
    told = 0
    for serializer in declared(serializers.ModelSerializer):
        model = getattr(getattr(serializer, "Meta", None), "model", None)
        if model is None:
            continue
        columns = {column.name: column for column in model._meta.concrete_fields}
        for name, field in serializer._declared_fields.items():
            column = columns.get(getattr(field, "source", None) or name)
            if column is not None and not field.write_only:
                told += 1
                assert field.allow_null or not column.null, f"{serializer.__name__}.{name}"
    assert told > 50


def declared(kind: type[Any]) -> Iterator[type[Any]]:
    """Every serializer of a kind that is loaded."""
    for one in kind.__subclasses__():
        yield one
        yield from declared(one)


def test_a_list_is_told_as_a_list_of_records(schema: dict[str, Any]) -> None:
    pages = {name: one for name, one in schema["components"]["schemas"].items() if name.startswith("Paginated")}
    assert len(pages) > 20
    for name, page in pages.items():
        results = page["properties"]["results"]
        assert results["type"] == "array", name
        assert "type" not in results["items"], name  # a record, by reference; whole, or a part where fields= may ask


def test_names_of_operations_are_unique(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(names) == len(set(names))


def test_the_schema_is_public_as_json_and_as_yaml(client: Any, db: None) -> None:
    assert client.get("/api/v1/schema").json()["openapi"] == "3.1.0"
    yaml = client.get("/api/v1/schema", headers={"Accept": "application/yaml"})
    assert yaml.content.startswith(b"openapi: 3.1.0")


def test_the_docs_page_needs_nothing_from_elsewhere_and_nothing_inline(client: Any, db: None) -> None:
    page = client.get("/api/docs").content.decode()
    assert "http:" not in page
    assert "https:" not in page
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|onload=", page)
    script = client.get("/api/docs?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")


# --- Operators -------------------------------------------------------------------------------------------------------


def test_livez_asks_nobody(client: Any) -> None:  # no database fixture: a query would fail the test
    assert client.get("/livez").status_code == 200


def test_readyz_is_ready_when_all_parts_answer(client: Any, db: None) -> None:
    answer = client.get("/readyz")
    assert answer.json() == {"ready": True, "checks": dict.fromkeys(health.CHECKS, "ok")}
    assert answer.status_code == 200


@pytest.mark.parametrize("part", ["database", "migrations", "guards"])
def test_readyz_names_the_part_that_fails_and_keeps_the_reason(
    client: Any, db: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def failing() -> None:
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setitem(health.CHECKS, part, failing)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"][part] == "failed"
    assert b"secret" not in answer.content


def test_a_broker_that_is_away_is_told_and_stops_nothing(
    client: Any, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"]["broker"] == "failed"


def test_metrics_count_answers_over_processes_and_are_for_this_machine(
    client: Any, db: None, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MUNIMENT_HOME = tmp_path
    monkeypatch.setattr(counters, "_counters", None)
    for _ in range(40):  # in a process that died
        counters.count(200, "/livez", 0.03)
    mine = next((tmp_path / "metrics").glob(f"{os.getpid()}-*.bin"))
    monkeypatch.setattr(counters, "_counters", None)
    mine.rename(mine.with_name(mine.name.replace(str(os.getpid()), str(2**22 + 1))))
    client.get("/livez")
    client.get("/no-such-page/with-a-secret")
    client.get("/livez")
    for _ in range(2):  # folding the dead one's counts must not count them twice
        text = client.get("/metrics").content.decode()
        assert 'muniment_http_requests_total{route="/livez",class="2xx"} 42' in text
    assert len(list((tmp_path / "metrics").glob("*.bin"))) == 2
    assert 'muniment_http_requests_total{route="(no such address)",class="4xx"} 1' in text
    assert "secret" not in text
    assert 'muniment_http_request_seconds_bucket{route="/livez",le="0.05"} 42' in text
    assert 'muniment_http_request_seconds_count{route="/livez"} 42' in text
    assert re.search(r"^muniment_jobs_queued 0$", text, re.MULTILINE)
    assert re.search(r"^muniment_ledger_sealing_lag_seconds [\d.e+]+$", text, re.MULTILINE)
    assert re.search(r"^muniment_outbox_waiting \d+$", text, re.MULTILINE)
    assert re.search(r"^muniment_ledger_unsealed_entries [\d.e+]+$", text, re.MULTILINE)
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403
    monkeypatch.setenv("MUNIMENT_METRICS_TOKEN", "t0ken")
    assert client.get("/metrics").status_code == 403
    scraped = client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"Authorization": "Bearer t0ken"})
    assert scraped.status_code == 200
