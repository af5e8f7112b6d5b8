"""Attacks A22, A50 and A51 on the registry, over the wire and as the app's login."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from approvals.actions.onboarding import ask_for_window, confirm_window
from approvals.actions.serving import roll_back
from approvals.mlflow import questions
from approvals.models import AsFound, LiveSlot, Promotion, Release
from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import Model, ModelAlias, ModelVersion
from tests.approvals.mlflow.asking import CLOSED, DONE, FORBIDDEN, MISSING, REFUSED, Caller, code
from tests.approvals.raw import acting
from tests.approvals.world import FACTS, World, signature

WHY = {"reason": "An attack"}
SIGNED = [*FACTS, signature("risk", "risk_manager")]


@pytest.mark.parametrize(
    "alias", ["champion", "CHAMPION", "cHaMpIoN", "production", "Production", "staging", "STAGING"]
)
def test_a_claimed_alias_in_any_case_asks_the_gate(w: World, alias: str) -> None:
    w.policy(*SIGNED)
    answer = Caller().post("registered-models/alias", name="scoring", alias=alias, version="1")
    assert code(answer) == CLOSED
    assert not ModelAlias.objects.exists()
    assert not LiveSlot.objects.exists()
    assert Release.objects.count() == 1


@pytest.mark.parametrize(
    "alias",
    [
        "champion ", " champion", "champion\n", "cham pion", "\u0441hampion", "champi\u043en", "champion\u200b",
        "ｃｈａｍｐｉｏｎ", "champıon", "champi0n", "champlon", "CHAMPLON", "cham-pion", "champion_", "_champion",
        "charnpion", "pr0duction", "productlon", "latest", "LATEST", "v1", "V22", "", "a" * 256, "a/b", "é", "a.b",
    ],
)  # fmt: skip
def test_what_looks_like_a_claimed_alias_or_is_none_is_refused(w: World, alias: str) -> None:
    answer = Caller().post("registered-models/alias", name="scoring", alias=alias, version="1")
    assert code(answer) == REFUSED, answer.content
    assert not ModelAlias.objects.exists()
    assert not Release.objects.exists()


@pytest.mark.parametrize(("alias", "why"), [("champion", "MU008"), ("ChamPion", "MU008"), ("champi0n", "MU009")])
def test_no_door_sets_a_claimed_alias_as_a_fact(w: World, api: Callable[[str], Any], alias: str, why: str) -> None:
    with pytest.raises(errors.Conflict if why == "MU008" else errors.Invalid):
        actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias=alias, **WHY)
    answer = api("pipeline").post(f"/api/v1/models/{w.model.pk}/aliases", {"alias": alias, "number": 1})
    assert answer.status_code == (409 if why == "MU008" else 400)
    assert not ModelAlias.objects.exists()


def test_a_tag_that_claims_a_status_promotes_nothing_and_passes_nothing(w: World) -> None:
    w.policy(*SIGNED)
    ask = Caller()
    for key, value in (("stage", "Production"), ("champion", "true"), ("validation_status", "approved")):
        assert code(ask.post("model-versions/set-tag", name="scoring", version="1", key=key, value=value)) == DONE
        assert code(ask.post("registered-models/set-tag", name="scoring", key=key, value=value)) == DONE
    assert not LiveSlot.objects.exists()
    assert code(ask.post("registered-models/alias", name="scoring", alias="champion", version="1")) == CLOSED


def test_an_alias_does_not_undo_a_rollback(w: World) -> None:
    w.policy(*SIGNED)
    second = w.retrain(2)
    ask = Caller()

    def champion(version: ModelVersion) -> tuple[int, str]:
        fields = {"name": "scoring", "alias": "champion", "version": str(version.number)}
        return code(ask.post("registered-models/alias", fields))

    for version in (w.version, second):
        w.vote("risk", w.cast.risk, release=w.release(version))
        assert champion(version) == DONE
    harmful = Promotion.objects.latest("pk")
    back = roll_back(actor=w.cast.risk, promotion=harmful, reason="It does harm")
    assert champion(second) == CLOSED
    assert LiveSlot.objects.get().promotion == back
    w.vote("risk", w.cast.risk2, release=w.release(second))
    assert champion(second) == DONE
    assert Promotion.objects.latest("pk").kind == "release"
    assert champion(w.version) == DONE, "superseded by a release, it is gone back to as before"
    assert Promotion.objects.latest("pk").kind == "rollback"


def test_a_copy_starts_unapproved_and_tells_where_it_comes_from(w: World) -> None:
    w.policy(*SIGNED)
    w.vote("risk", w.cast.risk)
    ask = Caller()
    assert code(ask.post("registered-models/alias", name="scoring", alias="champion", version="1")) == DONE
    assert code(ask.post("registered-models/create", name="copied")) == DONE
    copied = ask.post("model-versions/create", name="copied", source="models:/scoring/1")
    assert (code(copied), copied.json()["model_version"]["current_stage"]) == (DONE, "None")
    copy = ModelVersion.objects.get(model__name="copied")
    assert (copy.parent_version, copy.digest_value) == (w.version, w.version.digest_value)
    closed = ask.post("registered-models/alias", name="copied", alias="champion", version="1")
    assert code(closed) == CLOSED
    assert LiveSlot.objects.get().model == w.model
    assert code(ask.post("model-versions/create", name="scoring", source="models:/scoring/1")) == REFUSED
    assert code(ask.post("model-versions/create", name="copied", source="models:/scoring/9")) == MISSING


def test_what_is_live_keeps_its_name_and_nothing_is_deleted(w: World) -> None:
    w.policy(*SIGNED)
    w.vote("risk", w.cast.risk)
    ask = Caller()
    assert code(ask.post("registered-models/alias", name="scoring", alias="champion", version="1")) == DONE
    assert code(ask.post("registered-models/rename", name="scoring", new_name="other")) == CLOSED
    assert code(ask.send("DELETE", "registered-models/delete", name="scoring")) == FORBIDDEN
    assert code(ask.send("DELETE", "model-versions/delete", name="scoring", version="1")) == FORBIDDEN
    assert code(ask.send("DELETE", "registered-models/alias", name="scoring", alias="Champion")) == FORBIDDEN
    for stage in ("None", "Archived"):
        moved = ask.post("model-versions/transition-stage", name="scoring", version="1", stage=stage)
        assert code(moved) == FORBIDDEN
    assert LiveSlot.objects.get().model == w.model


def test_renaming_keeps_the_approvals(w: World) -> None:
    w.policy(*SIGNED)
    w.vote("risk", w.cast.risk)
    ask = Caller()
    assert code(ask.post("registered-models/rename", name="scoring", new_name="rated")) == DONE
    assert code(ask.post("registered-models/rename", name="scoring", new_name="rated")) == MISSING
    assert code(ask.post("registered-models/alias", name="rated", alias="champion", version="1")) == DONE
    assert [name for (name,) in Model.history.filter(id=w.model.pk).order_by("history_id").values_list("name")][-2:] == [
        "scoring", "rated",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "scoring", "source": "s3://a", "run_id": "one", "runId": "two"}',
        '{"name": "scoring", "name": "other", "source": "s3://a"}',
        '{"name": "scoring", "source": "s3://a", "source": "s3://b"}',
        '{"name": "scoring", "source": "s3://a"} {"name": "other"}',
        '{"name": "scoring", "source": "s3://a", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}',
        '{"name": "scoring", "source": "s3://a", "tags": {"a": "b"}}',
        '{"name": ["scoring"], "source": "s3://a"}',
        '{"name": "scoring", "source": 7}',
        '{"name": "scoring", "source": "s3://a\\u0000"}',
        '{"name": "scoring"}',
        '["scoring"]',
        "name=scoring&source=s3://a",
        '{"name": "scoring", "source": "' + "s" * 501 + '"}',
        '{"name": "scoring", "source": "s3://a", "description": "' + "d" * 5001 + '"}',
        '{"name": "scoring", "source": "s3://a", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}',
    ],
)
def test_a_body_with_two_meanings_or_none_writes_nothing(w: World, body: str) -> None:
    before = ModelVersion.objects.count()
    answer = Caller().post("model-versions/create", body)
    assert code(answer) == REFUSED, answer.content
    assert ModelVersion.objects.count() == before


def test_both_spellings_mean_the_same_field(w: World) -> None:
    answer = Caller().post("model-versions/create", '{"name": "scoring", "source": "s3://a", "runId": "r-7"}')
    assert answer.json()["model_version"]["run_id"] == "r-7"
    version = ModelVersion.objects.get(artifact_uri="s3://a")
    assert version.source_run is not None
    assert version.source_run.run_key == "r-7"


def test_a_delete_carries_its_fields_in_the_body_alone(w: World) -> None:
    ask = Caller()
    assert code(ask.post("registered-models/set-tag", name="scoring", key="a", value="b")) == DONE
    assert code(ask.client.delete("/api/2.0/mlflow/registered-models/delete-tag?name=scoring&key=a")) == REFUSED
    assert code(ask.client.get("/api/2.0/mlflow/registered-models/get?name=scoring&name=other")) == REFUSED
    assert code(ask.send("DELETE", "registered-models/delete-tag", name="scoring", key="a")) == DONE
    assert ask.get("registered-models/get", name="scoring").json()["registered_model"]["tags"] == []


@pytest.mark.parametrize("more", [{}, {"run_id": "r-1"}, {"run_id": "r-1", "model_id": "m-1", "tags": []}])
def test_a_create_sent_again_makes_no_second_version(w: World, more: dict[str, Any]) -> None:
    ask = Caller()
    first, second = (ask.post("model-versions/create", name="scoring", source="s3://a", **more) for _ in range(2))
    assert first.json()["model_version"] == second.json()["model_version"]
    assert ModelVersion.objects.filter(artifact_uri="s3://a").count() == 1
    other = ask.post("model-versions/create", name="scoring", source="s3://a", run_id="another")
    assert other.json()["model_version"]["version"] != first.json()["model_version"]["version"]


def test_creates_sent_at_once_make_one_version_and_promotions_at_once_one_that_is_live(
    own_database: str, w: World
) -> None:
    w.policy(*FACTS)
    second = w.retrain(2)
    answers: list[tuple[str, tuple[int, str]]] = []

    def calling(address: str, **fields: str) -> None:
        try:
            answers.append((address, code(Caller().post(address, name="scoring", **fields))))
        finally:
            connections.close_all()

    create = "model-versions/create"
    alias = "registered-models/alias"
    threads = [
        threading.Thread(target=calling, args=(create,), kwargs={"source": "s3://a", "run_id": "r"}) for _ in range(6)
    ]
    threads += [
        threading.Thread(target=calling, args=(alias,), kwargs={"alias": "champion", "version": str(number)})
        for number in (1, second.number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [said for address, said in answers if address == create] == [DONE] * 6
    assert ModelVersion.objects.filter(artifact_uri="s3://a").count() == 1
    promoted = [said for address, said in answers if address == alias]
    assert DONE in promoted
    assert set(promoted) <= {DONE, CLOSED}
    assert promoted.count(DONE) == Promotion.objects.count()
    assert LiveSlot.objects.count() == 1


def test_the_database_holds_it_against_the_apps_login(own_database: str, w: World, raw: Callable[[str], Any]) -> None:
    app = raw("app")
    stamp = (
        "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'x', true),"
        " set_config('muniment.action', gen_random_uuid()::text, true), set_config('muniment.act', '', true),"
        " set_config('muniment.door', '', true), set_config('muniment.xid', pg_current_xact_id()::text, true)"
    )
    other = w.retrain(2)
    elsewhere = actions.register_model(
        actor=w.cast.pipeline, namespace=w.cast.retail, name="another", **WHY
    ).record  # fmt: skip
    insert = "INSERT INTO lineage_modelalias (model_id, alias, model_version_id) VALUES (%s, %s, %s)"
    for model, alias, state in (
        (w.model.pk, "Champion", "MU008"),
        (w.model.pk, "champ1on", "MU009"),
        (w.model.pk, "latest", "23514"),
        (w.model.pk, "ch\u0430mpion", "23514"),
        (elsewhere.pk, "canary", "MU009"),
    ):
        with pytest.raises(psycopg.Error) as caught, app.transaction():
            app.execute(stamp, [str(w.cast.pipeline.pk)])
            app.execute(insert, [model, alias, other.pk])
        assert caught.value.sqlstate == state, (alias, caught.value)
    with app.transaction():
        app.execute(stamp, [str(w.cast.pipeline.pk)])
        app.execute(insert, [w.model.pk, "canary", other.pk])
    for statement in (
        "UPDATE lineage_modelalias SET alias = 'champion'",
        "DELETE FROM lineage_modelalias",
        "UPDATE lineage_mlflowregistration SET source = 'x'",
    ):
        with pytest.raises(psycopg.Error) as caught:
            app.execute(statement)
        assert caught.value.sqlstate == "42501"
    w.policy(*FACTS)
    promoting = Caller().post("registered-models/alias", name="scoring", alias="champion", version="1")
    assert code(promoting) == DONE
    with pytest.raises(psycopg.Error) as caught, app.transaction():
        app.execute(stamp, [str(w.cast.pipeline.pk)])
        app.execute("UPDATE lineage_model SET name = 'renamed' WHERE id = %s", [w.model.pk])
    assert caught.value.sqlstate == "MU008"


def test_an_alias_is_claimed_once_and_in_lower_case(own_database: str, w: World, raw: Callable[[str], Any]) -> None:
    app = raw("app")
    insert = (
        'INSERT INTO approvals_environment (name, "order", live_traffic, mlflow_aliases, mlflow_stages)'
        " VALUES ('canaries', 9, false, %s, %s)"
    )
    for aliases, stages, why in (
        (["Canary"], [], "claim-form"), (["a b"], [], "claim-form"), ([], ["Archive"], "claim-form"),
        (["champion"], [], "claimed-elsewhere"), (["champi0n"], [], "claimed-elsewhere"),
        ([], ["production"], "claimed-elsewhere"),
    ):  # fmt: skip
        with pytest.raises(psycopg.Error) as caught, acting(app, w.cast.policy):
            app.execute(insert, [aliases, stages])
        assert caught.value.diag.message_detail == why, caught.value
    with acting(app, w.cast.policy):
        app.execute(insert, [["canary"], []])
    update = "UPDATE approvals_environment SET mlflow_aliases = '{champion}' WHERE name = 'canaries'"
    with pytest.raises(psycopg.Error) as caught, acting(app, w.cast.policy):
        app.execute(update)
    assert caught.value.sqlstate == "42501", "an environment stays as it was made"


def test_no_call_passes_over_what_serves_as_found(w: World) -> None:
    until = timezone.now() + datetime.timedelta(days=30)
    window = ask_for_window(actor=w.cast.policy, namespace=w.cast.retail, until=until, **WHY)
    confirm_window(actor=w.cast.policy2, window=window, **WHY)
    with recorded_action(actor=w.cast.admin, **WHY):
        entry = AsFound.objects.create(
            window=window, model=w.model, model_version=w.version, environment=w.production, slot="champion",
            since=datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC), govern_by=until,
        )  # fmt: skip
    second = w.retrain(2)
    ask = Caller()
    stage = "model-versions/transition-stage"
    for answer in (
        ask.send("DELETE", "registered-models/alias", name="scoring", alias="Champion"),
        ask.post(stage, name="scoring", version="1", stage="Archived"),
    ):
        assert code(answer) == CLOSED
        assert f"/as-found/{entry.pk}" in answer.json()["message"]
    assert code(ask.get("registered-models/alias", name="scoring", alias="champion")) == DONE
    assert code(ask.post(stage, name="scoring", version=str(second.number), stage="Archived")) == DONE


@pytest.mark.parametrize("key", [" a", "a\u200b", "e\u0301", "a\n"])
def test_a_tags_key_is_a_name_however_it_is_set(w: World, key: str) -> None:
    ask = Caller()
    for call, more in (("registered-models", {}), ("model-versions", {"version": "1"})):
        assert code(ask.post(f"{call}/set-tag", {"name": "scoring", "key": key, "value": "b", **more})) == REFUSED
        assert code(ask.send("DELETE", f"{call}/delete-tag", {"name": "scoring", "key": "b", **more})) == DONE


def test_no_door_shows_a_digest_in_a_tag_that_is_not_on_record(w: World, api: Callable[[str], Any]) -> None:
    address = f"/api/v1/model-versions/{w.version.pk}/tags"
    for key, value, status in (
        ("muniment.digest", "sha256:" + "f" * 64, 409),
        ("muniment.verified", "yes", 400),
        ("Muniment.Digest", "sha256:" + "f" * 64, 400),
        ("muniment.digest", f"sha256:{w.version.digest_value}", 200),
    ):
        answer = api("pipeline").post(address, {"tags": {key: value}})
        assert answer.status_code == status, answer.content
    assert [tag.value for tag in w.version.tags.all()] == [f"sha256:{w.version.digest_value}"]
    fields = {"name": "scoring", "version": "1", "key": "muniment.verified", "value": "yes"}
    assert code(Caller().post("model-versions/set-tag", fields)) == REFUSED


def test_a_page_of_versions_is_never_longer_than_can_be_put_together(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "AT_ONCE", 1)
    w.retrain(2)
    ask = Caller()
    page = ask.get("model-versions/search", max_results=200_000).json()
    rest = ask.get("model-versions/search", max_results=200_000, page_token=page["next_page_token"]).json()
    assert (len(page["model_versions"]), len(rest["model_versions"])) == (1, 1)
