"""As found is no way round the gate: three persons, a window, a date, once; and everything that shows it says so."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.onboarding import ask_for_window, close_window, confirm_window, end_as_found
from approvals.actions.promotions import promote
from approvals.models import AsFound, AsFoundEnd, Environment, Promotion
from governance import errors
from governance.accounts.models import Principal
from governance.outbox import drain
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from lineage.actions import recall, update_model
from lineage.models import TermsWithdrawal
from tests.approvals.imports.conftest import WHY, confirm, faults, live, open_window, sent
from tests.approvals.world import World, refused, world
from tests.cast import Cast

Api = Callable[[str], Any]
Found = Callable[..., AsFound]
LONG_AGO = datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def bring(w: World, by: Principal | None = None, **more: Any) -> AsFound:
    """Say of the world's model that it was found in production, past every check but the database's."""
    from approvals.models import OnboardingWindow

    fields = {
        "window": OnboardingWindow.objects.order_by("-id").first(), "model": w.model, "model_version": w.version,
        "environment": w.production, "slot": "champion", "since": LONG_AGO,
        "govern_by": timezone.now() + datetime.timedelta(days=90), **more,
    }  # fmt: skip
    with recorded_action(actor=by or w.cast.admin, **WHY):
        return AsFound.objects.create(**fields)


# --- How it comes in -------------------------------------------------------------------------------------------------


def test_what_serves_comes_in_with_the_inventory_and_says_that_it_passed_no_gate(
    found: Found, cast: Cast, api: Api, signed_in: Api
) -> None:
    entry = found("scoring")
    (row,) = api("pipeline").get("/api/v1/live").json()["results"]
    assert (row["as_found"], row["kind"], row["promotion"], row["release"]) == (entry.pk, "as_found", None, None)
    assert (row["may_serve"], row["signed_by"], row["started_at"]) == (True, [], "2024-05-01T00:00:00Z")
    assert not Promotion.objects.exists()
    for page in (
        "/",
        f"/models/{entry.model_id}",
        f"/model-versions/{entry.model_version_id}",
        f"/as-found/{entry.pk}",
    ):
        text = signed_in("viewer").get(page).content.decode()
        assert "As found" in text, page
    assert "no gate let it pass" in signed_in("viewer").get(f"/as-found/{entry.pk}").content.decode()


def test_past_its_date_it_may_not_serve_and_everything_says_so(
    found: Found, api: Api, signed_in: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = found("scoring", days=2)
    later = timezone.now() + datetime.timedelta(days=3)
    monkeypatch.setattr(timezone, "now", lambda: later)
    (row,) = api("pipeline").get("/api/v1/live").json()["results"]
    assert row["may_serve"] is False
    text = signed_in("viewer").get(f"/as-found/{entry.pk}", follow=True).content.decode()
    assert "may not serve any more" in text or "Sign in" in text


def test_without_an_open_window_nothing_comes_in_as_found(cast: Cast) -> None:
    draft = sent(cast, live(), who=cast.admin)
    assert faults(draft) == {2: ["live_in"]}
    assert "No onboarding window is open in retail" in draft.report["rows"][0]["faults"][0]["message"]


LIVE_FAULTS = {
    "no version": ("name,live_in,live_since,govern_by\na,production,2024-05-01,{by}\n", "version_digest"),
    "no environment": ("name,version_artifact_uri,live_since,govern_by\na,s3://a,2024-05-01,{by}\n", "live_in"),
    "unknown environment": ("name,version_artifact_uri,live_in,live_since,govern_by\na,s3://a,moon,2024-05-01,{by}\n", "live_in"),
    "unknown slot": ("name,version_artifact_uri,live_in,live_slot,live_since,govern_by\na,s3://a,production,first,2024-05-01,{by}\n", "live_slot"),
    "no since": ("name,version_artifact_uri,live_in,govern_by\na,s3://a,production,{by}\n", "live_since"),
    "no such day": ("name,version_artifact_uri,live_in,live_since,govern_by\na,s3://a,production,2024-02-30,{by}\n", "live_since"),
    "since after the window": ("name,version_artifact_uri,live_in,live_since,govern_by\na,s3://a,production,2999-01-01,{by}\n", "live_since"),
    "no date": ("name,version_artifact_uri,live_in,live_since\na,s3://a,production,2024-05-01\n", "govern_by"),
    "too late a date": ("name,version_artifact_uri,live_in,live_since,govern_by\na,s3://a,production,2024-05-01,2999-01-01\n", "govern_by"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIVE_FAULTS)
def test_what_is_wrong_with_a_live_row_is_named_by_its_column(cast: Cast, window: Any, name: str) -> None:
    content, field = LIVE_FAULTS[name]
    by = (timezone.now() + datetime.timedelta(days=90)).date()
    assert faults(sent(cast, content.format(by=by), who=cast.admin)) == {2: [field]}


def test_only_an_administrator_brings_in_what_serves(cast: Cast, window: Any) -> None:
    assert faults(sent(cast, live())) == {2: ["live_in"]}


def test_one_version_may_be_found_in_two_places(cast: Cast, window: Any) -> None:
    two = live("a") + live("a", environment="staging").splitlines()[1] + "\n"
    made = confirm(sent(cast, two, who=cast.admin))
    assert (made.versions_made, made.as_found_made) == (1, 2)
    again = sent(cast, two, who=cast.admin)
    assert again.report["counts"]["unchanged"] == 2


# --- How it ends -----------------------------------------------------------------------------------------------------


def test_a_promotion_takes_its_place(w: World, api: Api) -> None:
    open_window(w.cast)
    entry = bring(w)
    w.policy({"key": "artifact", "kind": "artifact"})
    promotion = promote(actor=w.cast.owner, release=w.release(), **WHY)
    end = AsFoundEnd.objects.get(as_found=entry)
    assert (end.kind, str(promotion.pk) in end.reason) == ("governed", True)
    (row,) = api("pipeline").get("/api/v1/live").json()["results"]
    assert (row["promotion"], row["as_found"]) == (promotion.pk, None)


def test_a_recall_of_its_digest_ends_it(w: World) -> None:
    open_window(w.cast)
    entry = bring(w)
    recall(actor=w.cast.risk, digest=f"sha256:{w.version.digest_value}", **WHY)
    assert AsFoundEnd.objects.get(as_found=entry).kind == "recalled"


def test_an_owner_retires_it_and_what_was_live_then_stays_known(w: World, api: Api) -> None:
    open_window(w.cast)
    entry = bring(w)
    before = timezone.now()
    end_as_found(actor=w.cast.owner, entry=entry, kind=AsFoundEnd.Kind.RETIRED, **WHY)
    client = api("pipeline")
    assert client.get("/api/v1/live").json()["results"] == []
    (row,) = client.get("/api/v1/live", {"at": before.isoformat()}).json()["results"]
    assert (row["as_found"], row["may_serve"]) == (entry.pk, None)
    refused(lambda: end_as_found(actor=w.cast.owner, entry=entry, kind=AsFoundEnd.Kind.RETIRED, **WHY),
            errors.Conflict, "as-found-ended")  # fmt: skip


def test_another_use_of_what_serves_as_found_is_told(w: World) -> None:
    """No policy answers for it, so people do: whatever it is used for now, nobody approved it for that."""
    open_window(w.cast)
    entry = bring(w)
    update_model(actor=w.cast.owner, model=w.model, changes={"title": "Another name"}, **WHY)
    drain()
    assert not Notice.objects.filter(kind="found-changed").exists()
    update_model(actor=w.cast.owner, model=w.model, changes={"deployment_geography": ["US"]}, **WHY)
    drain()
    told = Notice.objects.filter(kind="found-changed")
    assert {one.url for one in told} == {f"/as-found/{entry.pk}"}
    assert {one.recipient for one in told} >= {w.cast.risk, w.cast.risk2}


# --- Attacks, past the actions -----------------------------------------------------------------------------------------


def test_without_a_window_the_database_refuses(w: World) -> None:
    window = ask_for_window(
        actor=w.cast.policy, namespace=w.cast.retail, until=timezone.now() + datetime.timedelta(days=9), **WHY
    )
    refused(lambda: bring(w), errors.Conflict, "window-not-open")
    confirm_window(actor=w.cast.policy2, window=window, **WHY)
    close_window(actor=w.cast.risk, window=window, **WHY)
    refused(lambda: bring(w), errors.Conflict, "window-not-open")


@pytest.mark.parametrize("who", ["owner", "risk", "policy", "pipeline", "outsider", "viewer"])
def test_nobody_but_an_administrator_brings_in_whatever_the_door(w: World, who: str) -> None:
    open_window(w.cast)
    refused(lambda: bring(w, by=getattr(w.cast, who)), errors.SeparationOfDuties, "as-found-by-administrator")


def test_whoever_opened_the_window_brings_nothing_in(w: World) -> None:
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.roles import Role
    from tests.permission_table.row import WHY as ROW_WHY

    grant = grant_role(
        actor=w.cast.admin, principal=w.cast.policy, role=Role.ADMINISTRATOR, namespace=w.cast.retail, **ROW_WHY
    )
    approve_grant(actor=w.cast.admin2, grant=grant, **ROW_WHY)
    open_window(w.cast)
    refused(lambda: bring(w, by=w.cast.policy), errors.SeparationOfDuties, "third-person")


ATTACKS: dict[str, tuple[dict[str, Any], type[errors.Refused], str]] = {
    "began after the window": ({"since": datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC)}, errors.Invalid, "as-found-since"),
    "for ever": ({"govern_by": datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC)}, errors.Invalid, "govern-by"),
    "past already": ({"govern_by": LONG_AGO}, errors.Invalid, "govern-by"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_not_found_there_or_would_stay_is_refused(w: World, name: str) -> None:
    more, kind, code = ATTACKS[name]
    open_window(w.cast)
    refused(lambda: bring(w, **more), kind, code)


def test_what_the_gate_was_asked_about_is_found_no_more(w: World) -> None:
    open_window(w.cast)
    w.release()
    refused(lambda: bring(w), errors.Conflict, "already-governed")


def test_what_ended_never_comes_back_as_found(w: World) -> None:
    open_window(w.cast)
    entry = bring(w)
    end_as_found(actor=w.cast.risk, entry=entry, kind=AsFoundEnd.Kind.SUSPENDED, **WHY)
    refused(lambda: bring(w), errors.Conflict, "found-before")
    refused(lambda: bring(w, model_version=w.retrain(2)), errors.Conflict, "found-before")


def test_a_recalled_artifact_is_not_found(w: World) -> None:
    recall(actor=w.cast.risk, digest=f"sha256:{w.version.digest_value}", **WHY)
    open_window(w.cast)
    refused(lambda: bring(w), errors.Conflict, "digest-recalled")


def test_its_date_is_never_moved(w: World) -> None:
    open_window(w.cast)
    entry = bring(w)
    with pytest.raises(errors.Conflict):
        entry.save()
    from django.db import Error

    with pytest.raises((errors.Refused, Error)):
        with recorded_action(actor=w.cast.admin, **WHY):
            AsFound.objects.filter(pk=entry.pk).update(govern_by=datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC))


@pytest.mark.parametrize("kind", ["governed", "recalled"])
def test_nobody_writes_an_end_that_comes_of_something_else(w: World, kind: str) -> None:
    open_window(w.cast)
    entry = bring(w)

    def write() -> None:
        with recorded_action(actor=w.cast.risk, **WHY):
            AsFoundEnd.objects.create(as_found=entry, kind=kind, reason="I say so")

    refused(write, errors.Conflict, "ended-by-the-database")


def test_two_policy_owners_open_a_window_and_not_for_long(cast: Cast) -> None:
    soon = timezone.now() + datetime.timedelta(days=10)
    window = ask_for_window(actor=cast.policy, namespace=cast.retail, until=soon, **WHY)
    refused(
        lambda: confirm_window(actor=cast.policy, window=window, **WHY),
        errors.SeparationOfDuties,
        "second-policy-owner",
    )
    with pytest.raises(errors.Forbidden):
        confirm_window(actor=cast.admin, window=window, **WHY)
    confirm_window(actor=cast.policy2, window=window, **WHY)
    refused(
        lambda: ask_for_window(actor=cast.policy, namespace=cast.retail, until=soon, **WHY),
        errors.Conflict,
        "window-open",
    )
    close_window(actor=cast.compliance, window=window, **WHY)
    for days in (-1, 93):
        until = timezone.now() + datetime.timedelta(days=days)
        refused(lambda u=until: ask_for_window(actor=cast.policy, namespace=cast.retail, until=u, **WHY),
                errors.Invalid, "window-until")  # fmt: skip


def test_an_entry_names_a_window_of_its_own_namespace(w: World, cast: Cast) -> None:
    until = timezone.now() + datetime.timedelta(days=10)
    window = ask_for_window(actor=cast.policy, namespace=cast.elsewhere, until=until, **WHY)
    confirm_window(actor=cast.policy2, window=window, **WHY)
    refused(lambda: bring(w, window=window), errors.Invalid, "other-place")
    assert Environment.objects.exists()


def test_a_fact_that_changes_under_it_ends_nothing_and_is_told_to_people(w: World) -> None:
    open_window(w.cast)
    entry = bring(w)
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Consent withdrawn")
    drain()
    told = Notice.objects.filter(kind="found-changed")
    assert {one.recipient for one in told} == {w.cast.risk, w.cast.risk2}
    assert told[0].url == f"/as-found/{entry.pk}" and told[0].params["cause"] == "terms withdrawn"
    assert not AsFoundEnd.objects.exists()
