"""A wrong link is voided by a recorded act: the gate, the way down and the votes follow, and nothing is laundered."""

from typing import Any

import pytest
from django.db import ProgrammingError, connection

from approvals.exports.evidence_pack import records_of
from approvals.gate.gate import ask
from approvals.gate.voids import causes
from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import DatasetVersion, LinkCorrection, RunInput, RunOutput
from lineage.travel import arrivals
from tests.approvals.gate.test_travel import HOPS, column, raised
from tests.approvals.world import WHY, World, database, dataset, give_terms, refused, signature

BINDS = {"data": "data_steward", "privacy": "compliance_officer", "use": "risk_manager"}


def late(w: World) -> RunInput:
    """A claim that `raw` was also made from data without terms."""
    _, version = dataset(w.cast, "claimed")
    return actions.link_run_input(actor=w.cast.pipeline, run=w.runs["raw"], item=version, role="source", **WHY).record


def correct(w: World, link: Any, kind: str = "void", by: Any = None) -> LinkCorrection:
    return actions.correct_link(actor=by or w.cast.steward, link=link, kind=kind, **WHY)


def closure(w: World) -> set[int]:
    return set(
        database(
            "SELECT array_agg(id) FROM muniment.closure_of_model_version(%s) WHERE kind = 'dataset_version'",
            w.version.pk,
        )
    )


def below(version: DatasetVersion) -> int:
    found: int = database("SELECT count(*) FROM muniment.below(ARRAY[%s], '{}')", version.pk)
    return found


def test_a_voided_link_is_followed_by_nothing_and_a_restored_one_again(w: World) -> None:
    w.policy({"key": "terms", "kind": "terms"}, {"key": "provenance", "kind": "provenance"})
    link = late(w)
    claimed = link.dataset_version
    assert claimed is not None
    assert w.ask()["terms"].status == "UNSATISFIED" and claimed.pk in closure(w) and below(claimed) == 7
    voided = correct(w, link)
    assert (voided.run, voided.kind) == (link.run, "void")
    told = w.ask()
    assert (told["terms"].status, told["provenance"].reason) == ("SATISFIED", "provenance-corrected-met")
    assert {"kind": "link_correction", "id": voided.pk} in told["provenance"].rests_on
    assert claimed.pk not in closure(w) and below(claimed) == 1
    for sql in ("closure_of_dataset_version", "downstream_of_dataset_version"):
        start = w.versions["raw"].pk if "closure" in sql else claimed.pk
        other = claimed.pk if "closure" in sql else w.versions["raw"].pk
        assert not database(f"SELECT EXISTS (SELECT 1 FROM muniment.{sql}(%s) WHERE id = {other})", start)
    correct(w, link, "restore")
    assert w.ask()["terms"].status == "UNSATISFIED" and claimed.pk in closure(w)


