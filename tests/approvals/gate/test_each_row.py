"""Each row of "what voids what" is played, and each vote ends or stands as its cell says.

Every row of the code's list must have an act here, so that none is written into the document and never tried.
"""

import datetime
from collections.abc import Callable

import psycopg
import pytest
from django.utils import timezone

from approvals.actions.sign_offs import withdraw_sign_off
from approvals.gate.voids import CHANGES, OF_PERSONS, bound_to
from approvals.models import Aspect, SignOff
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import Dataset, Model, RunInput
from tests.approvals.gate import test_voids as voids
from tests.approvals.gate.test_late_digests import read
from tests.approvals.gate.test_travel import column, raised
from tests.approvals.gate.test_what_voids_what import BINDS, MEDIUM, each_signed, leave_and_return, link, tier, void
from tests.approvals.gate.test_what_voids_what import lose_and_regain as lose_role
from tests.approvals.raw import Connection, acting
from tests.approvals.world import PURPOSE, WHY, World, dataset, flag, give_terms, sha, signature

Act = Callable[[World], object]
Acts = dict[str, Act]


def commit_filled_in(w: World) -> None:
    actions.complete_model_version(actor=w.cast.pipeline, model_version=w.version, code_commit="a1b2c3", **WHY)


def parameters_told(w: World) -> None:
    actions.complete_model_version(actor=w.cast.pipeline, model_version=w.version, parameters={"depth": 5}, **WHY)


def known_at_first_hand(w: World) -> None:
    link(w, "model", dataset_version=w.versions["source"], role="training")


def corrected(w: World) -> None:
    training = RunInput.objects.get(run=w.runs["raw"], dataset_version=w.versions["source"])
    for kind in ("void", "restore"):
        actions.correct_link(actor=w.cast.steward, link=training, kind=kind, **WHY)


def narrowed(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], permitted_geographies=["DE"])


def withdrawn_and_given_again(w: World) -> None:
    voids.withdrawn_and_recorded_again(w)


def first_terms(w: World) -> None:
    give_terms(w.cast, Dataset.objects.get(name="bare"))


def answered_worse(w: World) -> None:
    flag(w.cast, w.versions["source"], category="pd:Health", present="unknown")


def let_through(w: World) -> None:
    column(w, "source", "diagnosis", "raw", "code")


def use_and_back(w: World) -> None:
    voids.changed_and_back(w)


def tier_and_back(w: World) -> None:
    tier(w, MEDIUM)
    tier(w, {})


def purpose_and_back(w: World) -> None:
    for purpose in ("dpv:Marketing", PURPOSE):
        with recorded_action(actor=w.cast.owner, **WHY):
            w.model.intended_purpose = purpose
            w.model.save()


def superseded(w: World) -> None:
    w.evidence(w.version.evidence.get().plan)


def policy_of(w: World, title: str = "") -> None:
    w.policy(*[{**signature(aspect, "risk_manager", binds=[aspect]), "title": title} for aspect in BINDS])


def asked_otherwise_for_a_while(w: World) -> None:
    policy_of(w, "Read the report")
    policy_of(w)


def not_asked_for_a_while(w: World) -> None:
    w.policy(signature("another", "risk_manager"))
    policy_of(w)


def permitting_more(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], permitted_purposes=[PURPOSE, "dpv:Marketing"], permitted_geographies=[])
    give_terms(w.cast, w.datasets["source"])


def answered_milder(w: World) -> None:
    flag(w.cast, w.versions["raw"])
    flag(w.cast, w.versions["source"], category="pd:Income", column="diagnosis", present="no")


def texts(w: World) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        Model.objects.filter(pk=w.model.pk).update(title="Scoring", description="Another", out_of_scope_uses="None")
    with recorded_action(actor=w.cast.steward, **WHY):
        Dataset.objects.filter(name__in=w.datasets).update(title="Loans", description="Another")
    actions.describe_model_version(actor=w.cast.pipeline, model_version=w.version, text="Better", **WHY)
    actions.tag_model_version(actor=w.cast.pipeline, model_version=w.version, tags={"at": "s3://other"}, **WHY)
    actions.complete_model_version(actor=w.cast.pipeline, model_version=w.version, metrics={"auc": 0.9}, **WHY)
    read(w, w.version, f"sha256:{w.version.digest_value}")


def reads_the_same(w: World) -> None:
    policy_of(w)


