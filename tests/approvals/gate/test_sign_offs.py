"""The gate on signatures: quorum, distinct persons, veto, separation of duties, and what makes a vote stale."""

from typing import Any

import pytest

from approvals.actions.sign_offs import withdraw_sign_off
from approvals.models import Vote
from approvals.queries import awaiting
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.models import RunInput, TermsWithdrawal
from tests.approvals.world import WHY, World, dataset, flag, give_terms, signature


def grant(w: World, person: Principal, role: Role, **more: Any) -> RoleGrant:
    """A role by two administrators."""
    given = grant_role(actor=w.cast.admin, principal=person, role=role, namespace=w.cast.retail, **more, **WHY)
    return approve_grant(actor=w.cast.admin2, grant=given, **WHY)


def ignored(w: World, key: str = "risk") -> list[str]:
    """Why votes on a requirement do not count."""
    return [one["why"] for one in w.ask()[key].params["ignored"]]


def test_one_of_two_is_not_enough(w: World) -> None:
    w.policy(signature("risk", "risk_manager", count=2))
    row = w.ask()["risk"]
    assert (row.reason, row.params["have"], row.params["needed"]) == ("approvals-missing", 0, 2)
    w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].params["have"] == 1
    second = w.vote("risk", w.cast.risk2)
    row = w.ask()["risk"]
    assert row.status == "SATISFIED"
    assert {"kind": "sign_off", "id": second.pk, "digest": second.statement_digest} in row.rests_on


def test_a_vote_taken_back_does_not_count(w: World) -> None:
    w.policy(signature("risk", "risk_manager"))
    vote = w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].passes
    withdraw_sign_off(actor=w.cast.risk, sign_off=vote, **WHY)
    assert w.ask()["risk"].reason == "approvals-missing"


def test_a_rejection_is_no_approval_and_closes_only_with_a_veto(w: World) -> None:
    w.policy(signature("risk", "risk_manager"))
    w.vote("risk", w.cast.risk, vote=Vote.REJECT)
    assert w.ask()["risk"].reason == "approvals-missing"
    assert ignored(w) == ["vote-rejected"]
    w.vote("risk", w.cast.risk2)
    assert w.ask()["risk"].passes


def test_a_veto_closes_whatever_the_others_sign_until_it_is_taken_back(w: World) -> None:
    w.policy(signature("risk", "risk_manager", veto=True))
    veto = w.vote("risk", w.cast.risk, vote=Vote.REJECT)
    w.vote("risk", w.cast.risk2)
    row = w.ask()["risk"]
    assert (row.reason, row.params["name"]) == ("vetoed", "Rita Risk")
    withdraw_sign_off(actor=w.cast.risk, sign_off=veto, **WHY)
    assert w.ask()["risk"].passes


def test_a_veto_outlives_its_authors_role(w: World) -> None:
    w.policy(signature("risk", "risk_manager", veto=True))
    veto = w.vote("risk", w.cast.risk, vote=Vote.REJECT)
    w.vote("risk", w.cast.risk2)
    end_grant(actor=w.cast.admin, grant=veto.role_grant, **WHY)
    assert w.ask()["risk"].reason == "vetoed"


def test_a_role_lost_takes_the_vote_along_even_if_regained(w: World) -> None:
    w.policy(signature("risk", "risk_manager"))
    vote = w.vote("risk", w.cast.risk)
    end_grant(actor=w.cast.admin, grant=vote.role_grant, **WHY)
    assert ignored(w) == ["grant-ended"]
    grant(w, w.cast.risk, Role.RISK_MANAGER)
    assert ignored(w) == ["grant-ended"]


def test_who_left_votes_no_more(w: World) -> None:
    w.policy(signature("risk", "risk_manager"))
    w.vote("risk", w.cast.risk)
    deactivate_principal(actor=w.cast.admin, principal=w.cast.risk, **WHY)
    assert ignored(w) == ["voter-inactive"]


def test_who_reports_evidence_after_voting_has_a_hand_in_it(w: World) -> None:
    w.policy(signature("validator", "validator", binds=["subject"]))
    w.vote("validator", w.cast.validator)
    assert w.ask()["validator"].passes
    w.evidence(w.plan())  # by the account that the validator answers for
    assert ignored(w, "validator") == ["voter-contributed"]


# what votes bind to


def change_purpose(w: World) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        w.model.deployment_geography = ["FR"]
        w.model.save()


def add_data(w: World) -> None:
    more, version = dataset(w.cast, "late")
    give_terms(w.cast, more)
    flag(w.cast, version)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=version, role="source")


def withdraw_terms(w: World) -> None:
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Objection")


def raise_flag(w: World) -> None:
    flag(w.cast, w.versions["source"], category="pd:Health", present="yes")


