"""Bad input on every end point of facts: problem+json that names the field, and nothing written."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from governance.ledger.models import LedgerEntry
from lineage import actions
from lineage.actions import Link
from lineage.api.urls import urlpatterns
from tests.lineage.conftest import WHY, Facts, digest

Api = Callable[[str], Any]
V1 = "/api/v1"

#: A body that each end point takes, for this test to spoil. {name} stands for the id of a record.
GOOD: dict[str, dict[str, Any]] = {
    "datasets": {
        "name": "new", "title": "t", "description": "d", "steward": "{steward}", "owner": "{owner}", "is_live": False,
        "namespace": "retail", "reason": "why",
    },
    "datasets/{dataset}/change": {"title": "t", "description": "d", "steward": "{steward}", "is_live": True},
    "dataset-versions": {
        "dataset": "{dataset}", "label": "new", "digest": digest("new"), "location": "s3://b/k", "format": "text/csv",
        "bytes": 1, "rows": 1, "schema": [{"name": "a", "type": "int", "description": ""}], "source": "s",
        "origin": "o", "origin_geography": "DE", "date": "2024-01-02", "previous_date": "2024-01-01",
        "generation_period_start": "2023-01-01", "generation_period_end": "2023-12-31", "generation_method": "m",
        "known_bias": "b",
    },
    "terms": {
        "dataset": "{fresh}", "licence": "MIT", "document_digest": digest("document"),
        "consent_status": "dpv:ConsentGiven", "consent_evidence": "e", "legal_basis": "eu-gdpr:A6-1-a",
        "special_condition": "eu-gdpr:A9-2-j", "original_purpose": "dpv:ScientificResearch",
        "permitted_purposes": ["dpv:ScientificResearch"], "forbidden_purposes": ["dpv:Marketing"],
        "permitted_geographies": ["DE"], "controller": "c", "storage_duration_days": 3,
        "effective_from": "2024-01-01T00:00:00Z", "effective_to": "2044-01-01T00:00:00Z",
    },
    "terms/{terms}/withdrawal": {"reason": "why"},
    "flags": {
        "dataset_version": "{version}", "column": "", "category": "pd:Income", "present": "yes",
        "regulation_sets": ["PII"], "special_category": False, "collected_as": "derived",
        "data_subjects": ["dpv:Patient"], "treatment": "masked", "treatment_tool": "t",
        "treatment_parameters": {"k": 1}, "excluded_from_training": True, "assessment": "detected",
    },
    "flags/{flag}/review": {"present": "no", "treatment": "none", "special_category": False},
    "runs": {
        "job_name": "j", "run_key": "new", "source_commit": "cafe", "started_at": "2024-01-01T00:00:00Z",
        "ended_at": "2024-01-01T01:00:00Z", "state": "complete", "link_method": "declared",
        "inputs": [{"dataset_version": "{version}", "role": "training"}], "outputs": [],
    },
    "runs/{run}/end": {"state": "complete", "ended_at": "2044-01-01T01:00:00Z"},
    "runs/{run}/inputs": {"dataset_version": "{version}", "role": "training", "link_method": "declared"},
    "runs/{run}/outputs": {"dataset_version": "{version}", "role": "output"},
    "column-lineage": {
        "run": "{linked}", "source": "{version}", "source_column": "pay", "target": "{derived}", "target_column": "income",
        "transformation": "direct", "subtype": "IDENTITY", "masking": False, "description": "d",
        "link_method": "declared",
    },
    "models": {
        "name": "new", "title": "t", "description": "d", "owner": "{owner}", "decision_owner": "{owner}",
        "intended_purpose": "dpv:ScientificResearch", "out_of_scope_uses": "u",
        "risk_answers": {"personal_data": True}, "deployment_geography": ["DE"],
    },
    "models/{model}/change": {"title": "t", "intended_purpose": "dpv:ScientificResearch", "risk_answers": {}},
    "model-versions": {
        "model": "{model}", "digest": digest("new"), "artifact_uri": "s3://b/m", "source_run": "{run}",
        "code_commit": "cafe", "supplier": "s", "metrics": {"auc": 0.9}, "parameters": {"depth": 3},
        "features_used": ["a"], "model_card": {"task": "t"},
    },
    "link-corrections": {"run_input": "{input}", "kind": "void", "reason": "why"},
    "recalls": {"digest": "{recalled}", "reason": "why"},
}  # fmt: skip
REQUIRED = {
    "datasets": {"name"},
    "dataset-versions": {"dataset", "label"},
    "terms": {"dataset", "licence"},
    "terms/{terms}/withdrawal": {"reason"},
    "flags": {"dataset_version", "category", "present"},
    "flags/{flag}/review": {"present"},
    "runs": {"job_name", "run_key"},
    "runs/{run}/end": {"state"},
    "runs/{run}/inputs": {"dataset_version"},
    "runs/{run}/outputs": {"dataset_version"},
    "column-lineage": {"run", "source", "target"},
    "models": {"name"},
    "model-versions": {"model"},
    "link-corrections": {"run_input", "reason"},
    "recalls": {"digest", "reason"},
}
#: Sent by whoever may: a machine's word is not enough for these.
BY_PEOPLE = {
    "datasets/{dataset}/change": "steward",
    "terms/{terms}/withdrawal": "steward",
    "flags/{flag}/review": "steward",
    "models/{model}/change": "owner",
    "link-corrections": "steward",
    "recalls": "steward",
}
LONG = "x" * 20_001


class Door:
    """Sends bodies to an end point and counts what is on record."""

    def __init__(self, facts: Facts, api: Api, signed_in: Callable[[str], Any]) -> None:
        cast = facts.cast
        data = facts.version()
        flag = actions.raise_flag(
            actor=cast.pipeline, reason=WHY, dataset_version=data, category="pd:Age", present="yes"
        ).record
        derived = facts.version(label="derived")
        linked = facts.run("linked", inputs=[Link(data, "source")], outputs=[Link(derived, "output")])
        self.ids: dict[str, int | str] = {
            "derived": derived.pk,
            "linked": linked.pk,
            "input": linked.inputs.get().pk,
            "dataset": data.dataset_id,
            "fresh": facts.dataset("fresh").pk,
            "version": data.pk,
            "terms": facts.terms(data.dataset).pk,
            "flag": flag.pk,
            "run": facts.run().pk,
            "model": facts.model().pk,
            "steward": cast.steward.pk,
            "owner": cast.owner.pk,
            "recalled": f'"{data.digest_algorithm}:{data.digest_value}"',
        }
        self.api, self.signed_in = api, signed_in

    def good(self, path: str) -> dict[str, Any]:
        """The good body of an end point, with ids in their places."""
        text = json.dumps(GOOD[path])
        for name, pk in self.ids.items():
            text = text.replace(f'"{{{name}}}"', str(pk))
        body: dict[str, Any] = json.loads(text)
        return body

    def send(self, path: str, body: Any) -> Any:
        """POST a body, or text as it stands."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        client = self.signed_in(BY_PEOPLE[path]) if path in BY_PEOPLE else self.api("pipeline")
        return client.post(f"{V1}/{path.format(**self.ids)}", text, content_type="application/json")

    def refuses(self, path: str, body: Any, field: str | None, status: int = 400) -> None:
        """The answer is a problem that names the field (or one within it), and nothing was written."""
        before = written()
        answer = self.send(path, body)
        assert answer.status_code == status, (path, body, answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"].startswith("urn:muniment:problem:")
        if field is not None:
            assert problem["errors"], problem
            assert all(name.startswith(field) for name in problem["errors"]), (field, problem)
        assert written() == before, "nothing may be written"


def written() -> int:
    """How many writes of governed rows there are: each leaves an entry in the ledger."""
    return LedgerEntry.objects.count()


@pytest.fixture
def door(facts: Facts, api: Api, signed_in: Callable[[str], Any]) -> Door:
    """The end points, with a record behind each id."""
    return Door(facts, api, signed_in)


@pytest.mark.parametrize("path", GOOD)
def test_the_good_body_is_taken(door: Door, path: str) -> None:
    answer = door.send(path, door.good(path))
    assert answer.status_code in (200, 201), answer.content


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_field_is_named(door: Door, path: str) -> None:
    for field in REQUIRED[path]:
        body = door.good(path)
        del body[field]
        door.refuses(path, body, field)


@pytest.mark.parametrize("path", GOOD)
def test_an_unknown_field_is_named_and_so_is_one_the_server_sets(door: Door, path: str) -> None:
    for field in ("surprise", "id", "recorded_by", "recorded_at", "number", "risk_tier", "is_superuser"):
        door.refuses(path, door.good(path) | {field: 1}, field)


@pytest.mark.parametrize("path", GOOD)
def test_a_value_of_another_type_is_named(door: Door, path: str) -> None:
    for field, value in door.good(path).items():
        wrong: list[Any] = [[[]], 1.5]
        if not isinstance(value, bool):
            wrong.append(True)
        if not isinstance(value, str):
            wrong.append("1")
        if not isinstance(value, dict) and field not in ("digest", "document_digest", "dataset", "dataset_version"):
            wrong.append({"a": "b"})
        for other in wrong:
            door.refuses(path, door.good(path) | {field: other}, field)


@pytest.mark.parametrize("path", GOOD)
def test_text_that_is_too_long_or_holds_control_characters_is_named(door: Door, path: str) -> None:
    for field, value in door.good(path).items():
        if isinstance(value, str):
            for wrong in (LONG, "a\x00b", "a\x1bb", "a\x7fb"):
                door.refuses(path, door.good(path) | {field: wrong}, field)
            door.refuses(path, json.dumps(door.good(path) | {field: "@"}).replace('"@"', r'"\ud800"'), field)


@pytest.mark.parametrize("path", GOOD)
def test_what_is_no_json_or_ambiguous_json_is_refused(door: Door, path: str) -> None:
    good = door.good(path)
    field = next(iter(good))
    text = json.dumps(good)
    door.refuses(path, text[:-1] + f', "{field}": {json.dumps(good[field])}}}', field)
    for broken in (text[:-1], "[]", "null", "3", text.replace("{", '{"a": NaN, ', 1), b"\xff" + text.encode()):
        door.refuses(path, broken, None)
    deep = text[:-1] + ', "reason": ' + "[" * 60 + "]" * 60 + "}"
    door.refuses(path, deep, None)


@pytest.mark.parametrize("path", GOOD)
def test_a_body_of_more_than_two_megabytes_is_refused(door: Door, path: str) -> None:
    door.refuses(path, door.good(path) | {"reason": "x" * 2_200_000}, None, status=413)


@pytest.mark.parametrize("path", GOOD)
def test_another_content_type_is_refused(door: Door, path: str) -> None:
    before = written()
    answer = door.api("pipeline").post(f"{V1}/{path.format(**door.ids)}", "a=b", content_type="text/plain")
    assert answer.status_code == 415
    assert written() == before


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("datasets", "steward"),
        ("dataset-versions", "dataset"),
        ("terms", "dataset"),
        ("flags", "dataset_version"),
        ("runs/{run}/inputs", "dataset_version"),
        ("runs/{run}/outputs", "dataset_version"),
        ("link-corrections", "run_input"),
        ("column-lineage", "run"),
        ("column-lineage", "source"),
        ("column-lineage", "target"),
        ("models", "owner"),
        ("model-versions", "model"),
        ("model-versions", "source_run"),
    ],
)
def test_an_unknown_id_is_named(door: Door, path: str, field: str) -> None:
    door.refuses(path, door.good(path) | {field: 987654321}, field, status=404)
    for wrong in (0, -1, 2**63, 10**30):
        door.refuses(path, door.good(path) | {field: wrong}, field)


