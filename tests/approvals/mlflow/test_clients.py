"""The real clients of MLflow, 3.17 and 2.22, against the running product: every call of the registry."""

import pytest

from lineage.models import MlflowRegistration, Model, ModelVersion
from tests.approvals.mlflow.conftest import Client
from tests.approvals.world import FACTS, World

BOTH = pytest.mark.parametrize("mlflow_client", ["3.17", "2.22"], indirect=True)


@BOTH
def test_every_call_of_the_registry(mlflow_client: Client, w: World) -> None:
    ask = mlflow_client
    made = ask("client.create_registered_model('churn', {'team': 'risk'}, 'Who leaves')")
    assert (made["name"], made["description"], made["tags"]) == ("churn", "Who leaves", {"team": "risk"})
    again = ask.refused("client.create_registered_model('churn')")
    assert (again.kind, again.code) == ("RestException", "RESOURCE_ALREADY_EXISTS")

    one = ask(
        "client.create_model_version('churn', 's3://models/churn/1', run_id='run-1', tags={'a': 'b'},"
        " description='First', run_link='https://tracking.example/runs/1')"
    )
    assert (str(one["version"]), one["status"], one["current_stage"]) == ("1", "READY", "None")
    assert (one["source"], one["run_id"], one["run_link"]) == (
        "s3://models/churn/1", "run-1", "https://tracking.example/runs/1",
    )  # fmt: skip
    assert (one["tags"], one["description"], one["user_id"]) == ({"a": "b"}, "First", "pipeline")
    version = ModelVersion.objects.get(model__name="churn")
    assert version.source_run is not None
    assert version.source_run.run_key == "run-1"
    assert MlflowRegistration.objects.get(model_version=version).run_link == one["run_link"]
    two = ask("client.create_model_version('churn', 's3://models/churn/2')")
    assert str(two["version"]) == "2"

    assert ask("client.update_registered_model('churn', 'Who will leave')")["description"] == "Who will leave"
    assert ask("client.update_model_version('churn', '2', 'Second')")["description"] == "Second"
    ask(
        "client.set_registered_model_tag('churn', 'team', 'retail'); client.set_registered_model_tag('churn', 'x', 'y')"
    )
    ask("client.delete_registered_model_tag('churn', 'x'); client.delete_registered_model_tag('churn', 'nothing')")
    assert ask("client.get_registered_model('churn')")["tags"] == {"team": "retail"}
    ask(
        "client.set_model_version_tag('churn', '1', 'passed', 'yes'); client.delete_model_version_tag('churn', '1', 'a')"
    )
    assert ask("client.get_model_version('churn', '1')")["tags"] == {"passed": "yes"}

    ask("client.set_registered_model_alias('churn', 'canary', '1')")
    assert str(ask("client.get_model_version_by_alias('churn', 'canary')")["version"]) == "1"
    ask("client.set_registered_model_alias('churn', 'canary', '2')")
    found = ask("client.get_registered_model('churn')")
    assert {key: str(value) for key, value in found["aliases"].items()} == {"canary": "2"}
    assert [str(latest["version"]) for latest in found["latest_versions"]] == ["2"]
    assert ask("client.get_model_version('churn', '2')")["aliases"] == ["canary"]
    ask("client.delete_registered_model_alias('churn', 'canary')")
    gone = ask.refused("client.get_model_version_by_alias('churn', 'canary')")
    assert gone.code == "INVALID_PARAMETER_VALUE"

    assert ask("client.get_model_version_download_uri('churn', '1')") == "s3://models/churn/1"
    assert ask("client.transition_model_version_stage('churn', '2', 'Archived')")["current_stage"] == "Archived"
    assert [str(v["version"]) for v in ask("client.get_latest_versions('churn', ['None'])")] == ["1"]
    assert [str(v["version"]) for v in ask("client.get_latest_versions('churn', ['Archived'])")] == ["2"]
    assert ask("client.transition_model_version_stage('churn', '2', 'None')")["current_stage"] == "None"

    assert {model["name"] for model in ask("list(client.search_registered_models())")} == {"churn", "scoring"}
    assert [
        m["name"] for m in ask("list(client.search_registered_models(\"name ILIKE 'CH%' AND tags.team = 'retail'\"))")
    ] == ["churn"]
    assert [str(v["version"]) for v in ask("list(client.search_model_versions(\"name = 'churn'\"))")] == ["2", "1"]
    assert [str(v["version"]) for v in ask("list(client.search_model_versions(\"run_id IN ('run-1', 'x')\"))")] == ["1"]
    ask("page = client.search_model_versions(\"name = 'churn'\", max_results=1, order_by=['version_number ASC'])")
    assert str(ask("page[0]")["version"]) == "1"
    assert str(ask("client.search_model_versions(\"name = 'churn'\", max_results=1, order_by=['version_number ASC'],"
                   " page_token=page.token)[0]")["version"]) == "2"  # fmt: skip

    copied = ask("client.copy_model_version('models:/churn/1', 'churn-copy')")
    assert (copied["name"], str(copied["version"])) == ("churn-copy", "1")
    parent = ModelVersion.objects.get(model__name="churn-copy").parent_version
    assert parent == version
    assert ask("client.get_model_version_download_uri('churn-copy', '1')") == "s3://models/churn/1"

    ask("client.rename_registered_model('churn', 'leavers')")
    assert Model.objects.filter(name="leavers", pk=version.model_id).exists()
    taken = ask.refused("client.rename_registered_model('leavers', 'scoring')")
    assert taken.code == "RESOURCE_ALREADY_EXISTS"
    for call in ("client.delete_registered_model('leavers')", "client.delete_model_version('leavers', '1')"):
        kept = ask.refused(call)
        assert (kept.code, kept.seconds < 5) == ("PERMISSION_DENIED", True)
        assert "Archive" in kept.message
    missing = ask.refused("client.get_registered_model('nothing')")
    assert missing.code == "RESOURCE_DOES_NOT_EXIST"


