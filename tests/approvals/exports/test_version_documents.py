"""A model version as CycloneDX and as a model card: their own readers accept them, and they say what the record says."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.sign_offs import withdraw_sign_off
from approvals.models import Vote
from governance.unit_of_work import recorded_action
from lineage import actions, queries
from lineage.exports.upstream import above, runs_above
from lineage.models import Dataset, DatasetVersion, Model, ModelVersion, RunInput
from tests.approvals.world import WHY, World, flag, signature, train

Api = Callable[[str], Any]
NASTY = '# Not a title\n| a | <script>alert(1)</script> [x](javascript:1) ![y](z)\n--- `code` "quoted" \\ {a}'
CARD = {
    "approach": "supervised",
    "task": "binary classification",
    "architecture": "gradient boosting",
    "inputs": [{"name": "income", "format": "number", "description": "Monthly"}],
    "outputs": "A score from 0 to 1",
    "performance": [
        {"type": "auc", "value": 0.83, "slice": "age < 25", "confidence_interval": {"lower": 0.81, "upper": 0.85}},
        {"type": "recall", "value": 1},
    ],
    "limitations": ["Not for firms", NASTY],
    "tradeoffs": "Slower than the last",
    "fairness": [{"group_at_risk": "Young people", "harms": "Refused", "mitigation": "Reviewed by hand"}],
    "oversight": "Each refusal is read by a person",
    "autonomy_type": "no",
    "decision_thresholds": {"score": 0.5},
}


def asked(api: Api, version: ModelVersion, what: str, who: str = "pipeline", **query: Any) -> str:
    """The text of a document."""
    answer = api(who).get(f"/api/v1/model-versions/{version.pk}/{what}", query)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def bom(api: Api, version: ModelVersion, **query: Any) -> dict[str, Any]:
    """The bill of materials, which the strict validator of CycloneDX 1.6 accepts."""
    told = asked(api, version, "cyclonedx", **query)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(told)
    assert fault is None, str(fault)[:2000]
    found: dict[str, Any] = json.loads(told)
    return found


def rich(w: World) -> ModelVersion:
    """A version that says everything, measured, judged and with a parent."""
    version = train(
        w.cast, w.model, w.versions["features"], "rich", parent_version=w.version, supplier="Ours & Co",
        artifact_uri="s3://models/a model/{1}.bin", code_commit="abc123", metrics={"auc": 0.9, "gini": 0.66},
        parameters={"depth": 6, "note": NASTY, "balanced": True, "seed": None}, model_card=CARD,
    )  # fmt: skip
    actions.tag_model_version(actor=w.cast.owner, model_version=version, tags={"team": "retail", "x": ""}, **WHY)
    actions.describe_model_version(actor=w.cast.owner, model_version=version, text=NASTY, **WHY)
    return version


def judged(w: World, version: ModelVersion) -> None:
    """Evidence, an approval, a rejection that is taken back."""
    w.policy(signature("risk", "risk_manager"), signature("law", "compliance_officer"))
    w.evidence(w.plan(title="Accuracy | <b>"), subject=version)
    release = w.release(version)
    w.vote("risk", w.cast.risk, release=release)
    gone = w.vote("law", w.cast.compliance, release=release, vote=Vote.REJECT)
    withdraw_sign_off(actor=w.cast.compliance, sign_off=gone, **WHY)


def elsewhere(w: World, **more: Any) -> DatasetVersion:
    """A dataset version that only the outsiders read, and that went into `raw`."""
    with recorded_action(actor=w.cast.outsider, **WHY):
        foreign = Dataset.objects.create(namespace=w.cast.elsewhere, name=f"merger-{len(more)}", title="Secret")
        secret = DatasetVersion.objects.create(dataset=foreign, label="quiet", source="The board", **more)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=secret, role="source")
    return secret


def test_a_bill_of_materials_tells_the_model_its_data_and_who_signed(w: World, api: Api) -> None:
    version = rich(w)
    judged(w, version)
    flag(w.cast, w.versions["features"], column="income", category="pd:Income", present="yes")
    told = bom(api, version)
    main = told["metadata"]["component"]
    assert main["hashes"] == [{"alg": "SHA-256", "content": version.digest_value}]
    assert main["pedigree"]["ancestors"][0]["version"] == "1"
    assert main["externalReferences"][0]["url"] == "s3://models/a%20model/%7B1%7D.bin"
    card = main["modelCard"]
    assert card["modelParameters"]["approach"] == {"type": "supervised"}
    assert card["modelParameters"]["datasets"] == [{"ref": f"dataset-version:{w.versions['features'].pk}"}]
    metrics = {one["type"]: one for one in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert metrics["auc"]["confidenceInterval"] == {"lowerBound": "0.81", "upperBound": "0.85"}
    assert (metrics["auc"]["value"], metrics["recall"]["value"], metrics["gini"]["value"]) == ("0.83", "1", "0.66")
    said = {one["name"]: one.get("value") for one in main["properties"]}
    assert said["muniment:parameter:balanced"] == "true" and said["muniment:parameter:note"] == NASTY
    data = {one["name"]: one for one in told["components"] if one["type"] == "data"}
    assert set(data) == {"source", "raw", "features"}
    assert data["features"]["licenses"] == [{"expression": "CC-BY-4.0"}]
    assert data["features"]["data"][0]["sensitiveData"] == ["pd:Income in income: yes; collected; reviewed"]
    below = {one["ref"]: one["dependsOn"] for one in told["dependencies"]}
    assert below[f"dataset-version:{w.versions['features'].pk}"] == [f"dataset-version:{w.versions['raw'].pk}"]
    assert f"model-version:{w.version.pk}" in below[f"model-version:{version.pk}"]
    declared = told["declarations"]
    approved, rejected = declared["attestations"]
    assert approved["map"][0]["conformance"]["score"] == 1 and "approved" in approved["summary"]
    assert rejected["map"][0]["conformance"]["score"] == 0 and "taken back" in rejected["summary"]
    assert "counterClaims" in rejected["map"][0]
    names = {one["organization"]["contact"][0]["name"] for one in declared["assessors"]}
    assert names == {w.cast.risk.display_name, w.cast.compliance.display_name}
    measured = json.loads(declared["evidence"][0]["data"][0]["contents"]["attachment"]["content"])
    assert (measured["verdict"], measured["values"][0]["value"]) == ("good", "0.95")
    asks = {one["identifier"] for one in told["definitions"]["standards"][0]["requirements"]}
    assert asks == {"risk", "law"}


def test_a_version_of_which_little_is_known_is_accepted_too(w: World, api: Api) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        model = Model.objects.create(namespace=w.cast.retail, name="a b/ü")
        bare = ModelVersion.objects.create(model=model, artifact_uri="C:\\models\\ü.bin")
    told = bom(api, bare)
    assert "declarations" not in told and "components" not in told
    head = yaml.safe_load(asked(api, bare, "model-card").split("---\n")[1])
    assert head["model_name"] == "a b/ü" and "digest" not in head


def test_the_same_record_is_the_same_document_and_another_state_another(w: World, api: Api) -> None:
    first, again = bom(api, w.version), bom(api, w.version)
    assert first == again
    card = asked(api, w.version, "model-card")
    assert card == asked(api, w.version, "model-card")
    before = timezone.now().isoformat()
    judged(w, w.version)
    assert bom(api, w.version)["serialNumber"] != first["serialNumber"]
    assert bom(api, w.version, as_of=before) == first
    assert asked(api, w.version, "model-card", as_of=before) == card


def test_what_lies_elsewhere_is_named_by_digest_alone(w: World, api: Api) -> None:
    secret = elsewhere(w, digest_algorithm="sha256", digest_value="b" * 64)
    elsewhere(w)
    told = bom(api, w.version)
    hidden = [one for one in told["components"] if one["type"] == "file"]
    assert [one["name"] for one in hidden] == ["sha256:" + "b" * 64]
    assert "digest:sha256:" + "b" * 64 in next(
        one["dependsOn"] for one in told["dependencies"] if one["ref"] == f"dataset-version:{w.versions['raw'].pk}"
    )
    events = asked(api, w.version, "openlineage")
    for text in (json.dumps(told), asked(api, w.version, "model-card"), events):
        assert not [word for word in ("merger", "Secret", "quiet", "The board", "elsewhere/") if word in text]
        assert f"dataset-version:{secret.pk}" not in text
    assert {"name": "muniment:upstream_elsewhere_without_digest", "value": "1"} in told["metadata"]["component"][
        "properties"
    ]


def test_what_lies_above_is_what_the_gate_looks_at(w: World) -> None:
    version = rich(w)
    elsewhere(w, digest_algorithm="sha256", digest_value="b" * 64)
    reads = {w.cast.retail.pk}
    runs = {("run", one.pk) for one in runs_above(version, reads)}
    nodes = runs | set(above(version, reads).records) | {("model_version", version.pk)}
    assert nodes == {(one.kind, one.id) for one in queries.upstream(version)}


def test_a_link_that_was_voided_is_not_followed_and_was_before(w: World, api: Api) -> None:
    before = timezone.now().isoformat()
    link = RunInput.objects.get(run=w.runs["raw"])
    actions.correct_link(actor=w.cast.steward, link=link, **WHY)
    names, then = (
        {one["name"] for one in bom(api, w.version, **query)["components"]} for query in ({}, {"as_of": before})
    )
    assert (names, then) == ({"raw", "features"}, {"source", "raw", "features"})
    croissant = api("pipeline").get(f"/api/v1/dataset-versions/{w.versions['raw'].pk}/croissant").json()
    assert "prov:wasDerivedFrom" not in croissant


@pytest.mark.parametrize("what", ["cyclonedx", "model-card", "openlineage"])
def test_a_document_asks_few_questions_however_far_it_looks(what: str, w: World, api: Api, signed_in: Api) -> None:
    version = rich(w)
    for generation in range(4):
        version = train(w.cast, w.model, w.versions["features"], f"again-{generation}", parent_version=version)
    judged(w, version)
    auditor, address = signed_in("auditor"), f"/api/v1/model-versions/{version.pk}/{what}"
    assert auditor.get(address).status_code == 200
    with CaptureQueriesContext(connection) as asked:
        assert auditor.get(address).status_code == 200
    assert len(asked) <= 13, [one["sql"][:80] for one in asked]


def test_a_loop_is_walked_once(w: World) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=w.versions["features"], role="source")
    assert len(above(w.version, {w.cast.retail.pk}).dataset_versions) == 3


def test_a_card_has_a_head_and_nothing_in_it_acts(w: World, api: Api) -> None:
    version = rich(w)
    judged(w, version)
    card = asked(api, version, "model-card")
    _before, head, body = card.split("---\n", 2)
    meta = yaml.safe_load(head)
    assert (meta["model_name"], meta["version"], meta["datasets"]) == ("scoring", "2", ["retail/features"])
    assert meta["tags"] == ["team:retail", "x"]
    result = meta["model-index"][0]["results"][0]
    assert result["metrics"] == [{"type": "auc", "value": 0.83, "name": "auc, age < 25"}]
    assert result["dataset"]["type"] == "retail/features" and result["task"]["type"] == "binary-classification"
    assert re.findall(r"^# .*", body, re.MULTILINE) == ["# scoring, version 2"]
    assert "<script>" not in body.replace("\\<script", "") and not re.search(r"(?<!\\)\[", body)
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows if "approved" in line or "rejected" in line}) == 1
    assert "taken back" in body and "Nobody has signed" not in body
    assert "## Limitations" in body and "Each refusal is read by a person" in body


@pytest.mark.parametrize("what", ["cyclonedx", "model-card", "openlineage"])
def test_a_moment_before_the_version_and_one_to_come_are_refused(w: World, api: Api, what: str) -> None:
    for query, status in (({"as_of": "2001-01-01"}, 404), ({"as_of": "2999-01-01"}, 400), ({"of": "x"}, 400)):
        answer = api("pipeline").get(f"/api/v1/model-versions/{w.version.pk}/{what}", query)
        assert answer.status_code == status and answer.json()["detail"]


def test_what_came_after_its_registration_is_told_too(w: World, api: Api) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        late = ModelVersion.objects.create(model=w.model, artifact_uri="s3://late", metrics={"auc": 0.9})
    before = timezone.now().isoformat()
    actions.complete_model_version(
        actor=w.cast.pipeline, model_version=late, digest="sha256:" + "c" * 64, metrics={"auc": 0.1, "gini": 0.8},
        parameters={"depth": 3}, **WHY,
    )  # fmt: skip
    main, then = (bom(api, late, **query)["metadata"]["component"] for query in ({}, {"as_of": before}))
    assert main["hashes"][0]["content"] == "c" * 64 and "hashes" not in then
    metrics = main["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert [(one["type"], one["value"]) for one in metrics] == [("auc", "0.9"), ("gini", "0.8")]
    assert {"name": "muniment:parameter:depth", "value": "3"} in main["properties"]
