"""Faults planted in the rules' SQL, one at a time: random histories find every one of them, and soon."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.approvals.model.histories import Disagreement, at_random
from tests.approvals.model.stage import Stage
from tests.approvals.model.test_model import LENGTH, run

ROOT = Path(__file__).resolve().parents[3]
GATE = "approvals/gate"
FUNCTION = re.compile(r"^CREATE OR REPLACE FUNCTION .*?\$\$;$", re.MULTILINE | re.DOTALL)
#: What goes wrong: file, the text that is there once, what stands there instead.
FAULTS: dict[str, tuple[str, str, str]] = {
    "a stale veto is none": (
        f"{GATE}/15_signoff.sql", "WHERE v ->> 'vote' = 'reject'", "WHERE v ->> 'vote' = 'reject' AND v ->> 'why' IS NULL",
    ),
    "a withdrawal of terms voids nothing": (f"{GATE}/01_aspects.sql", "sum(x.epoch + x.withdrawn)", "sum(x.epoch)"),
    "narrower terms void nothing": (
        "lineage/sql/40_rules.sql", "coalesce(v_before.epoch, 1) + NEW.narrows::integer", "coalesce(v_before.epoch, 1)",
    ),
    "a raised flag voids nothing": (
        "lineage/sql/40_rules.sql", "NEW.epoch := NEW.raises::integer + coalesce(", "NEW.epoch := coalesce(",
    ),
    "another purpose is the same use": (
        "lineage/sql/40_rules.sql", "(NEW.intended_purpose <> OLD.intended_purpose OR ", "(",
    ),
    "only training data is data": (
        f"{GATE}/01_aspects.sql", "c.closure, c.ancestors, c.training) || muniment.bases_of(c.model_version_id)", "c.training)",
    ),
    "a linked model is no late lineage": (
        f"{GATE}/01_aspects.sql", "c.ancestors, c.training) || muniment.bases_of(c.model_version_id)", "c.training)",
    ),
    "a conflict of interest leaves votes as they were": (f"{GATE}/15_signoff.sql", "WHEN s.recused THEN 'voter-recused'", ""),
    "a lifted veto still closes": (
        f"{GATE}/15_signoff.sql",
        "AND NOT EXISTS (SELECT 1 FROM public.approvals_vetolift l WHERE l.sign_off_id = s.id)", "",
    ),
    "who comes back has their vote back": (
        f"{GATE}/15_signoff.sql", "AND NOT h.is_active AND h.history_date >= x.signed_at", "AND false",
    ),
    "a lost role keeps its votes": (
        f"{GATE}/15_signoff.sql", "OR NOT muniment.grant_in_force(s.role_grant_id, c.at)", "",
    ),
    "who reports evidence goes on judging": (
        f"{GATE}/00_context.sql", "c.makers || muniment.reporters_on(c.model_version_id)", "c.makers",
    ),
    "superseded evidence voids nothing": (
        f"{GATE}/01_aspects.sql", "n.plan_id = e.plan_id AND n.id > e.id", "n.plan_id = e.plan_id AND n.id > e.id AND false",
    ),
    "the quorum is counted greedily": (
        f"{GATE}/15_signoff.sql", "v_queue := v_queue || v_holds[v_person];", "",
    ),
    "a text that was restored revives votes": (
        f"{GATE}/01_aspects.sql", "AND pp.id > v_since", "AND false",
    ),
    "judgements are of the data only if the policy says so": (f"{GATE}/01_aspects.sql", "ELSE ARRAY['data'] END", "ELSE '{}' END"),
    "one person fills two requirements": (f"{GATE}/15_signoff.sql", "IF v_have < v_need THEN", "IF v_own < v_need THEN"),
    "a grant never runs out": (
        "governance/accounts/sql/10_roles.sql",
        """WHERE g.id = grant_id AND p.is_active AND g.effective_from <= at
        AND (g.effective_to IS NULL OR g.effective_to > at)""",
        "WHERE g.id = grant_id AND p.is_active AND g.effective_from <= at",
    ),
    "evidence is valid for good": (f"{GATE}/14_evidence.sql", "WHEN i.valid_until <= c.at", "WHEN false"),
    "evidence does not age": (
        f"{GATE}/14_evidence.sql", "OR i.run_started_at + make_interval(days => (p_params ->> 'max_age_days')::integer) <= c.at", "",
    ),
    "who made it is independent": (f"{GATE}/14_evidence.sql", "NOT v.persons && c.makers AS independent", "true AS independent"),
    "a failure under one plan is mended under another": (
        f"{GATE}/14_evidence.sql",
        "AND NOT v_good @> jsonb_build_array(jsonb_build_object('plan', w.plan_id, 'independent', true))",
        "AND NOT v_good @> jsonb_build_array(jsonb_build_object('independent', true))",
    ),
    "an overdue condition holds nothing up": (
        f"{GATE}/16_findings.sql", "(f.blocks OR (f.when_overdue IN ('block', 'suspend') AND f.due <= c.at))", "f.blocks",
    ),
    "a condition outlives its vote": (
        f"{GATE}/16_findings.sql",
        """AND NOT EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w WHERE w.sign_off_id = f.sign_off_id)
    AND""",
        "AND",
    ),
    "what was found on data above is forgotten": (
        f"{GATE}/16_findings.sql", "WHERE dataset_id = ANY (c.datasets)", "WHERE dataset_id = ANY ('{}')",
    ),
    "a finding opened again stays closed": (
        f"{GATE}/16_findings.sql", """IN ('closed', 'reopened')
                  ORDER BY e.id DESC""", """IN ('closed', 'reopened')
                  ORDER BY e.id""",
    ),
    "a vote that counts no more bars a new one": (
        "approvals/sql/40_sign_offs.sql", "(v ->> 'why' IS NULL OR v ->> 'vote' = 'reject')", "true",
    ),
}  # fmt: skip
#: Where a history finds it; tried first, then all others in order. Elsewhere it is the first.
SEEDS = {
    "a withdrawal of terms voids nothing": 4,
    "a raised flag voids nothing": 1,
    "another purpose is the same use": 6,
    "only training data is data": 1,
    "a linked model is no late lineage": 1,
    "a lifted veto still closes": 10,
    "who comes back has their vote back": 42,
    "who reports evidence goes on judging": 1,
    "superseded evidence voids nothing": 4,
    "the quorum is counted greedily": 4,
    "a text that was restored revives votes": 4,
    "judgements are of the data only if the policy says so": 1,
    "one person fills two requirements": 1,
    "a grant never runs out": 12,
    "evidence is valid for good": 4,
    "evidence does not age": 4,
    "who made it is independent": 50,
    "a failure under one plan is mended under another": 1,
    "an overdue condition holds nothing up": 3,
    "a condition outlives its vote": 4,
    "a finding opened again stays closed": 20,
    "a vote that counts no more bars a new one": 1,
}
MOST_HISTORIES = 100
#: Found soonest, and of every kind; the others are planted in `make soak`.
ALWAYS = {
    "a stale veto is none", "another purpose is the same use", "only training data is data",
    "a linked model is no late lineage", "superseded evidence voids nothing",
    "a text that was restored revives votes", "a raised flag voids nothing", "a grant never runs out",
    "evidence is valid for good", "an overdue condition holds nothing up",
}  # fmt: skip


@contextmanager
def planted(database: str, fault: str) -> Iterator[None]:
    """The function that a fault is in, replaced in this database; what its file says after that."""
    file, text, instead = FAULTS[fault]
    sql = (ROOT / file).read_text(encoding="utf-8")
    assert sql.count(text) == 1, f"{file} holds {text!r} {sql.count(text)} times: the fault must be planted elsewhere"
    (function,) = (found for found in FUNCTION.findall(sql) if text in found)
    with psycopg.connect(databases.url("owner", database), autocommit=True) as owner:
        owner.execute(function.replace(text, instead).encode())
        try:
            yield
        finally:
            owner.execute(function.encode())


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=() if fault in ALWAYS else pytest.mark.soak) for fault in FAULTS]
)
def test_a_planted_fault_is_found(staged: tuple[Stage, str], fault: str) -> None:
    stage, database = staged
    with planted(database, fault):
        for seed in (SEEDS.get(fault, 0), *range(MOST_HISTORIES)):
            try:
                run(stage, at_random(seed, LENGTH))
            except Disagreement:
                break
        else:
            pytest.fail(f"{MOST_HISTORIES * LENGTH} steps found nothing")
    run(stage, at_random(seed, LENGTH))  # it was the fault: the same history agrees without it
