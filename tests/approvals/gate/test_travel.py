"""Flags travel along column lineage: to derived data and to models, until a data steward answers for them."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import ColumnLineage, RunInput
from lineage.travel import arrivals
from tests.approvals.serving import scenes
from tests.approvals.world import WHY, World, database, flag, signature

HOPS = (("source", "diagnosis", "raw", "code"), ("raw", "code", "features", "x"))


def column(w: World, above: str, x: str, below: str, y: str, **more: Any) -> ColumnLineage:
    """One column made from another by the world's own run."""
    return actions.link_column(
        actor=w.cast.pipeline, run=w.runs[below], source=w.versions[above], source_column=x, target=w.versions[below],
        target_column=y, **more, **WHY,
    ).record  # fmt: skip


def only(w: World) -> None:
    w.policy({"key": "it", "kind": "sensitivity"})


def gaps(w: World) -> list[tuple[str, str, str, str]]:
    """The gate's gaps on flags that travelled: dataset, column, category, from."""
    row = w.ask()["it"]
    told = [{"reason": row.reason, "params": row.params}, *row.params.get("also", [])]
    return [
        (p["params"]["dataset"], p["params"]["column"], p["params"]["category"], p["params"]["from_column"])
        for p in told
        if p["reason"] == "flag-travelled"
    ]


def raised(w: World, name: str = "source", col: str = "diagnosis", **more: Any) -> Any:
    """A steward's word that a column holds what the terms have a ground for: in itself no gap."""
    return flag(w.cast, w.versions[name], column=col, **{"category": "pd:Income", "present": "yes", **more})


def test_a_flag_reaches_what_was_made_from_its_column_whatever_came_first(w: World) -> None:
    """Every order of flag and links gives the same gaps, and the same ways."""
    only(w)
    acts: list[Callable[[], Any]] = [lambda: raised(w), *(lambda hop=hop: column(w, *hop) for hop in HOPS)]  # type: ignore[misc]
    told = []
    for order in itertools.permutations(acts):
        sid = transaction.savepoint()
        for act in order:
            act()
        ways = [
            [(step.version.dataset.name, step.column) for step in one.way]
            for one in arrivals([w.versions["features"].pk])
        ]
        told.append((gaps(w), ways))
        transaction.savepoint_rollback(sid)
    assert told[0] == (
        [("raw", "code", "pd:Income", "diagnosis"), ("features", "x", "pd:Income", "diagnosis")],
        [[("source", "diagnosis"), ("raw", "code"), ("features", "x")]],
    )
    assert all(one == told[0] for one in told)


def test_a_stewards_answer_stops_it_where_it_stands_and_a_claim_stops_nothing(w: World) -> None:
    only(w)
    raised(w)
    column(w, *HOPS[0], masking=True, subtype="HASH")
    column(w, *HOPS[1])
    everywhere = [("raw", "code", "pd:Income", "diagnosis"), ("features", "x", "pd:Income", "diagnosis")]
    assert gaps(w) == everywhere, "masking is a producer's claim"
    (arrival,) = arrivals([w.versions["raw"].pk])
    assert [step.masking for step in arrival.way] == [False, True] and not arrival.answered
    claim = {"category": "pd:Income", "present": "no", "column": "code"}
    actions.raise_flag(actor=w.cast.pipeline, dataset_version=w.versions["raw"], **claim, **WHY)
    assert gaps(w) == everywhere, "a pipeline's answer is a claim too"
    flag(w.cast, w.versions["raw"], column="code", category="pd:Salary", present="no")
    assert gaps(w) == everywhere, "another category"
    flag(w.cast, w.versions["raw"], column="other", category="pd:Income", present="no")
    assert gaps(w) == everywhere, "another column"
    flag(w.cast, w.versions["raw"], column="code", category="pd:Income", present="yes", treatment="pseudonymised")
    assert gaps(w) == [("features", "x", "pd:Income", "code")], "answered for, and it travels on as what it is now"
    flag(w.cast, w.versions["raw"], column="code", category="pd:Income", present="yes", treatment="anonymised")
    assert gaps(w) == [], "personal data no more"
    assert w.ask()["it"].reason == "sensitivity-met"


def test_an_answer_on_the_whole_version_answers_for_its_columns_and_a_blanket_no_does_not(w: World) -> None:
    """The world's versions all say: no personal data. That was said before anyone knew where the column came from."""
    only(w)
    raised(w)
    for hop in HOPS:
        column(w, *hop)
    assert len(gaps(w)) == 2
    for name in ("raw", "features"):
        flag(w.cast, w.versions[name], category="pd:Income", present="no")
    assert gaps(w) == [] and [one.answered for one in arrivals([w.versions["raw"].pk])] == [True]


def test_what_decides_on_rows_reaches_the_whole_version_and_a_loop_ends(w: World) -> None:
    only(w)
    raised(w)
    column(w, "source", "diagnosis", "raw", "any", transformation="indirect", subtype="FILTER")
    column(w, "raw", "other", "features", "y")
    assert gaps(w) == [("raw", "", "pd:Income", "diagnosis"), ("features", "", "pd:Income", "diagnosis")]
    with recorded_action(actor=w.cast.pipeline, **WHY):
        back = w.runs["raw"]
        RunInput.objects.create(run=back, dataset_version=w.versions["features"], role="source")
    actions.link_column(actor=w.cast.pipeline, run=back, source=w.versions["features"], target=w.versions["raw"], **WHY)
    assert len(gaps(w)) == 2


@pytest.mark.parametrize("late", ["flag", "link"])
def test_a_late_flag_and_a_late_link_void_votes_on_privacy_and_no_others(w: World, late: str) -> None:
    w.policy(
        signature("privacy", "compliance_officer", binds=["privacy"]),
        signature("use", "risk_manager", binds=["use"]),
    )
    column(w, *HOPS[1])
    if late == "link":
        raised(w)
    w.vote("privacy", w.cast.compliance)
    w.vote("use", w.cast.risk)
    column(w, "source", "name", "raw", "label")
    assert {row.status for row in w.ask().values()} == {"SATISFIED"}, (
        "a link of columns without a flag says nothing new"
    )
    if late == "flag":
        raised(w)
    else:
        column(w, *HOPS[0])
    told = w.ask()
    assert (told["privacy"].status, told["use"].status) == ("UNSATISFIED", "SATISFIED")


def test_what_serves_is_noticed_when_a_link_lets_a_flag_through(w: World) -> None:
    scenes.policy(w, {"flag_raised": scenes.TWO_DAYS})
    promotion = scenes.go_live(w)
    standing = raised(w)
    column(w, *HOPS[1])
    assert not promotion.notices.exists(), "it has its ground where it stands, and is not known to go further"
    column(w, *HOPS[0])
    notice = scenes.only_notice(promotion)
    assert (notice.cause, notice.cause_id) == ("flag_raised", standing.pk)
    assert [one["kind"] for one in notice.chain][:3] == ["flag", "dataset_version", "run"]
    for name, col in (("raw", "code"), ("features", "x")):
        flag(w.cast, w.versions[name], column=col, category="pd:Income", present="no")
    assert not database("SELECT muniment.cause_stands(%s)", notice.pk)