BROKEN: list[tuple[str, str, Any]] = [
    ("dataset-versions", "digest", "md5:" + "a" * 32),
    ("dataset-versions", "digest", "sha256:xyz"),
    ("dataset-versions", "digest", {"algorithm": "sha256"}),
    ("dataset-versions", "bytes", -1),
    ("dataset-versions", "rows", 2**63),
    ("dataset-versions", "date", "2024-02-30"),
    ("dataset-versions", "date", "yesterday"),
    ("dataset-versions", "origin_geography", "Germany"),
    ("dataset-versions", "generation_period_start", "2025-01-01"),
    ("dataset-versions", "schema", [{"type": "int"}]),
    ("dataset-versions", "schema", [{"name": "a"}, {"name": "a"}]),
    ("dataset-versions", "schema", [{"name": "a", "pii": True}]),
    ("dataset-versions", "dataset", {"name": "none"}),
    ("dataset-versions", "dataset", {"id": 1}),
    ("dataset-versions", "label", " padded "),
    ("terms", "licence", "Proprietary"),
    ("terms", "legal_basis", "consent"),
    ("terms", "permitted_purposes", ["research"]),
    ("terms", "permitted_purposes", [3]),
    ("terms", "permitted_geographies", ["Germany"]),
    ("terms", "forbidden_purposes", ["dpv:ScientificResearch"]),
    ("terms", "storage_duration_days", 0),
    ("terms", "effective_from", "2024-01-01"),
    ("terms", "effective_to", "2023-01-01T00:00:00Z"),
    ("flags", "present", "perhaps"),
    ("flags", "category", "health"),
    ("flags", "regulation_sets", ["GDPR"]),
    ("flags", "treatment_parameters", [1]),
    ("runs", "state", "done"),
    ("runs", "ended_at", "2023-01-01T00:00:00Z"),
    ("runs", "inputs", [{"role": "training"}]),
    ("runs", "inputs", [{"dataset_version": 1, "model_version": 1}]),
    ("runs", "inputs", [{"dataset_version": 1, "role": "output"}]),
    ("runs", "inputs", ["x"]),
    ("runs", "source_commit", "; rm -rf"),
    ("runs/{run}/end", "state", "running"),
    ("link-corrections", "kind", "forget"),
    ("link-corrections", "reason", " "),
    ("column-lineage", "transformation", "DIRECT"),
    ("column-lineage", "source_column", "x" * 257),
    ("column-lineage", "run", {"key": "x"}),
    ("models", "intended_purpose", "research"),
    ("models", "risk_answers", {"personal_data": "no"}),
    ("models", "risk_answers", {"nice": True}),
    ("models", "deployment_geography", ["Germany"]),
    ("model-versions", "metrics", {"auc": "0.9"}),
    ("model-versions", "metrics", {"auc": True}),
    ("model-versions", "metrics", {"auc": None}),
    ("model-versions", "metrics", {"auc": {"value": 1}}),
    ("model-versions", "parameters", {"layers": [1]}),
    ("model-versions", "model_card", {"praise": 1}),
    ("model-versions", "features_used", [""]),
    ("model-versions", "source_run", {"key": "x"}),
    ("model-versions", "code_commit", "a b"),
]


