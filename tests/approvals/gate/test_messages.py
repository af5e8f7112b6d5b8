"""Every reason the SQL can answer has a sentence, and every sentence a reason."""

import re
from pathlib import Path
from typing import Any

import pytest

from approvals.gate import envelope, messages, voids
from approvals.gate.messages import VOTE_WORDINGS, WORDINGS, message, roles_that_can
from governance.accounts.roles import Role

GATE = Path(messages.__file__).parent
SQL = [*sorted(GATE.glob("*.sql")), GATE.parents[1] / "lineage" / "sql" / "32_use.sql"]
LITERAL = re.compile(r"'([a-z]+(?:-[a-z]+)+)'")
#: Hyphenated literals of the gate's SQL that are no reasons: codes of raised errors, a vocabulary's name, and why a vote
#: does not count.
NOT_REASONS = {
    *("closure-too-large", "threshold-not-finite", "personal-data"),
    *VOTE_WORDINGS, *voids.WORDINGS, *envelope.NOTE_WORDINGS, *envelope.EDGE_WORDINGS,
}  # fmt: skip


def codes() -> set[str]:
    """The reason codes in the SQL: hyphenated literals, less comments; `vetoed` has no hyphen."""
    text = "\n".join(line.split("--")[0] for file in SQL for line in file.read_text().splitlines())
    return set(LITERAL.findall(text)) | {"vetoed"}


def test_every_reason_in_the_sql_has_words() -> None:
    assert codes() - NOT_REASONS <= WORDINGS.keys()
    assert set(VOTE_WORDINGS) | set(voids.WORDINGS) <= codes()
    assert set(envelope.NOTE_WORDINGS) | set(envelope.EDGE_WORDINGS) <= codes()


def test_every_wording_is_of_a_reason_in_the_sql() -> None:
    assert WORDINGS.keys() - codes() == {"no-release"}  # said by Python: there is no release to ask about


@pytest.mark.parametrize("reason", sorted(WORDINGS))
def test_a_sentence_is_made_even_of_nothing(reason: str) -> None:
    said = message(reason, {})
    assert said
    assert "%(" not in said


def test_an_unmet_reason_says_what_to_do() -> None:
    silent = {r for r, w in WORDINGS.items() if not r.endswith("-met") and not str(w.do)}
    assert silent == set()


@pytest.mark.parametrize("reason", sorted(envelope.EDGE_WORDINGS))
def test_a_crossed_edge_is_said_even_of_nothing(reason: str) -> None:
    edge = envelope.Edge("band:1", False, reason, None, None, {"metric": "auc", "title": "Plan", "name": "C"})
    assert edge.message
    assert "%(" not in edge.message


@pytest.mark.parametrize("why", sorted(envelope.NOTE_WORDINGS))
def test_why_an_envelope_passes_over_nothing_follows_the_sentence(why: str) -> None:
    params = {"role": "risk_manager", "envelope": {"title": "Monthly", "why": why, "crossed": ["terms", "band:1"]}}
    assert "Monthly" in message("approvals-missing", params).splitlines()[-1]


def test_an_unknown_reason_is_said_as_itself() -> None:
    assert message("brand-new", {}) == "brand-new"


def test_further_gaps_follow_the_first() -> None:
    params: dict[str, Any] = {"dataset": "a", "also": [{"reason": "terms-missing", "params": {"dataset": "b"}}]}
    assert [line.split(" has ")[0] for line in message("terms-missing", params).splitlines()] == [
        "Dataset a",
        "Dataset b",
    ]


def test_who_can_is_the_role_that_is_asked_for() -> None:
    assert roles_that_can("approvals-missing", {"role": "risk_manager"}) == [Role.RISK_MANAGER]
    assert roles_that_can("terms-missing", {}) == [Role.DATA_STEWARD]
