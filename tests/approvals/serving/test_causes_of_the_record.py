"""Facts about the record itself under a live model: other bytes, corrected links, another use. Each gives its notice."""

import pytest

from approvals.actions.promotions import promote
from approvals.actions.serving import clear_notice
from approvals.models import Promotion, ServingNotice
from governance import errors
from lineage.actions import complete_model_version, correct_link, name_tracking_server, update_model
from lineage.models import FactOrigin, LinkCorrection
from tests.approvals.serving.scenes import KEEP, STOP, TWO_DAYS, go_live, live, only_notice, policy
from tests.approvals.world import PURPOSE, WHY, World, refused, sha, signature

OTHERS = f"sha256:{sha('others')}"
FOR_USE = signature("risk", "risk_manager", binds=["use"])


def chain(notice: ServingNotice) -> list[str]:
    return [node["kind"] for node in notice.chain]


def signed_and_live(w: World) -> Promotion:
    """Live on a signature that was given for its use."""
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    return promote(actor=w.cast.pipeline, release=release, **WHY)


def correct(w: World, kind: str) -> LinkCorrection:
    """What the run that made `raw` was said to have read."""
    return correct_link(actor=w.cast.steward, link=w.runs["raw"].inputs.get(), kind=kind, **WHY)


def test_other_bytes_where_the_artifact_lies_are_answered_as_the_policy_says(w: World) -> None:
    policy(w, {"digest_contradicted": STOP})
    promotion = go_live(w)
    server = name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri="http://t", **WHY)
    found = complete_model_version(
        actor=w.cast.system,
        model_version=w.version,
        digest=OTHERS,
        how=FactOrigin.TRACKING,
        tracking_server=server,
        **WHY,
    ).record
    assert found is not None
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id, chain(notice)) == (
        "digest_contradicted", found.pk, ["contradiction", "model_version", "promotion"],
    )  # fmt: skip
    assert notice.end.kind == "carried_out"
    assert live(w) is None


def test_the_bytes_on_record_found_again_are_no_cause(w: World) -> None:
    policy(w, {"digest_contradicted": STOP})
    promotion = go_live(w)
    server = name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri="http://t", **WHY)
    complete_model_version(
        actor=w.cast.system, model_version=w.version, digest=f"sha256:{w.version.digest_value}",
        how=FactOrigin.TRACKING, tracking_server=server, **WHY,
    )  # fmt: skip
    assert live(w) == promotion and not ServingNotice.objects.exists()


def test_a_link_voided_upstream_gives_notice_that_its_restoration_clears(w: World) -> None:
    policy(w, {"lineage_corrected": TWO_DAYS})
    promotion = go_live(w)
    void = correct(w, "void")
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id, notice.response) == ("lineage_corrected", void.pk, TWO_DAYS)
    assert chain(notice)[0] == "link_correction" and chain(notice)[-2:] == ["model_version", "promotion"]
    refused(lambda: clear_notice(actor=w.cast.steward, notice=notice, **WHY), errors.Conflict, "cause-stands")
    correct(w, "restore")
    assert only_notice(promotion) == notice, "it is again what it was approved as"
    clear_notice(actor=w.cast.steward, notice=notice, **WHY)
    assert live(w) == promotion


def test_a_link_restored_over_what_went_live_without_it_gives_notice(w: World) -> None:
    policy(w, {"lineage_corrected": KEEP})
    correct(w, "void")
    promotion = go_live(w)
    restored = correct(w, "restore")
    assert (only_notice(promotion).cause, only_notice(promotion).cause_id) == ("lineage_corrected", restored.pk)


def test_another_use_is_a_cause_where_a_signature_was_given_for_the_former(w: World) -> None:
    policy(w, {"use_changed": STOP}, FOR_USE)
    promotion = signed_and_live(w)
    update_model(actor=w.cast.owner, model=w.model, changes={"deployment_geography": ["DE", "FR"]}, **WHY)
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id, chain(notice)) == (
        "use_changed", w.model.pk, ["use", "model_version", "promotion"],
    )  # fmt: skip
    assert live(w) is None


def test_a_place_that_no_terms_permit_is_a_cause_without_any_signature(w: World) -> None:
    policy(w, {"use_changed": TWO_DAYS})
    promotion = go_live(w)
    update_model(actor=w.cast.owner, model=w.model, changes={"deployment_geography": ["US"]}, **WHY)
    notice = only_notice(promotion)
    assert (notice.cause, notice.due_at is not None) == ("use_changed", True)
    refused(lambda: clear_notice(actor=w.cast.steward, notice=notice, **WHY), errors.Conflict, "cause-stands")
    update_model(actor=w.cast.owner, model=w.model, changes={"deployment_geography": ["FR"]}, **WHY)
    assert only_notice(promotion) == notice, "one notice on one model at a time"
    clear_notice(actor=w.cast.steward, notice=notice, **WHY)
    assert live(w) == promotion


@pytest.mark.parametrize("changes", [{"title": "Another name"}, {"intended_purpose": PURPOSE}])
def test_what_changes_no_use_is_no_cause(w: World, changes: dict[str, str]) -> None:
    policy(w, {"use_changed": STOP}, FOR_USE)
    promotion = signed_and_live(w)
    update_model(actor=w.cast.owner, model=w.model, changes=changes, **WHY)
    assert live(w) == promotion and not ServingNotice.objects.exists()


def test_the_policys_silence_keeps_it_serving_flagged(w: World) -> None:
    policy(w, {}, FOR_USE)
    promotion = signed_and_live(w)
    update_model(actor=w.cast.owner, model=w.model, changes={"intended_purpose": "dpv:Marketing"}, **WHY)
    correct(w, "void")
    assert {notice.response["fallback"] for notice in ServingNotice.objects.filter(promotion=promotion)} == {"keep"}
    assert live(w) == promotion