def supersede_evidence(w: World) -> None:
    from approvals.models import Plan

    w.evidence(Plan.objects.get())


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (change_purpose, {"use"}),
        (add_data, {"subject", "data", "privacy", "evidence"}),  # all but the use alone
        (withdraw_terms, {"privacy"}),
        (raise_flag, {"privacy"}),
        (supersede_evidence, {"evidence"}),
    ],
)
def test_a_vote_is_stale_exactly_where_what_it_binds_to_changed(w: World, change: Any, stale: set[str]) -> None:
    w.evidence(w.plan())
    aspects = ["subject", "data", "privacy", "use", "evidence"]
    w.policy(*[signature(aspect, "risk_manager", binds=[aspect]) for aspect in aspects])
    for aspect in aspects:
        w.vote(aspect, w.cast.risk)
    votes = w.ask()[aspects[0]].params["ignored"]
    assert votes == []
    change(w)
    rows = w.ask()
    found = {a for a in aspects if [v["why"] for v in rows[a].params["ignored"]] == ["vote-stale"]}
    assert found == stale
    for aspect in stale:
        named = rows[aspect].params["ignored"][0]["aspects"]
        assert ("data" in named) if change is add_data else (named == [aspect])


def test_who_signed_before_a_change_is_asked_again_and_signs_again(w: World) -> None:
    plan = w.plan()
    w.evidence(plan)
    w.policy(signature("risk", "risk_manager", binds=["evidence"]))
    w.vote("risk", w.cast.risk)
    assert awaiting(w.cast.risk) == []
    w.evidence(plan)
    assert ignored(w) == ["vote-stale"]
    assert [r.key for _, asked in awaiting(w.cast.risk) for r in asked] == ["risk"]
    w.vote("risk", w.cast.risk)
    row = w.ask()["risk"]
    assert (row.passes, row.params["have"]) == (True, 1)


def test_terms_that_run_out_void_no_vote(w: World) -> None:
    import datetime

    from django.utils import timezone

    short, version = dataset(w.cast, "short")
    give_terms(w.cast, short, effective_to=timezone.now() + datetime.timedelta(days=5))
    flag(w.cast, version)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["model"], dataset_version=version, role="training")
    w.policy(signature("risk", "risk_manager", binds=["privacy"]), {"key": "terms", "kind": "terms"})
    w.vote("risk", w.cast.risk)
    rows = w.ask(at=timezone.now() + datetime.timedelta(days=6))
    assert rows["terms"].reason == "terms-over"
    assert rows["risk"].passes


def test_a_requirement_that_reads_the_same_in_the_next_policy_keeps_its_votes_and_a_changed_one_does_not(
    w: World,
) -> None:
    w.policy(signature("risk", "risk_manager"), signature("again", "risk_manager"))
    w.vote("risk", w.cast.risk)
    w.vote("again", w.cast.risk2)
    w.policy(signature("again", "risk_manager", veto=True), signature("risk", "risk_manager"))
    rows = w.ask()
    assert rows["risk"].passes
    assert [v["aspects"] for v in rows["again"].params["ignored"]] == [["requirement"]]


# persons, not accounts


def test_one_person_fills_one_requirement(w: World) -> None:
    grant(w, w.cast.risk, Role.COMPLIANCE_OFFICER)
    w.policy(signature("risk", "risk_manager"), signature("compliance", "compliance_officer"))
    w.vote("risk", w.cast.risk)
    w.vote("compliance", w.cast.risk)
    rows = w.ask()
    assert (rows["risk"].passes, rows["compliance"].reason) == (True, "person-counts-once")
    # Another risk manager frees them for the other: greedy counting would not find this.
    w.vote("risk", w.cast.risk2)
    assert all(row.passes for row in w.ask().values())


def test_a_delegate_and_who_they_act_for_are_one_person(w: World) -> None:
    w.policy(signature("risk", "risk_manager", count=2))
    delegation = grant(w, w.cast.business, Role.RISK_MANAGER, on_behalf_of=w.cast.risk)
    assert delegation.on_behalf_of == w.cast.risk
    w.vote("risk", w.cast.business)
    assert w.ask()["risk"].params["have"] == 1
    w.vote("risk", w.cast.risk2)
    assert w.ask()["risk"].passes


def test_a_delegates_own_vote_elsewhere_is_not_a_second_person(w: World) -> None:
    grant(w, w.cast.business, Role.RISK_MANAGER, on_behalf_of=w.cast.risk)
    w.policy(signature("risk", "risk_manager"), signature("business", "business_owner"))
    w.vote("risk", w.cast.business)
    w.vote("business", w.cast.business)
    rows = w.ask()
    assert sorted(row.passes for row in rows.values()) == [False, True]