def test_an_output_and_a_link_of_columns_are_voided_alike(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"}, {"key": "sensitive-data", "kind": "sensitivity"})
    raised(w)
    link = column(w, *HOPS[0])
    assert arrivals([w.versions["raw"].pk])
    correct(w, link)
    assert not arrivals([w.versions["raw"].pk]) and w.ask()["sensitive-data"].status == "SATISFIED"
    correct(w, link, "restore")
    output = RunOutput.objects.get(run=w.runs["raw"])
    correct(w, output)
    assert closure(w) == {w.versions["raw"].pk, w.versions["features"].pk}
    assert not arrivals([w.versions["raw"].pk]), "a link of columns stands with its run's"
    correct(w, RunInput.objects.get(run=w.runs["model"]))
    assert w.ask()["provenance"].reason == "training-data-missing", "voiding all of it opens no gate"


def test_a_correction_voids_votes_on_data_for_good_and_says_so(w: World) -> None:
    """There and back: the closure is what it was, the votes are not. And the claim cannot be made again unseen."""
    give_terms(w.cast, late(w).dataset_version.dataset)  # type: ignore[union-attr]  # a link to data
    link = RunInput.objects.latest("id")
    w.policy(*(signature(bind, role, binds=[bind]) for bind, role in BINDS.items()))
    release = w.release()
    for bind, who in zip(BINDS, (w.cast.steward, w.cast.compliance, w.cast.risk), strict=True):
        w.vote(bind, who, release=release)
    other = w.cast.owner
    before = closure(w)
    correct(w, link, by=other)
    for _step in ("voided", "restored"):
        told = {row.key: row.status for row in ask(release).requirements}
        assert told == {"data": "UNSATISFIED", "privacy": "UNSATISFIED", "use": "SATISFIED"}
        if _step == "voided":
            correct(w, link, "restore", by=other)
    assert closure(w) == before
    said = {cause.what for found in causes(release, w.cast.auditor).values() for cause in found}
    assert {"link-voided", "link-restored"} <= said
    again = actions.link_run_input(
        actor=w.cast.pipeline,
        run=link.run,
        item=link.dataset_version,
        role="source",
        **WHY,  # type: ignore[arg-type]
    )
    assert not again.created and again.record == link
    packed = dict(records_of(release))
    assert len(packed[LinkCorrection]) == 2


def test_who_corrects_a_link_of_the_versions_own_run_has_had_a_hand_in_it(w: World) -> None:
    w.policy(signature("data", "data_steward", binds=["data"]))
    extra = late(w)
    correct(w, extra)
    w.vote("data", w.cast.steward)
    assert w.ask()["data"].status == "SATISFIED", "work on data upstream makes nobody a contributor"
    training = RunInput.objects.get(run=w.runs["model"])
    correct(w, training)
    correct(w, training, "restore")
    assert w.ask()["data"].status == "UNSATISFIED"
    with pytest.raises(errors.Refused):
        w.vote("data", w.cast.steward)


def test_who_may(w: World) -> None:
    link = late(w)
    for who in (w.cast.pipeline, w.cast.risk, w.cast.viewer, w.cast.auditor):
        with pytest.raises(errors.Forbidden):
            correct(w, link, by=who)
    answers = w.cast.pipeline.responsible
    if answers is not None and answers.pk in (w.cast.owner.pk, w.cast.steward.pk):
        refused(lambda: correct(w, link, by=answers), errors.SeparationOfDuties, "own-link")
    own = actions.link_run_input(
        actor=w.cast.steward, run=w.runs["raw"], item=w.versions["features"], role="source", **WHY
    ).record
    refused(lambda: correct(w, own), errors.SeparationOfDuties, "own-link")
    correct(w, own, by=w.cast.owner)
    refused(lambda: correct(w, own, by=w.cast.owner), errors.Conflict, "link-so-already")
    correct(w, own, "restore")
    refused(lambda: correct(w, own, "restore"), errors.Conflict, "link-so-already")
    with pytest.raises(errors.Invalid):
        correct(w, own, "forget")


def test_sql_corrects_nothing_that_the_action_would_not(w: World) -> None:
    """Raw, under the app's login: the run is the link's, the pipeline cannot, there and back are counted one by one."""
    link = late(w)
    other = w.runs["model"]

    def insert(by: Any, kind: str = "void", **columns: Any) -> None:
        given = {"run_id": other.pk, "kind": kind, "reason": "In SQL", **columns}
        with recorded_action(actor=by, **WHY), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO lineage_linkcorrection ({', '.join(given)}) VALUES ({', '.join(['%s'] * len(given))})",
                list(given.values()),
            )

    one = {"run_input_id": link.pk}
    refused(lambda: insert(w.cast.pipeline, **one), errors.SeparationOfDuties, "not-for-this-role")
    refused(lambda: insert(w.cast.steward, "restore", **one), errors.Conflict, "link-so-already")
    refused(lambda: insert(w.cast.steward, run_input_id=10**9), errors.Invalid, "no-such-link")
    output = RunOutput.objects.get(run=w.runs["raw"])
    for wrong in ({}, {**one, "run_output_id": output.pk}, {**one, "reason": "  "}, {**one, "kind": "x"}):
        with pytest.raises(errors.Refused):
            insert(w.cast.steward, **wrong)
    insert(w.cast.steward, **one)
    assert LinkCorrection.objects.get().run == link.run, "the database sets it"
    for change in ("UPDATE lineage_linkcorrection SET kind = 'restore'", "DELETE FROM lineage_linkcorrection"):
        with pytest.raises((errors.Refused, ProgrammingError)):
            with recorded_action(actor=w.cast.steward, **WHY), connection.cursor() as cursor:
                cursor.execute(change)