#: Row -> the acts that are such a change.
ACTS: dict[str, Acts] = {
    "the code's commit is recorded on the run, where none was": {"commit": voids.commit},
    "the version's digest or commit is filled in, where it was blank": {"commit": commit_filled_in},
    "parameters are told of the version after it was registered": {"parameters": parameters_told},
    "data or a model not known to be above is linked, or one known turns out to be read at first hand": {
        "data": voids.link, "known": known_at_first_hand,
    },
    "a link above it, of a run or of columns, is voided or restored by a correction": {"there and back": corrected},
    "terms begin that narrow what the terms before them permitted": {
        "narrower": narrowed, "there and back": voids.narrowed_and_back,
    },
    "terms are withdrawn, whatever is recorded after them": {"there and back": withdrawn_and_given_again},
    "terms begin on data that had none": {"first": first_terms},
    "a flag is raised: a new one, or an answer that says more or worse": {
        "new": voids.raise_flag, "worse": answered_worse, "there and back": voids.raised_and_cleared,
    },
    "a column is linked to one under a flag, so that the flag may travel further": {"link": let_through},
    "the model's purpose, risk tier or places of deployment change, and change back": {
        "places": use_and_back, "purpose": purpose_and_back, "tier": tier_and_back,
    },
    "evidence that was seen is superseded by a later item under its plan, good or bad": {"good": superseded},
    "a requirement reads otherwise or is not asked for a while, by publication or by tier": {
        "otherwise": asked_otherwise_for_a_while, "not asked": not_asked_for_a_while,
    },
    "terms begin that permit as much or more": {"more": permitting_more},
    "a flag is answered more mildly, or the same again": {"milder": answered_milder},
    "titles, descriptions, documents and the places where things lie are edited": {"texts": texts},
    "terms, retention or evidence run out by time (the requirement fails by itself)": {"time": lambda w: None},
    "a policy is published in which the requirement reads the same": {"same": reads_the_same},
}  # fmt: skip
#: Where a row moves more than its own aspect: a tier that has no such policy does not ask at all.
ALSO = {tier_and_back: Aspect.REQUIREMENT}


def edits(w: World) -> None:
    with recorded_action(actor=w.cast.risk, **WHY):
        Model.objects.filter(pk=w.model.pk).update(description="As I read it")


def withdraw_votes(w: World) -> None:
    for vote in SignOff.objects.filter(recorded_by=w.cast.risk):
        withdraw_sign_off(actor=w.cast.risk, sign_off=vote, **WHY)


#: What ends all votes of a person -> such an act, and what is said of the votes; None: they are not told of as votes.
ENDS: dict[str, tuple[Act, str | None]] = {
    "the role grant ended or ran out; given again it is another grant": (lose_role, "grant-ended"),
    "the account was inactive at any moment since": (leave_and_return, "voter-inactive"),
    "the person has a hand in the version: trained, registered, edited, reported evidence, or answers for who did": (
        edits, "voter-contributed",
    ),
    "the vote was withdrawn": (withdraw_votes, None),
}  # fmt: skip


def test_each_row_of_the_list_is_played() -> None:
    assert list(ACTS) == [change.what for change in CHANGES]
    assert list(ENDS) == list(OF_PERSONS)


def prepared(w: World) -> None:
    """Somebody has signed for each aspect; below the raw data lies some without terms, and a flag that goes nowhere yet."""
    bare, version = dataset(w.cast, "bare")
    assert not bare.terms.exists()
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=version, role="source")
    raised(w)
    each_signed(w)
    assert void(w) == {}


@pytest.mark.parametrize(("row", "how"), [(row, how) for row, acts in ACTS.items() for how in acts])
def test_a_change_voids_exactly_the_votes_of_its_row(w: World, row: str, how: str) -> None:
    act = ACTS[row][how]
    (change,) = (one for one in CHANGES if one.what == row)
    moved = {change.aspect, ALSO.get(act)}
    prepared(w)
    act(w)
    assert void(w) == {aspect: "vote-stale" for aspect in BINDS if moved & bound_to([aspect])}


def test_what_runs_out_by_time_voids_nothing_and_fails_by_itself(w: World) -> None:
    give_terms(w.cast, w.datasets["raw"], storage_duration_days=60)
    give_terms(w.cast, w.datasets["source"], effective_to=timezone.now() + datetime.timedelta(days=50))
    evidence = {"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance", "max_age_days": 40}}
    w.evidence(w.plan())
    w.policy(
        {"key": "terms", "kind": "terms"}, evidence, *[signature(one, "risk_manager", binds=[one]) for one in BINDS]
    )
    for aspect in BINDS:
        w.vote(aspect, w.cast.risk)
    assert all(row.passes for key, row in w.ask().items() if key in ("terms", "performance"))
    later = w.ask(at=timezone.now() + datetime.timedelta(days=55))
    assert {key for key in ("terms", "performance") if later[key].passes} == set()
    assert [one for key in BINDS for one in later[key].params["ignored"]] == []


@pytest.mark.parametrize("row", ENDS)
def test_what_ends_a_persons_votes_ends_them_whatever_they_bind_to(w: World, row: str) -> None:
    act, why = ENDS[row]
    each_signed(w)
    act(w)
    assert void(w) == (dict.fromkeys(BINDS, why) if why else {})
    assert not any(row.passes for row in w.ask().values())


@pytest.mark.parametrize("value", ["", sha("other")])
@pytest.mark.parametrize(
    ("table", "field"),
    [("run", "source_commit"), ("modelversion", "code_commit"), ("modelversion", "digest_value")],
)
def test_A40_the_subject_is_filled_in_once_and_cannot_change_back(
    w: World, app: Connection, table: str, field: str, value: str
) -> None:
    voids.commit(w)
    commit_filled_in(w)
    key = w.runs["model"].pk if table == "run" else w.version.pk
    with (
        pytest.raises(psycopg.Error, match="moves only forward" if table == "run" else "permission denied"),
        acting(app, w.cast.pipeline),
    ):
        app.execute(f"UPDATE lineage_{table} SET {field} = %s WHERE id = %s".encode(), [value, key])
