"""Why a vote is stale is named with what, who and when; the table in the docs is made from the rules."""

from collections.abc import Callable
from pathlib import Path

import pytest

from approvals.gate.voids import CHANGES, causes, table
from approvals.models import Aspect
from governance.unit_of_work import recorded_action
from lineage.actions import complete_model_version
from lineage.models import RunInput, TermsWithdrawal
from tests.approvals.world import PURPOSE, WHY, World, dataset, flag, give_terms, signature

BINDS = ["subject", "data", "privacy", "use", "evidence"]
DOCUMENT = Path(__file__).parents[3] / "docs" / "what-voids-what.md"


def test_the_table_in_the_docs_is_the_one_the_rules_make(db: None) -> None:
    assert DOCUMENT.read_text().endswith("\n\n" + table()), "run: python manage.py what_voids_what, and put it there"
    assert {c.aspect for c in CHANGES} >= set(Aspect) - {Aspect.ROLE}, "each aspect is moved by something"


def commit(w: World) -> None:
    with recorded_action(actor=w.cast.pipeline, **WHY):
        run = w.runs["model"]
        run.source_commit = "a1b2c3"
        run.save()


def link(w: World) -> None:
    _, version = dataset(w.cast, "late")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=version, role="source")


def narrow(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], permitted_geographies=["DE"])


def withdraw(w: World) -> None:
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Objection")


def raise_flag(w: World) -> None:
    flag(w.cast, w.versions["source"], category="pd:Health", present="yes")


def widen_use(w: World) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        w.model.deployment_geography = ["DE", "FR"]
        w.model.save()


def tell_parameters(w: World) -> None:
    told = {"learning_rate": 0.1, "depth": 5}
    complete_model_version(actor=w.cast.pipeline, model_version=w.version, parameters=told, **WHY)


def supersede(w: World) -> None:
    w.evidence(w.version.evidence.get().plan, "0.3")


def publish_another(w: World) -> None:
    w.policy({**signature("risk", "risk_manager", binds=BINDS), "title": "Read the report"})


@pytest.mark.parametrize(
    ("change", "what", "by", "says"),
    [
        (commit, ("subject", "commit-recorded"), "pipeline", "a1b2c3"),
        (tell_parameters, ("subject", "parameters-told"), "pipeline", "depth, learning_rate"),
        (link, ("data", "data-linked"), "pipeline", "late (1)"),
        (narrow, ("privacy", "terms-narrowed"), "steward", "raw became narrower with number 2"),
        (withdraw, ("privacy", "terms-withdrawn"), "steward", "source, number 1, were withdrawn"),
        (raise_flag, ("privacy", "flag-raised"), "steward", "pd:Health was raised on source (1)"),
        (widen_use, ("use", "use-changed"), "owner", "places"),
        (supersede, ("evidence", "evidence-superseded"), "tester", "was superseded"),
        (publish_another, ("requirement", "policy-published"), "policy2", "of the policy was published"),
    ],
)
def test_the_cause_of_a_stale_vote_is_named_with_who_and_when(
    w: World, change: Callable[[World], None], what: tuple[str, str], by: str, says: str
) -> None:
    w.evidence(w.plan())
    w.policy(signature("risk", "risk_manager", binds=BINDS))
    vote = w.vote("risk", w.cast.risk)
    assert causes(w.release(), w.cast.auditor) == {}
    change(w)
    found = causes(w.release(), w.cast.auditor)[vote.pk]
    assert [(c.aspect, c.what) for c in found] == [what]
    assert found[0].by == getattr(w.cast, by).display_name
    assert says in found[0].says
    assert found[0].at > vote.signed_at


def test_a_vote_on_the_use_alone_outlives_late_data_and_no_other_does(w: World) -> None:
    w.policy(*[signature(aspect, "risk_manager", binds=[aspect]) for aspect in BINDS])
    votes = {aspect: w.vote(aspect, w.cast.risk) for aspect in BINDS}
    link(w)
    assert set(causes(w.release(), w.cast.auditor)) == {vote.pk for aspect, vote in votes.items() if aspect != "use"}