TRAIN = """
import mlflow.pyfunc
class Doubling(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input]
def train():
    with mlflow.start_run() as run:
        mlflow.log_param('rate', 0.1)
        mlflow.pyfunc.log_model(NAMED='model', python_model=Doubling(), registered_model_name='doubling',
                                pip_requirements=[], input_example=None)
    return run.info.run_id
"""


@pytest.mark.parametrize("mlflow_client", ["3.17"], indirect=True)
def test_a_model_is_logged_elsewhere_registered_here_and_loaded_by_its_alias(mlflow_client: Client, w: World) -> None:
    ask = mlflow_client
    ask(TRAIN.replace("NAMED", "name"))
    ask("train(); train()")
    told = MlflowRegistration.objects.get(model_version__model__name="doubling", model_version__number=2)
    assert told.source == f"models:/{told.model_id}"
    assert told.model_id.startswith("m-")
    assert told.run_id == ""  # a client names the logged model alone: which run made it, the tracking server knows
    found = ask("client.get_model_version('doubling', '2')")
    assert (found["source"], found["status"]) == (told.source, "READY")
    ask("client.set_registered_model_alias('doubling', 'canary', '2')")
    assert ask("mlflow.pyfunc.load_model('models:/doubling@canary').predict([1, 2])") == [2, 4]
    again = ask(f"mlflow.register_model('{told.source}', 'doubling').version")
    assert str(again) == "2"  # the same model, source and run
    w.policy(*FACTS)
    closed = ask.refused("client.set_registered_model_alias('doubling', 'champion', '2')")
    assert closed.code == "RESOURCE_CONFLICT"
    for gap in ("artifact: ", "provenance: ", "terms: ", "[who can: "):
        assert gap in closed.message, closed.message


