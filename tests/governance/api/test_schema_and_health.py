"""What is told about the product: the OpenAPI document, its page, and the operators' three addresses."""

import json
import os
import re
from typing import Any

import pytest
from django.core.management import call_command

from governance.api import counters, health


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    from governance.api.docs import SchemaView

    generator: Any = SchemaView.generator_class()
    document: dict[str, Any] = generator.get_schema(public=True)
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]  # what a reader gets


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, verb, operation) for path, verbs in schema["paths"].items() for verb, operation in verbs.items()]


def test_the_schema_is_valid_and_free_of_warnings(tmp_path: Any) -> None:
    # As JSON: writing the same document as YAML takes longer than making it, and is tested below.
    call_command(
        *("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json"),
        *("--file", str(tmp_path / "schema.json")),
    )


def test_the_schema_is_openapi_31(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.1.0"


def test_every_operation_tells_its_problems_and_needs_a_key_or_a_session(schema: dict[str, Any]) -> None:
    for path, verb, operation in operations(schema):
        where = f"{verb} {path}"
        told = {
            code
            for code, answer in operation["responses"].items()
            if "application/problem+json" in answer.get("content", ())
        }
        assert {"400", "401", "403"} <= told, where
        if verb == "post":
            assert {"404", "409", "413", "415"} <= told, where
        assert operation["security"] == [{"apiKey": []}, {"apiKeyAsPassword": []}, {"session": []}], where
        assert operation["description"], where


def test_every_creation_answers_with_a_receipt(schema: dict[str, Any]) -> None:
    for path, verb, operation in operations(schema):
        if verb != "post" or "201" not in operation["responses"]:
            continue
        name = operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert "receipt" in schema["components"]["schemas"][name]["properties"], f"{path}: {name}"


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
