"""What becomes known of a version later: filled in once, by whom and how on record; nothing is rewritten."""

from collections.abc import Callable
from typing import Any

import pytest

from governance import errors
from governance.history.models import history_model
from lineage import actions, queries
from lineage.models import FactOrigin, Model, ModelVersion, ModelVersionCompletion, RunInput
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

Api = Callable[[str], Any]
Attack = Callable[[Any], Any]
BYTES, OTHERS = digest("bytes"), digest("others")


def bare(facts: Facts, **content: Any) -> ModelVersion:
    """A version as MLflow registers it: an address, no digest."""
    content.setdefault("artifact_uri", "runs:/1/model")
    return facts.model_version(digest=None, **content)


def complete(version: ModelVersion, actor: Any, **facts: Any) -> actions.Completed:
    """One later fact."""
    return actions.complete_model_version(actor=actor, reason=WHY, model_version=version, **facts)


def test_a_digest_and_a_commit_are_filled_in_once_and_the_history_has_both_states(facts: Facts, cast: Cast) -> None:
    version = bare(facts)
    done = complete(version, cast.pipeline, digest=BYTES, code_commit="abc123", came_from="build 7")
    assert f"{done.model_version.digest_algorithm}:{done.model_version.digest_value}" == BYTES
    assert (done.model_version.code_commit, done.model_version.filled_later) == ("abc123", ["digest", "code_commit"])
    assert complete(version, cast.pipeline, digest=BYTES).record is None, "the same again is no news"
    states = history_model(ModelVersion)._default_manager.filter(id=version.pk).order_by("history_id")
    assert [one.digest_value for one in states] == ["", BYTES[7:]]  # type: ignore[attr-defined]  # historical columns
    for said, code in (({"digest": OTHERS}, "digest-on-record"), ({"code_commit": "def456"}, "commit-on-record")):
        with pytest.raises(errors.Conflict) as refusal:
            complete(version, cast.owner, how=FactOrigin.OWNER, **said)
        assert refusal.value.params["code"] == code
    assert ModelVersionCompletion.objects.count() == 1


def test_a_registration_sent_again_after_the_digest_came_makes_no_second_version(facts: Facts, cast: Cast) -> None:
    version = bare(facts)
    complete(version, cast.pipeline, digest=BYTES, code_commit="abc123")
    assert bare(facts).pk == version.pk
    assert facts.model_version(digest=BYTES, artifact_uri="runs:/1/model").pk == version.pk
    with pytest.raises(errors.AlreadyDifferent):
        bare(facts, code_commit="another")
    other = bare(facts, artifact_uri="models:/m-1")
    assert complete(other, cast.pipeline, digest=BYTES).model_version.digest_value == BYTES[7:], (
        "two addresses, one artifact"
    )
    assert ModelVersion.objects.count() == 2


def test_training_data_is_linked_to_the_run_it_came_out_of(facts: Facts, cast: Cast) -> None:
    data, more, run = facts.version(label="a"), facts.version(label="b"), facts.run()
    of_run, without = bare(facts, source_run=run), bare(facts)
    done = complete(of_run, cast.pipeline, training=[data, data])
    assert done.record is not None
    assert (done.record.run, done.record.training) == (run, [data.pk])
    assert complete(of_run, cast.pipeline, training=[data]).record is None
    done = complete(without, cast.pipeline, training=[data, more])
    assert done.record is not None
    assert done.record.run != run, "a run of its own"
    assert {node.id for node in queries.upstream(without) if node.kind == "dataset_version"} == {data.pk, more.pk}
    later = facts.run("run-2", inputs=[actions.Link(more, "training")])
    complete(of_run, cast.pipeline, run=later)
    assert {one.pk for one in queries.training_versions(of_run)} == {data.pk, more.pk}


def test_metrics_and_parameters_are_kept_beside_those_declared_as_far_as_they_are_new(facts: Facts, cast: Cast) -> None:
    version = bare(facts, metrics={"auc": 0.9}, parameters={"depth": 3})
    done = complete(version, cast.pipeline, metrics={"auc": 0.9, "f1": 0.8}, parameters={"depth": 4, "seed": True})
    assert done.record is not None
    assert (done.record.metrics, done.record.parameters) == ({"f1": 0.8}, {"depth": 4, "seed": True})
    assert done.model_version.metrics == {"auc": 0.9}
    for wrong in ({"metrics": {"auc": float("nan")}}, {"parameters": {"a": [1]}}, {}):
        with pytest.raises(errors.Invalid):
            complete(version, cast.pipeline, **wrong)


