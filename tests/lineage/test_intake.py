"""A model is proposed before it is trained; what was asked is on record, and another tier takes a signature."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import Intake, IntakeDecision, Model, RiskQuestionSet, RiskTier, TierOverride
from lineage.risk import QUESTIONS
from tests.approvals.world import World, refused, world
from tests.cast import PASSWORD, Cast

WHY: dict[str, Any] = {"reason": "A test of intake"}
NO = dict.fromkeys(QUESTIONS, False)


def propose(cast: Cast, who: str = "owner", **more: Any) -> Intake:
    """A complete proposal, unless said otherwise."""
    content = {
        "namespace": cast.retail, "name": "next", "description": "Scores applicants", "business_case": "Faster",
        "intended_purpose": "dpv:CreditChecking", "deployment_geography": ["de"], "affected": "Applicants",
        "expected_data": "Loans of 2025", "owner": cast.owner, "risk_answers": NO, **more,
    }  # fmt: skip
    return actions.propose_model(actor=getattr(cast, who), **content, **WHY)


def decide(cast: Cast, intake: Intake, who: str = "risk", kind: str = "accepted") -> IntakeDecision:
    return actions.decide_intake(
        actor=getattr(cast, who), intake=intake, kind=IntakeDecision.Kind(kind), reason="With a pilot first"
    )


def test_the_tier_follows_from_the_answers_and_the_record_says_what_was_asked(cast: Cast) -> None:
    intake = propose(cast, risk_answers=NO | {"personal_data": True})
    assert (intake.risk_tier, intake.recorded_by, intake.deployment_geography) == ("medium", cast.owner, ["DE"])
    assert intake.question_set.number == 1
    assert [one["key"] for one in intake.question_set.questions] == list(QUESTIONS)
    assert [one["text"] for one in intake.question_set.questions] == [str(text) for text in QUESTIONS.values()]


def test_a_new_wording_is_asked_from_now_on_and_old_proposals_keep_theirs(cast: Cast) -> None:
    old = propose(cast)
    worded = actions.word_questions(
        actor=cast.policy, questions=[{"key": key, "text": f"Really: {key}?"} for key in reversed(QUESTIONS)], **WHY
    )
    assert (worded.number, propose(cast).question_set) == (2, worded)
    old.refresh_from_db()
    assert old.question_set.number == 1
    refused(lambda: propose(cast, question_set=old.question_set), errors.Conflict, "questions-outdated")


@pytest.mark.parametrize(
    ("questions", "fields"),
    [
        ([], ["questions"]),
        ([{"key": key, "text": ""} for key in QUESTIONS], [f"questions[{n}].text" for n in range(5)]),
        ([{"key": "is_nice", "text": "Is it?"}, *({"key": key, "text": "?"} for key in QUESTIONS)], ["questions[0].key"]),
        ([*({"key": key, "text": "?"} for key in QUESTIONS), {"key": "personal_data", "text": "?"}],
         ["questions[3].key", "questions[5].key"]),
    ],
)  # fmt: skip
def test_a_set_asks_each_question_once(cast: Cast, questions: list[dict[str, str]], fields: list[str]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        actions.word_questions(actor=cast.policy, questions=questions, **WHY)
    assert sorted(caught.value.errors) == sorted(fields)
    assert RiskQuestionSet.objects.count() == 1


def test_what_is_left_unsaid_is_named_and_nothing_is_recorded(cast: Cast) -> None:
    with pytest.raises(errors.Invalid) as caught:
        propose(
            cast, description=" ", affected="", owner=None, deployment_geography=[], intended_purpose="credit",
            risk_answers={"personal_data": "yes", "is_nice": True},
        )  # fmt: skip
    named = set(caught.value.errors)
    assert named >= {"description", "affected", "owner", "deployment_geography", "intended_purpose",
                     "risk_answers.personal_data", "risk_answers.is_nice", "risk_answers.safety_component"}  # fmt: skip
    assert not Intake.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "auditor", "pipeline", "validator", "admin", "outsider"])
def test_who_does_no_business_there_proposes_nothing(cast: Cast, who: str) -> None:
    with pytest.raises(errors.Refused):
        propose(cast, who)


def test_somebody_else_decides_once(cast: Cast) -> None:
    intake = propose(cast, "risk")
    refused(lambda: decide(cast, intake, "risk"), errors.SeparationOfDuties, "own-work")
    assert decide(cast, intake, "risk2", "declined").kind == "declined"
    refused(lambda: decide(cast, intake, "compliance"), errors.Conflict, "intake-decided")
    named = propose(cast, "owner", owner=cast.risk)
    refused(lambda: decide(cast, named, "risk"), errors.SeparationOfDuties, "own-work")


def test_an_accepted_proposal_becomes_a_model_and_who_accepted_it_may_still_judge_it(cast: Cast) -> None:
    intake = propose(cast)
    with pytest.raises(errors.Conflict):
        actions.register_accepted(actor=cast.owner, intake=intake, **WHY)
    decide(cast, intake)
    made, created = actions.register_accepted(actor=cast.owner, intake=intake, **WHY)
    assert created
    assert (made.name, made.risk_tier, made.intended_purpose) == ("next", "low", "dpv:CreditChecking")
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.hand_in_model(%s, %s), muniment.hand_in_model(%s, %s)",
                       [made.pk, cast.risk.pk, made.pk, cast.owner.pk])  # fmt: skip
        assert cursor.fetchone() == (False, True)
    assert not actions.register_accepted(actor=cast.owner, intake=intake, **WHY).created


def attack(cast: Cast, sql: str, *values: Any, who: str = "owner") -> None:
    with recorded_action(actor=getattr(cast, who), **WHY), connection.cursor() as cursor:
        cursor.execute(sql, values)


INTAKE_SQL = (
    "INSERT INTO lineage_intake (namespace_id, name, title, description, business_case, intended_purpose,"
    " out_of_scope_uses, deployment_geography, affected, expected_data, approach, oversight, owner_id, question_set_id,"
    " risk_answers, risk_tier) SELECT %s, 'x', '', 'd', 'b', 'dpv:CreditChecking', '', '{DE}', 'a', 'e', '', '', %s, s.id,"
    " %s::jsonb, 'low' FROM lineage_riskquestionset s"
)


def test_A40_in_sql_too_a_question_cannot_be_left_open_nor_a_tier_picked(cast: Cast) -> None:
    import json

    for answers in ({}, NO | {"personal_data": None}, {**NO, "more": True}, {k: "no" for k in NO}):  # noqa: C420
        refused(lambda a=answers: attack(cast, INTAKE_SQL, cast.retail.pk, cast.owner.pk, json.dumps(a)),
                errors.Invalid, "questions-open")  # fmt: skip
    attack(cast, INTAKE_SQL, cast.retail.pk, cast.owner.pk, json.dumps(NO | {"safety_component": True}))
    assert Intake.objects.get().risk_tier == "high"
    unknown = INTAKE_SQL.replace("dpv:CreditChecking", "dpv:CreditCheking")
    refused(
        lambda: attack(cast, unknown, cast.retail.pk, cast.owner.pk, json.dumps(NO)), errors.Invalid, "unknown-term"
    )
    refused(lambda: attack(cast, INTAKE_SQL, cast.retail.pk, cast.owner.pk, json.dumps(NO), who="pipeline"),
            errors.SeparationOfDuties, "intake-by-person")  # fmt: skip


# --- Another tier ----------------------------------------------------------------------------------------------------


@pytest.fixture
def model(cast: Cast) -> Model:
    """A model of medium risk, the owner's."""
    return actions.register_model(
        actor=cast.owner, namespace=cast.retail, name="scoring", risk_answers=NO | {"personal_data": True},
        owner=cast.owner, **WHY,
    ).record  # fmt: skip