def changed_and_back(w: World) -> None:
    for places in (["FR"], ["DE"]):
        with recorded_action(actor=w.cast.owner, **WHY):
            w.model.deployment_geography = places
            w.model.save()


def narrowed_and_back(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], permitted_purposes=[PURPOSE, "dpv:Marketing"])
    give_terms(w.cast, w.datasets["raw"])


def withdrawn_and_recorded_again(w: World) -> None:
    withdraw(w)
    give_terms(w.cast, w.datasets["source"])


def raised_and_cleared(w: World) -> None:
    raise_flag(w)
    flag(w.cast, w.versions["source"], category="pd:Health", present="no")


def asked_otherwise_and_again(w: World) -> None:
    publish_another(w)
    w.policy(signature("risk", "risk_manager", binds=BINDS))


def through_another_tier_and_back(w: World) -> None:
    answers = dict(w.model.risk_answers)
    for given in ({**answers, "legal_or_similar_effect": False, "safety_component": False,
                   "special_category_data": False}, answers):  # fmt: skip
        with recorded_action(actor=w.cast.owner, **WHY):
            w.model.risk_answers = given
            w.model.save()
            w.model.refresh_from_db()


@pytest.mark.parametrize(
    "there_and_back",
    [
        changed_and_back,
        narrowed_and_back,
        withdrawn_and_recorded_again,
        raised_and_cleared,
        asked_otherwise_and_again,
        through_another_tier_and_back,
    ],
)
def test_A40_A41_what_changes_back_revives_no_vote(w: World, there_and_back: Callable[[World], None]) -> None:
    w.policy(signature("risk", "risk_manager", binds=BINDS))
    w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].passes
    there_and_back(w)
    row = w.ask()["risk"]
    assert [one["why"] for one in row.params["ignored"]] == ["vote-stale"]
    w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].passes, "they read it again and signed anew"


def test_a_vote_not_bound_to_the_use_does_not_revive_after_a_tier_that_asked_otherwise(w: World) -> None:
    w.policy(signature("risk", "risk_manager", binds=["subject"]))
    w.vote("risk", w.cast.risk)
    through_another_tier_and_back(w)
    row = w.ask()["risk"]
    assert [(one["why"], one["aspects"]) for one in row.params["ignored"]] == [("vote-stale", ["requirement"])]


def test_terms_that_only_widen_and_the_same_requirement_again_void_nothing(w: World) -> None:
    w.policy(signature("risk", "risk_manager", binds=BINDS))
    vote = w.vote("risk", w.cast.risk)
    give_terms(
        w.cast, w.datasets["raw"], permitted_purposes=[PURPOSE, "dpv:AcademicResearch"], permitted_geographies=[]
    )
    flag(w.cast, w.versions["raw"], treatment_tool="Masker 2")
    w.policy(signature("risk", "risk_manager", binds=BINDS), signature("validator", "validator"))
    row = w.ask()["risk"]
    assert row.passes
    assert {r["id"] for r in row.rests_on} == {vote.pk}


def test_A41_what_a_slots_own_policy_asked_otherwise_stays_asked_after_it_has_lapsed(w: World) -> None:
    plain = signature("risk", "risk_manager", binds=["subject"])
    w.policy(plain)
    w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].passes
    w.policy({**plain, "title": "Read the report twice"}, slot="champion")
    w.policy(plain, signature("validator", "validator"))  # the slot's asks less now, and lapses
    rows = w.ask()
    assert set(rows) == {"risk", "validator"}
    assert [(v["why"], v["aspects"]) for v in rows["risk"].params["ignored"]] == [("vote-stale", ["requirement"])]


def test_a_slots_policy_that_reads_the_same_leaves_votes_standing_when_it_lapses(w: World) -> None:
    plain = signature("risk", "risk_manager", binds=["subject"])
    w.policy(plain)
    w.vote("risk", w.cast.risk)
    w.policy(plain, {"key": "artifact", "kind": "artifact"}, slot="champion")
    w.policy(plain, signature("validator", "validator"))
    assert w.ask()["risk"].passes