def test_tags_of_ours_carry_what_a_client_has_no_field_for(facts: Facts, cast: Cast) -> None:
    data, version = facts.version(label="2025"), bare(facts)
    tags = {
        "muniment.digest": BYTES, "muniment.code_commit": "abc123", "team": "retail",
        "muniment.training_data": f"{data.pk}, sha256:{data.digest_value}, loans@2025, {cast.retail.name}/loans@2025",
    }  # fmt: skip
    done = actions.complete_from_tags(actor=cast.pipeline, reason=WHY, model_version=version, tags=tags)
    assert done.record is not None
    assert (done.record.how, done.record.training) == ("tag", [data.pk])
    assert done.record.came_from == "muniment.digest, muniment.training_data, muniment.code_commit"
    assert RunInput.objects.get().link_method == "mlflow"
    again = actions.complete_from_tags(actor=cast.pipeline, reason=WHY, model_version=version, tags=tags)
    assert again.record is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("digest", "md5:abc"), ("digest", "x"), ("code_commit", "a b"), ("training_data", "99999"),
        ("training_data", "9" * 30), ("training_data", "[{}]"), ("training_data", "[1"), ("training_data", "nothing@here"),
        ("training_data", "sha256:zz"), ("training_data", BYTES),
    ],
)  # fmt: skip
def test_a_tag_that_cannot_be_read_is_refused_by_its_key(facts: Facts, cast: Cast, key: str, value: str) -> None:
    version = bare(facts)
    with pytest.raises(errors.Refused) as refusal:
        actions.complete_from_tags(
            actor=cast.pipeline, reason=WHY, model_version=version, tags={f"muniment.{key}": value}
        )
    assert list(refusal.value.errors) == [f"tags.muniment.{key}"]
    assert not ModelVersionCompletion.objects.exists()


@pytest.mark.parametrize("name", ["steward", "risk", "validator", "viewer", "auditor", "outsider"])
def test_nobody_but_pipeline_and_owner_completes(facts: Facts, cast: Cast, name: str) -> None:
    with pytest.raises(errors.Forbidden):
        complete(bare(facts), getattr(cast, name), digest=BYTES)


def test_who_completes_a_version_had_a_hand_in_it(facts: Facts, cast: Cast) -> None:
    version = bare(facts)
    complete(version, cast.owner, how=FactOrigin.OWNER, digest=BYTES)
    assert (cast.owner.pk, "edited") in set(queries.contributors(version))


def test_data_of_a_namespace_one_does_not_read_is_answered_as_unknown(facts: Facts, cast: Cast) -> None:
    theirs = actions.register_dataset(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, name="theirs"
    ).record
    data = actions.register_dataset_version(
        actor=cast.outsider_pipeline, reason=WHY, dataset=theirs, label="1", digest=OTHERS
    ).record
    version = bare(facts)
    with pytest.raises(errors.Missing):
        complete(version, cast.pipeline, training=[data])
    for name in (str(data.pk), OTHERS, "elsewhere/theirs@1"):
        with pytest.raises(errors.Missing):
            actions.complete_from_tags(
                actor=cast.pipeline, reason=WHY, model_version=version, tags={"muniment.training_data": name}
            )


def test_a_reading_of_the_tracking_server_confirms_or_contradicts_and_never_rewrites(facts: Facts, cast: Cast) -> None:
    version = facts.model_version(digest=BYTES, code_commit="abc123")
    server = actions.name_tracking_server(actor=cast.admin, reason=WHY, namespace=cast.retail, uri="http://mlflow:5000")
    read = {"how": FactOrigin.TRACKING, "came_from": server.uri, "tracking_server": server}
    done = complete(version, cast.system, digest=BYTES, **read)
    assert done.record is not None, "a first reading confirms"
    assert done.record.contradicts == []
    assert complete(version, cast.system, digest=BYTES, **read).record is None
    done = complete(version, cast.system, digest=OTHERS, code_commit="def456", **read)
    assert done.record is not None
    assert done.record.contradicts == ["digest", "code_commit"]
    assert (done.model_version.digest_value, done.model_version.code_commit) == (BYTES[7:], "abc123")
    with pytest.raises(errors.Forbidden):
        complete(version, cast.viewer, digest=BYTES, **read)
    with pytest.raises(errors.Refused) as refusal:
        complete(version, cast.pipeline, digest=digest("a third"), **read)
    assert refusal.value.params["code"] == "completion-by-worker"
    for name, uri in (("none", ""), ("another", "https://mlflow.bank.example")):
        actions.name_tracking_server(actor=cast.admin, reason=WHY, namespace=cast.retail, uri=uri)
        with pytest.raises(errors.Conflict) as late:
            complete(version, cast.system, digest=digest("late"), **read)
        assert late.value.params["code"] == "server-not-in-force", name


