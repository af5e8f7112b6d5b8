"""An inventory from a real MLflow server: models, their aliases, stages and versions."""

import json
from typing import Any

from approvals.imports.mlflow import prepare_from_server
from lineage.imports import mlflow as registry
from lineage.models import ModelVersion
from tests.approvals.imports.conftest import confirm, faults
from tests.cast import Cast
from tests.mlflow_server import Server


def test_a_real_registry_comes_in_with_what_its_aliases_and_stages_mean(
    mlflow: Server, cast: Cast, settings: Any
) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [mlflow.uri], True
    places = {"champion": "production", "staging": "staging"}
    lines = [
        json.loads(line)
        for line in registry.fetch(mlflow.uri, namespace="retail", places=places, govern_by="2026-12-31").splitlines()
    ]
    assert {one["version_artifact_uri"]: one.get("live_in") for one in lines if "version_artifact_uri" in one} == {
        f"models:/{mlflow.model}": "production", f"runs:/{mlflow.run}/extra": "staging",
    }  # fmt: skip
    draft = prepare_from_server(actor=cast.owner, namespace=cast.retail, server=mlflow.uri)
    assert faults(draft) == {}
    made = confirm(draft)
    assert (made.models_made, made.versions_made) == (1, 2)
    assert ModelVersion.objects.first().model.description == "Who pays back"  # type: ignore[union-attr]
    again = prepare_from_server(actor=cast.owner, namespace=cast.retail, server=mlflow.uri)
    assert again.report["counts"]["unchanged"] == again.report["counts"]["rows"]