def sign(cast: Cast, model: Model, tier: str, who: str = "risk", **more: Any) -> TierOverride:
    """Read the statement and sign it."""
    person, reason = getattr(cast, who), "Only a pilot with ten users"
    shown = actions.override_statement(actor=person, model=model, tier=tier, reason=reason)
    given = {"statement_digest": shown.digest, "reauthenticated_at": timezone.now(), **more}
    return actions.override_tier(actor=person, model=model, tier=tier, reason=reason, **given)


def test_an_override_is_signed_and_the_database_applies_it(cast: Cast, model: Model) -> None:
    epoch = model.use_epoch
    signed = sign(cast, model, "low")
    model.refresh_from_db()
    assert (model.risk_tier, model.use_epoch) == ("low", epoch + 1)
    assert (signed.printed_name, signed.derived_tier, signed.meaning) == (
        "Rita Risk", "medium", "sets the risk tier to low as risk_manager",
    )  # fmt: skip
    assert "Only a pilot with ten users" in signed.statement
    assert signed.signed_at is not None


def test_registering_again_what_stands_is_the_same_whatever_tier_was_signed(cast: Cast, model: Model) -> None:
    sign(cast, model, "low")
    again = actions.register_model(
        actor=cast.pipeline, namespace=cast.retail, name="scoring", risk_answers=NO | {"personal_data": True}, **WHY
    )
    assert (again.record, again.created) == (model, False)