@pytest.mark.parametrize(("path", "field", "value"), BROKEN)
def test_a_value_that_means_nothing_is_named(door: Door, path: str, field: str, value: Any) -> None:
    status = 404 if value == {"name": "none"} else 400
    door.refuses(path, copy.deepcopy(door.good(path)) | {field: value}, field, status=status)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "0x1A", "1e-400", "01", "1" * 400]
)
def test_a_number_that_no_record_could_hold_is_refused(door: Door, number: str) -> None:
    text = json.dumps(door.good("model-versions") | {"metrics": {"auc": "@"}}).replace('"@"', number)
    door.refuses("model-versions", text, None)


@pytest.mark.parametrize(
    "query",
    [
        "surprise=1",
        "dataset=x",
        "dataset=1&dataset=2",
        "limit=0",
        "limit=501",
        "cursor=x",
        "digest=%00",
        "dataset=" + "9" * 40,
    ],
)
def test_a_list_refuses_parameters_it_does_not_understand(door: Door, query: str) -> None:
    answer = door.api("pipeline").get(f"{V1}/dataset-versions?{query}")
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


#: What has its bad input tested beside its good one.
ELSEWHERE = {
    "dataset-versions-flags": "test_flag_answers.py",
    "dataset-versions-profiles": "quality/test_profiles.py",
    "dataset-versions-profile-file": "quality/test_profiles.py",
    "dataset-versions-profile-location": "quality/test_profiles.py",
    "model-versions-tags": "test_annotations.py",
    "model-versions-describe": "test_annotations.py",
    "model-versions-archive": "test_annotations.py",
    "model-versions-complete": "test_completions.py",
    "model-versions-read-tracking": "tracking/test_reading.py",
    "tracking-servers": "tracking/test_servers.py",
    "lineage": "openlineage/test_bodies.py",
    "lineage-slash": "openlineage/test_bodies.py",
    "lineage-batch": "openlineage/test_bodies.py",
    "lineage-batch-slash": "openlineage/test_bodies.py",
    "openlineage-events-replay": "openlineage/test_pages.py",
    "openlineage-namespaces": "openlineage/test_claims.py",
    "openlineage-datasets": "openlineage/test_claims.py",
    "models-aliases": "../approvals/mlflow/test_door.py",
    "models-rename": "../approvals/mlflow/test_door.py",
    "models-tags": "../approvals/mlflow/test_door.py",
    "vocabulary-terms-retire": "test_vocabularies.py",
    "vocabulary-terms": "test_vocabularies.py",
    "vocabularies": "test_vocabularies.py",
    "dataset-versions-bulk": "test_bulk.py",
    "model-versions-bulk": "test_bulk.py",
    "flags-bulk": "test_bulk.py",
    "column-lineage-bulk": "test_columns.py",
    "intakes-register": "test_intake.py",
    "intakes-decide": "test_intake.py",
    "intakes": "test_intake.py",
    "risk-question-sets": "test_intake.py",
    "tier-overrides": "test_intake.py",
}


def writes(pattern: Any) -> bool:
    """Whether an address answers anything but GET."""
    callback = getattr(pattern, "callback", None)
    if view := getattr(callback, "view_class", None):
        return hasattr(view, "post")
    return bool(set(getattr(callback, "actions", {"post": ""})) - {"get", "head", "options"})


def test_every_writing_end_point_of_facts_is_in_this_test() -> None:
    addresses = {str(getattr(pattern, "name", "")) for pattern in urlpatterns if writes(pattern)}
    acts = {name for name in addresses if not name.endswith(("-list", "-detail"))} - ELSEWHERE.keys()
    assert acts == {
        path.replace("/", "-").split("-{")[0] + "-" + path.rpartition("/")[2] for path in GOOD if "/" in path
    }
    assert {name.removesuffix("-list") for name in addresses if name.endswith("-list")} - ELSEWHERE.keys() == {
        path for path in GOOD if "/" not in path
    }