FILL = (
    "INSERT INTO lineage_modelversioncompletion (model_version_id, how, came_from, digest_algorithm, digest_value,"
    " code_commit, training, metrics, parameters, contradicts, run_id)"
    " VALUES (%s, %s, '', %s, %s, '', %s, %s, '{}', '{}', %s)"
)


@pytest.mark.parametrize(
    ("how", "value", "training", "metrics", "state", "code"),
    [
        ("tracking", "a" * 64, [], "{}", "MU006", "completion-by-worker"),
        ("owner", "a" * 64, [], "{}", "MU006", "completion-by-maker"),
        ("declared", "", [], "{}", "MU009", "completion-empty"),
        ("declared", "", [], '{"a": "b"}', "MU009", "completion-form"),
        ("declared", "", [1], "{}", "MU009", "completion-not-linked"),
    ],
)
def test_the_database_holds_the_rules(
    facts: Facts, cast: Cast, attack: Attack,
    how: str, value: str, training: list[int], metrics: str, state: str, code: str,
) -> None:  # fmt: skip
    version = bare(facts)
    with pytest.raises(errors.Refused) as refusal, attack(cast.pipeline) as sql:
        sql(FILL, version.pk, how, "sha256" if value else "", value, training, metrics, None)
    assert refusal.value.params["code"] == code, state


def test_the_app_cannot_rewrite_a_version_nor_register_one_as_filled_in(
    facts: Facts, cast: Cast, attack: Attack
) -> None:
    version = bare(facts)
    complete(version, cast.pipeline, digest=BYTES)
    with pytest.raises(Exception, match="permission denied"), attack(cast.pipeline) as sql:
        sql("UPDATE lineage_modelversion SET digest_value = '' WHERE id = %s", version.pk)
    with pytest.raises(errors.Refused) as refusal, attack(cast.pipeline) as sql:
        sql("UPDATE lineage_modelversion SET id = id WHERE id = %s", version.pk)
    assert refusal.value.params["code"] == "born-final"
    with pytest.raises(errors.Conflict):
        version.save()
    with attack(cast.pipeline) as sql:
        sql(
            "INSERT INTO lineage_modelversion (model_id, number, artifact_uri, digest_algorithm, digest_value, code_commit,"
            " supplier, metrics, parameters, features_used, model_card, filled_later)"
            " VALUES (%s, 1, 'x', '', '', '', '', '{}', '{}', '{}', '{}', '{digest}')", Model.objects.get().pk,
        )  # fmt: skip
    assert ModelVersion.objects.get(artifact_uri="x").filled_later == []


def test_the_api_tells_how_each_fact_came(facts: Facts, cast: Cast, api: Api) -> None:
    data, version = facts.version(), bare(facts)
    sent = {
        "digest": BYTES, "came_from": "https://builds.example/7", "metrics": {"auc": 0.9},
        "training_data": [{"dataset": "loans", "digest": f"sha256:{data.digest_value}"}],
    }  # fmt: skip
    answer = api("pipeline").post(f"/api/v1/model-versions/{version.pk}/complete", sent, format="json")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["digest"]["value"], told["filled_later"]) == (BYTES[7:], ["digest"])
    fact = told["later_facts"][0]
    assert (fact["how"], fact["came_from"], fact["training"]) == ("declared", "https://builds.example/7", [data.pk])
    assert fact["recorded_by"] == cast.pipeline.pk
    assert api("pipeline").get(f"/api/v1/model-versions?digest={BYTES[7:]}").json()["results"][0]["id"] == version.pk
    clash = api("pipeline").post(f"/api/v1/model-versions/{version.pk}/complete", {"digest": OTHERS}, format="json")
    assert (clash.status_code, clash.json()["params"]["code"]) == (409, "digest-on-record")
    missing = {"training_data": [999]}
    unknown = api("pipeline").post(f"/api/v1/model-versions/{version.pk}/complete", missing, format="json")
    assert (unknown.status_code, list(unknown.json()["errors"])) == (404, ["training_data[0]"])