def test_one_that_lowers_lapses_with_the_answers_and_one_that_raises_is_a_floor(cast: Cast, model: Model) -> None:
    sign(cast, model, "low")
    changed = actions.update_model(
        actor=cast.owner, model=model, changes={"risk_answers": NO | {"no_human_review": True}}, **WHY
    )
    assert changed.risk_tier == "medium", "it was signed upon other answers"
    sign(cast, model, "high")
    changed = actions.update_model(actor=cast.owner, model=model, changes={"risk_answers": NO}, **WHY)
    assert changed.risk_tier == "high", "a floor stands whatever is answered"
    sign(cast, model, "", who="risk2")
    model.refresh_from_db()
    assert model.risk_tier == "low"


def test_nobody_overrides_the_tier_of_their_own_model(cast: Cast) -> None:
    theirs = actions.register_model(
        actor=cast.owner, namespace=cast.retail, name="mine", owner=cast.risk, **WHY
    ).record  # fmt: skip
    refused(lambda: sign(cast, theirs, "low"), errors.SeparationOfDuties, "own-work")
    actions.update_model(actor=cast.owner, model=theirs, changes={"owner": cast.owner}, **WHY)
    refused(lambda: sign(cast, theirs, "low"), errors.SeparationOfDuties, "own-work")
    sign(cast, theirs, "low", who="risk2")
    sign(cast, theirs, "medium", who="risk2")


@pytest.mark.parametrize("who", ["owner", "viewer", "compliance", "pipeline", "outsider"])
def test_only_a_risk_manager_signs(cast: Cast, model: Model, who: str) -> None:
    with pytest.raises(errors.Refused):
        sign(cast, model, "low", who=who)
    assert not TierOverride.objects.exists()


def test_a_proof_of_who_one_is_must_be_fresh_and_the_statement_as_it_was_shown(cast: Cast, model: Model) -> None:
    old = timezone.now() - datetime.timedelta(minutes=6)
    refused(lambda: sign(cast, model, "low", reauthenticated_at=old), errors.SeparationOfDuties, "reauthenticate")
    refused(lambda: sign(cast, model, "low", statement_digest="0" * 64), errors.Conflict, "statement-outdated")
    refused(lambda: sign(cast, model, "medium"), errors.Conflict, "tier-in-effect")
    with pytest.raises(errors.Invalid):
        sign(cast, model, "none")