@pytest.mark.parametrize("mlflow_client", ["2.22"], indirect=True)
def test_yesterdays_client_logs_a_model_elsewhere_registers_it_here_and_loads_it_by_its_alias(
    mlflow_client: Client, w: World
) -> None:
    ask = mlflow_client
    ask(TRAIN.replace("NAMED", "artifact_path"))
    ask("runs = [train(), train()]")
    told = MlflowRegistration.objects.get(model_version__model__name="doubling", model_version__number=2)
    assert told.run_id == ask("runs[1]")  # this client has no logged models: it names the run and where it keeps them
    assert told.source.endswith(f"/{told.run_id}/artifacts/model")
    assert told.model_id == ""
    ask("client.set_registered_model_alias('doubling', 'canary', '2')")
    assert ask("mlflow.pyfunc.load_model('models:/doubling@canary').predict([1, 2])") == [2, 4]
    again = ask("mlflow.register_model(f'runs:/{runs[1]}/model', 'doubling').version")
    assert str(again) == "2"
    w.policy(*FACTS)
    closed = ask.refused("client.set_registered_model_alias('doubling', 'champion', '2')")
    assert closed.code == "RESOURCE_CONFLICT"
    assert "artifact: " in closed.message


@BOTH
def test_a_run_registers_and_tags_of_ours_carry_what_a_client_has_no_field_for(mlflow_client: Client, w: World) -> None:
    ask = mlflow_client
    ask(
        "def train():\n"
        "    with mlflow.start_run() as run:\n"
        "        open('MLmodel', 'w').write('artifact_path: model\\nflavors: {}\\n')\n"
        "        mlflow.log_artifact('MLmodel', 'model')\n"
        "    return run.info.run_id"
    )
    run = ask("train()")
    made = ask(f"mlflow.register_model('runs:/{run}/model', 'plain', tags={{'muniment.code_commit': 'abc123'}})")
    assert (str(made["version"]), made["run_id"]) == ("1", run)
    assert made["source"].endswith("/artifacts/model")
    digest = "sha256:" + "d" * 64
    ask(f"client.set_model_version_tag('plain', '1', 'muniment.digest', {digest!r})")
    data = w.versions["features"]
    ask(f"client.set_model_version_tag('plain', '1', 'muniment.training_data', '{data.pk}')")
    version = ModelVersion.objects.get(model__name="plain")
    assert (version.digest_value, version.code_commit) == ("d" * 64, "abc123")
    assert {one.how for one in version.completions.all()} == {"tag"}
    other = ask.refused(f"client.set_model_version_tag('plain', '1', 'muniment.digest', 'sha256:{'e' * 64}')")
    assert other.code == "RESOURCE_CONFLICT"
    assert ask("client.get_model_version('plain', '1')")["tags"]["muniment.digest"] == digest
    unread = ask.refused("client.set_model_version_tag('plain', '1', 'muniment.digest', 'md5:1')")
    assert unread.code == "INVALID_PARAMETER_VALUE"
    again = ask(f"mlflow.register_model('runs:/{run}/model', 'plain')")
    assert str(again["version"]) == "1"


@pytest.mark.parametrize("mlflow_client", ["3.17"], indirect=True)
def test_a_workspace_is_a_namespace_and_prompts_are_refused(mlflow_client: Client, w: World) -> None:
    ask = mlflow_client
    ask("mlflow.set_workspace('retail')")
    try:
        assert ask("client.get_registered_model('scoring')")["name"] == "scoring"
        ask("mlflow.set_workspace('elsewhere')")
        refused = ask.refused("client.get_registered_model('scoring')")
        assert (refused.code, refused.seconds < 5) == ("RESOURCE_DOES_NOT_EXIST", True)
    finally:
        ask("mlflow.set_workspace(None)")
    prompt = ask.refused("mlflow.genai.register_prompt(name='hello', template='Say {{it}}')")
    assert (prompt.code, prompt.seconds < 5) == ("INVALID_PARAMETER_VALUE", True)
    assert "Prompts are not kept here" in prompt.message
