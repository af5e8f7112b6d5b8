"""What voids which votes and what does not, row by row of the contract, with what the independent model found.

There and back for terms, flags, use and texts stands in test_voids.py; here are the other rows.
"""

import datetime
from collections.abc import Callable

import pytest
from django.utils import timezone

from approvals.gate.voids import causes
from approvals.models import Vote
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import RoleGrant
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.models import Model, RunInput
from tests.approvals.world import WHY, World, give_terms, signature, train

BINDS = ["subject", "data", "privacy", "use", "evidence"]
MEDIUM = dict.fromkeys(("legal_or_similar_effect", "safety_component", "special_category_data"), False)


def each_signed(w: World) -> None:
    """A requirement for each aspect, all signed by the same person."""
    w.evidence(w.plan())
    w.policy(*[signature(aspect, "risk_manager", binds=[aspect]) for aspect in BINDS])
    for aspect in BINDS:
        w.vote(aspect, w.cast.risk)


def void(w: World) -> dict[str, str]:
    """Aspects whose vote counts no more, and why."""
    return {key: one["why"] for key, row in w.ask().items() for one in row.params["ignored"]}


def link(w: World, run: str, **read: object) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs[run], **read)


def tier(w: World, answers: dict[str, bool]) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        w.model.risk_answers = answers
        w.model.save()
    w.model.refresh_from_db()


ALL_BUT_USE = dict.fromkeys(["subject", "data", "privacy", "evidence"], "vote-stale")


def test_a_model_it_was_tuned_from_is_late_lineage_even_without_data_of_its_own(w: World) -> None:
    each_signed(w)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        other = Model.objects.create(namespace=w.cast.retail, name="base", risk_tier="high")
    base = train(w.cast, other, None, "base")
    each_before = void(w)
    link(w, "model", model_version=base, role="source")
    assert (each_before, void(w)) == ({}, ALL_BUT_USE)


def test_a_model_compared_with_voids_nothing(w: World) -> None:
    each_signed(w)
    link(w, "model", model_version=w.retrain(2), role="baseline")
    assert void(w) == {}


def test_data_known_upstream_that_turns_out_to_be_training_data_is_late_lineage(w: World) -> None:
    each_signed(w)
    link(w, "model", dataset_version=w.versions["source"], role="training")
    assert void(w) == ALL_BUT_USE


def test_a_model_known_far_above_that_turns_out_to_be_its_base_is_late_lineage(w: World) -> None:
    """Found by the model: it lay in the closure already, by way of the data, so that the closure did not change."""
    with recorded_action(actor=w.cast.pipeline, **WHY):
        other = Model.objects.create(namespace=w.cast.retail, name="base", risk_tier="high")
    base = train(w.cast, other, None, "base")
    link(w, "raw", model_version=base, role="source")
    each_signed(w)
    link(w, "model", model_version=base, role="source")
    assert void(w) == ALL_BUT_USE
    assert {"the model base, version 1, was linked above it"} == {
        one.says for found in causes(w.release(), w.cast.auditor).values() for one in found
    }


def test_data_on_another_version_voids_nothing_here(w: World) -> None:
    each_signed(w)
    other = w.retrain(2)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=other.source_run, dataset_version=w.versions["raw"], role="training")
    assert void(w) == {}


@pytest.mark.parametrize("then", ["0.3", "0.99"], ids=["failed", "good"])
def test_evidence_superseded_voids_votes_that_cited_it_and_no_third_item_brings_them_back(w: World, then: str) -> None:
    each_signed(w)
    plan = w.version.evidence.get().plan
    w.evidence(plan, then)
    assert void(w) == {"evidence": "vote-stale"}
    w.evidence(plan, "0.95")
    assert void(w) == {"evidence": "vote-stale"}


def test_evidence_that_was_not_cited_voids_nothing(w: World) -> None:
    each_signed(w)
    w.evidence(w.plan(), "0.3")
    assert void(w) == {}


def again(w: World) -> None:
    given = grant_role(
        actor=w.cast.admin, principal=w.cast.risk, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY
    )
    approve_grant(actor=w.cast.admin2, grant=given, **WHY)


def lose_and_regain(w: World) -> None:
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=w.cast.risk, ended_at=None), **WHY)
    again(w)


def leave_and_return(w: World) -> None:
    deactivate_principal(actor=w.cast.admin, principal=w.cast.risk, **WHY)
    with recorded_action(actor=w.cast.admin, **WHY):
        w.cast.risk.is_active = True
        w.cast.risk.save(update_fields=["is_active"])


@pytest.mark.parametrize(("act", "why"), [(lose_and_regain, "grant-ended"), (leave_and_return, "voter-inactive")])
def test_a_role_lost_and_regained_leaves_every_vote_void(w: World, act: Callable[[World], None], why: str) -> None:
    each_signed(w)
    act(w)
    assert void(w) == dict.fromkeys(BINDS, why)
    w.vote("use", w.cast.risk)  # under the role as it is now
    assert w.ask()["use"].passes


def test_terms_and_retention_that_run_out_fail_terms_and_void_nothing(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], storage_duration_days=60)
    give_terms(w.cast, w.datasets["source"], effective_to=timezone.now() + datetime.timedelta(days=50))
    w.policy(
        signature("risk", "risk_manager", binds=["subject", "data", "privacy", "use"]),
        {"key": "terms", "kind": "terms"},
    )
    w.vote("risk", w.cast.risk)
    later = w.ask(at=timezone.now() + datetime.timedelta(days=55))
    assert (later["terms"].passes, later["risk"].passes) == (False, True)


def test_a_tier_that_asked_otherwise_voids_votes_even_after_its_policy_reads_the_same(w: World) -> None:
    """Found by the model: the policy of the new tier was replaced by one that reads as the vote's own did."""
    risk = signature("risk", "risk_manager", binds=["subject"])
    tier(w, MEDIUM)
    w.policy(signature("another", "risk_manager"))
    tier(w, {})
    w.policy(risk)
    w.vote("risk", w.cast.risk)
    tier(w, MEDIUM)
    w.policy(risk)
    assert [(one["why"], one["aspects"]) for one in w.ask()["risk"].params["ignored"]] == [
        ("vote-stale", ["requirement"])
    ]


def test_texts_of_before_the_vote_void_nothing(w: World) -> None:
    """Found by the model: what was asked between the publication of the vote's text and the vote counted against it."""
    risk = signature("risk", "risk_manager", binds=["subject"])
    tier(w, MEDIUM)
    w.policy(risk)
    tier(w, {})
    w.policy(signature("another", "risk_manager"))
    w.policy(risk)
    tier(w, MEDIUM)
    w.vote("risk", w.cast.risk)
    tier(w, {})
    assert w.ask()["risk"].passes


def test_a_veto_is_void_for_nothing_but_its_authors_own_act(w: World) -> None:
    w.evidence(w.plan())
    w.policy(signature("risk", "risk_manager", binds=BINDS, veto=True))
    w.vote("risk", w.cast.risk, vote=Vote.REJECT)
    for change in (lambda: link(w, "model", dataset_version=w.versions["source"], role="training"),
                   lambda: give_terms(w.cast, w.datasets["raw"], permitted_geographies=["DE"]),
                   lambda: tier(w, {}), lambda: lose_and_regain(w), lambda: leave_and_return(w)):  # fmt: skip
        change()
        assert w.ask()["risk"].reason == "vetoed"
