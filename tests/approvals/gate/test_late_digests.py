"""The gate and late digests: votes given before are void, recalled bytes are found whenever their digest came."""

import pytest

from approvals.actions.promotions import ask_for_promotion
from approvals.gate.voids import causes
from approvals.models import PromotionEnd
from governance import errors
from lineage.actions import complete_model_version, name_tracking_server, recall
from lineage.models import FactOrigin, ModelVersion, TrackingServer
from tests.approvals.world import WHY, World, sha, signature, train

BYTES, OTHERS = f"sha256:{sha('late')}", f"sha256:{sha('others')}"
ARTIFACT = {"key": "artifact", "kind": "artifact"}


def bare(w: World) -> ModelVersion:
    """A version registered without a digest."""
    return train(
        w.cast, w.model, w.versions["features"], "bare", digest_algorithm="", digest_value="", artifact_uri="m"
    )


def fill(w: World, version: ModelVersion, digest: str = BYTES) -> None:
    """Its digest comes."""
    complete_model_version(actor=w.cast.pipeline, model_version=version, digest=digest, **WHY)


def read(w: World, version: ModelVersion, digest: str) -> None:
    """The worker reads the bytes that lie there."""
    server = TrackingServer.objects.first() or name_tracking_server(
        actor=w.cast.admin, namespace=w.cast.retail, uri="http://t", **WHY
    )
    complete_model_version(
        actor=w.cast.system,
        model_version=version,
        digest=digest,
        how=FactOrigin.TRACKING,
        tracking_server=server,
        **WHY,
    )


def test_a_vote_given_before_the_digest_came_is_void_and_says_why(w: World) -> None:
    w.policy(ARTIFACT, signature("risk", "risk_manager", binds=["subject"]))
    version = bare(w)
    release = w.release(version)
    assert w.ask(release)["artifact"].reason == "digest-missing"
    vote = w.vote("risk", w.cast.risk, release=release)
    fill(w, version)
    rows = w.ask(release)
    assert (rows["artifact"].reason, rows["risk"].status) == ("artifact-met", "UNSATISFIED")
    assert rows["artifact"].rests_on[0]["digest"] == BYTES
    found = causes(release, w.cast.auditor)[vote.pk]
    assert [(one.aspect, one.what) for one in found] == [("subject", "filled-in")]
    assert found[0].by == w.cast.pipeline.display_name
    w.vote("risk", w.cast.risk, release=release)
    assert ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY).pk


def test_a_recall_finds_bytes_whose_digest_came_late_before_and_after_it(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"})
    first = bare(w)
    live = ask_for_promotion(actor=w.cast.pipeline, release=w.release(first), **WHY)
    train(w.cast, w.model, w.versions["features"], "known", digest_value=BYTES[7:])
    recall(actor=w.cast.risk, digest=BYTES, reason="Backdoor")
    assert not PromotionEnd.objects.filter(promotion=live).exists(), "nobody knew yet"
    fill(w, first)
    assert PromotionEnd.objects.get(promotion=live).kind == "recalled"
    assert w.ask(w.release(first))["artifact"].reason == "digest-recalled"
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=w.release(first), **WHY)


def test_other_bytes_where_the_artifact_lies_close_the_gate_whatever_the_policy_asks(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"})
    release = w.release()
    read(w, w.version, f"sha256:{w.version.digest_value}")
    assert "artifact" not in w.ask(release)
    read(w, w.version, OTHERS)
    row = w.ask(release)["artifact"]
    assert (row.status, row.reason, row.params["found"]) == ("UNSATISFIED", "digest-contradicted", OTHERS)
    assert row.params["digest"] == f"sha256:{w.version.digest_value}"
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
