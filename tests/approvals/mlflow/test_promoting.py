"""A script of MLflow's client that promotes: refused until everything is signed, then granted, with nothing else changed."""

import pytest

from approvals.models import Promotion, RefusedAttempt, Release
from tests.approvals.mlflow.conftest import Client
from tests.approvals.world import FACTS, World, signature

BOTH = pytest.mark.parametrize("mlflow_client", ["3.17", "2.22"], indirect=True)


@BOTH
def test_refused_then_granted_then_rolled_back(mlflow_client: Client, w: World) -> None:
    ask = mlflow_client
    w.policy(*FACTS, signature("risk", "risk_manager", count=2))
    script = "client.set_registered_model_alias('scoring', 'Champion', '1')"

    refused = ask.refused(script)
    release = Release.objects.get()
    assert (refused.kind, refused.code) == ("RestException", "RESOURCE_CONFLICT")
    assert "scoring 1 does not go live in production yet" in refused.message
    assert "  - risk: " in refused.message
    assert "Risk manager" in refused.message
    assert f"/releases/{release.pk}" in refused.message
    assert "artifact" not in refused.message
    assert refused.seconds < 5  # one answer, tried once: a client that tries again needs minutes
    ask.refused(script)
    assert (Release.objects.count(), RefusedAttempt.objects.count(), Promotion.objects.count()) == (1, 2, 0)
    assert ask.refused("client.get_model_version_by_alias('scoring', 'champion')").code == "INVALID_PARAMETER_VALUE"

    w.vote("risk", w.cast.risk)
    w.vote("risk", w.cast.risk2)
    assert ask(script) is None
    live = ask("client.get_model_version_by_alias('scoring', 'champion')")
    assert (str(live["version"]), live["current_stage"]) == ("1", "Production")
    assert sorted(live["aliases"]) == ["champion", "production"]
    assert ask(script) is None  # again is the same
    assert Promotion.objects.count() == 1

    taken = ask.refused("client.delete_registered_model_alias('scoring', 'champion')")
    assert taken.code == "PERMISSION_DENIED"
    assert "Model owner" in taken.message
    renamed = ask.refused("client.rename_registered_model('scoring', 'scored')")
    assert (renamed.code, "is live" in renamed.message) == ("RESOURCE_CONFLICT", True)
    archived = ask.refused("client.transition_model_version_stage('scoring', '1', 'Archived')")
    assert archived.code == "PERMISSION_DENIED"

    second = w.retrain(2)
    release = w.release(second)
    stage = f"client.transition_model_version_stage('scoring', '{second.number}', 'Production', True)"
    assert ask.refused(stage).code == "RESOURCE_CONFLICT"
    w.vote("risk", w.cast.risk, release=release)
    w.vote("risk", w.cast.risk2, release=release)
    assert ask(stage)["current_stage"] == "Production"
    assert ask("client.get_model_version('scoring', '1')")["current_stage"] == "Archived"
    assert ask("[v.version for v in client.get_latest_versions('scoring', ['Production'])]") in [["2"], [2]]

    assert ask(script) is None  # what approved it then is still good
    assert Promotion.objects.latest("pk").kind == "rollback"
    assert str(ask("client.get_model_version_by_alias('scoring', 'production')")["version"]) == "1"