def test_A40_a_forged_override_in_sql_is_refused(cast: Cast, model: Model) -> None:
    forged = (
        "INSERT INTO lineage_tieroverride (model_id, tier, derived_tier, answers, reason, printed_name, meaning, statement,"
        " statement_digest, role_grant_id, reauthenticated_at, reauthentication_method)"
        " SELECT %s, 'low', '', '{}', 'why', 'Rita Risk', 'm', 'I agree', encode(sha256('I agree'), 'hex'), g.id, now(),"
        " 'password' FROM governance_rolegrant g WHERE g.principal_id = %s"
    )
    refused(lambda: attack(cast, forged, model.pk, cast.risk.pk, who="risk"), errors.Conflict, "statement-outdated")
    refused(lambda: attack(cast, forged, model.pk, cast.risk.pk, who="risk2"),
            errors.SeparationOfDuties, "override-by-risk-manager")  # fmt: skip
    refused(
        lambda: attack(cast, forged, model.pk, cast.risk.pk, who="pipeline"), errors.SeparationOfDuties, "not-a-person"
    )
    attack(cast, "UPDATE lineage_model SET risk_tier = 'low' WHERE id = %s", model.pk)
    model.refresh_from_db()
    assert model.risk_tier == RiskTier.MEDIUM


def test_votes_bound_to_use_go_stale(cast: Cast) -> None:
    from tests.approvals.world import signature

    w: World = world(cast)
    for tier in RiskTier.values:
        w.model.risk_tier = tier
        w.policy(signature("business", "business_owner", binds=["use"]))
    w.model.refresh_from_db()
    release = w.release()
    w.vote("business", cast.business, release=release)
    assert w.ask(release)["business"].status == "SATISFIED"
    sign(cast, w.model, "medium")
    assert w.ask(release)["business"].status == "UNSATISFIED"


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_a_proposal_is_made_decided_and_registered_on_pages(cast: Cast, signed_in: Any) -> None:
    owner = signed_in("owner")
    typed = {
        "namespace": "retail", "name": "next", "description": "Scores", "business_case": "Faster",
        "intended_purpose": "dpv:CreditChecking", "deployment_geography": "DE, AT", "affected": "Applicants",
        "expected_data": "Loans", "owner": cast.owner.pk, "question_set": RiskQuestionSet.objects.get().pk,
        "reason": "Asked for by the branch", **{f"answer_{key}": "no" for key in QUESTIONS},
    }  # fmt: skip
    refusal = owner.post("/intakes/new", {**typed, "answer_personal_data": "", "deployment_geography": "Germany"})
    assert refusal.status_code == 400
    assert "Answer yes or no." in refusal.content.decode()
    assert "Scores</textarea>" in refusal.content.decode()
    assert owner.post("/intakes/new", typed).status_code == 302
    intake = Intake.objects.get()
    assert (intake.deployment_geography, intake.risk_tier) == (["AT", "DE"], "low")
    risk = signed_in("risk")
    assert risk.post(f"/intakes/{intake.pk}", {"kind": "accepted"}).status_code == 400
    assert risk.post(f"/intakes/{intake.pk}", {"kind": "accepted", "reason": "Go"}).status_code == 302
    assert owner.post(f"/intakes/{intake.pk}", {"kind": "register", "reason": "Go"}).status_code == 302
    model = Model.objects.get(name="next")
    assert f"/intakes/{intake.pk}" in signed_in("viewer").get(f"/models/{model.pk}").content.decode()
    assert "Accepted" in signed_in("viewer").get("/intakes?state=accepted").content.decode()


def test_another_tier_is_read_then_signed_on_its_page(model: Model, signed_in: Any) -> None:
    risk = signed_in("risk")
    address = f"/models/{model.pk}/tier"
    shown = risk.post(address, {"tier": "low", "reason": "A pilot"}).content.decode()
    assert "OVERRIDE THE RISK TIER: low" in shown
    digest = shown.split('name="statement_digest" value="')[1][:64]
    signing = {"tier": "low", "reason": "A pilot", "statement_digest": digest}
    wrong = risk.post(address, {**signing, "password": "not it"})
    assert wrong.status_code == 403
    assert "OVERRIDE THE RISK TIER: low" in wrong.content.decode()
    assert risk.post(address, {**signing, "password": PASSWORD}).status_code == 302
    model.refresh_from_db()
    assert model.risk_tier == "low"
    assert "Rita Risk" in signed_in("viewer").get(address).content.decode()
