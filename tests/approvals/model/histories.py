"""Histories: what happens to one release, done to the product and told to the rules, compared after every step.

A step is four small numbers: which kind of event, and what to choose among. So a history is data: hypothesis draws and
shrinks it, a seed repeats it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TypeVar

from tests.approvals.model.policies import PEOPLE, POLICIES, ROLES
from tests.approvals.model.rules import Answer, Condition, Item, Rules, Terms, Vote
from tests.approvals.model.stage import Stage
from tests.approvals.world import PURPOSE

T = TypeVar("T")
Step = tuple[int, int, int, int]
CHOICES = 240  # divisible by all small numbers of things to choose among
MARKETING, FRAUD = "dpv:Marketing", "dpv:FraudPreventionAndDetection"
FIRST_TERMS = Terms(frozenset({PURPOSE}), places=frozenset({"EU"}))
TERMS = [
    FIRST_TERMS,
    Terms(frozenset({PURPOSE, FRAUD}), places=frozenset({"EU"})),
    Terms(frozenset({PURPOSE}), frozenset({MARKETING}), frozenset({"EU"})),
    Terms(frozenset({PURPOSE}), places=frozenset({"DE", "FR"})),
    Terms(frozenset({PURPOSE}), places=frozenset({"DE"}), days=1000),
    Terms(frozenset({PURPOSE}), days=2000),
    Terms(frozenset({PURPOSE, FRAUD})),
]
ANSWERS = [Answer("no"), Answer("no"), Answer("yes"), Answer("yes", "masked"), Answer("unknown")]
#: For which day the gate is asked: mostly for today. What ends does so between two of them.
DAYS = [0, 0, 0, 0, 0, 60, 130, 200]
ENDS = [None, None, 30, 90, 160]
CONDITIONS = [Condition(due, overdue) for due in (30, 90, 160) for overdue in ("nothing", "block", "suspend")]
LINKS = [("spare", "raw"), ("spare", "features"), ("spare", "model"), ("far", "spare"), ("far", "raw"), ("source", "model"),
         ("raw", "model"), ("base", "model"), ("base", "raw")]  # fmt: skip


class Disagreement(AssertionError):
    """The product and the rules answer differently."""


def told(stage: Stage) -> Rules:
    """The rules, told what the stage begins with."""
    rules = Rules({tier: variants[0] for tier, variants in POLICIES.items()}, "high", PEOPLE)
    rules.above = {"model": {"features"}, "features": {"raw"}, "raw": {"source"}}
    rules.terms = dict.fromkeys(("source", "raw", "features", "spare"), FIRST_TERMS)
    return rules


class History:
    """A history that runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.rules = told(stage)
        self.purpose, self.places = PURPOSE, ["DE"]
        self.log: list[str] = []

    def run(self, steps: Iterable[Step]) -> None:
        """Do all steps. Raises Disagreement, with all that happened until then."""
        self.compare()
        for kind, a, b, c in steps:
            self.stage.day = _one(DAYS, a + b + c)
            act = ACTS[kind % len(ACTS)]
            said = act(self, a, b, c)
            if said is not None:
                self.log.append(said)
                self.compare()

    # --- Events; each answers what happened, or None where there is nothing to do -----------------------------------

    def sign(self, a: int, b: int, c: int) -> str | None:
        """Mostly by someone who holds the role, mostly in favour; what is refused must be refused by both."""
        rules = self.rules
        keys = sorted({*rules.policy, *("second", "steward")})
        person = _one(sorted(PEOPLE), a)
        able = [key for key in keys if rules.may_sign(person, key)]
        key = _one(able, b) if able and c % 8 else _one(keys, b)
        approves = c % 6 != 1
        condition = _one(CONDITIONS, a + b) if approves and c % 10 == 3 else None
        expected = rules.may_sign(person, key)
        number = self.stage.sign(person, key, approves, condition, by_action=c % 12 == 5)
        what = f"{person} {'approves' if approves else 'rejects'} {key}{f' under {condition}' if condition else ''}"
        if (number is not None) != expected:
            self.log.append(what)
            self.disagree(f"the signature was {'taken' if number else 'refused'}")
        if number is None:
            return f"{what}: refused"
        rules.sign(number, person, key, approves, condition)
        return f"{what} ({number})"

    def lift(self, a: int, _b: int, _c: int) -> str | None:
        """The head of the role lifts a veto, if one stands."""
        vetoes = [vote for vote in self.rules.votes if self.rules.may_be_lifted(vote)]
        if not vetoes:
            return None
        vote = _one(vetoes, a)
        self.stage.lift(vote.number)
        self.rules.lift(vote.number)
        return f"the veto {vote.number} is lifted"

    def recuse(self, a: int, b: int, _c: int) -> str | None:
        person = _one(sorted(PEOPLE), a)
        if b % 2 or person in self.rules.inactive | self.rules.recused or not self.rules.roles[person]:
            return None
        self.stage.recuse(person)
        self.rules.recuse(person)
        return f"{person} declares a conflict of interest"

    def withdraw(self, a: int, _b: int, _c: int) -> str | None:
        live = [vote for vote in self.rules.votes if not vote.withdrawn and vote.person not in self.rules.inactive]
        if not live:
            return None
        vote = _one(live, a)
        self.stage.withdraw(vote.number)
        self.rules.withdraw(vote.number)
        return f"vote {vote.number} is taken back"

    def role(self, a: int, b: int, c: int) -> str | None:
        """End one that was used, or give one again."""
        rules = self.rules
        lacking = [(p, r) for p in sorted(PEOPLE) for r in PEOPLE[p] if r in ROLES and r not in rules.roles[p]]
        if lacking and c % 2:
            person, role = _one(lacking, b)
            ends = _one(ENDS, a)
            self.stage.give_role(person, role, ends)
            rules.give_role(person, role, ends)
            return f"{person} is {role} again, to the end of day {ends}"
        held = [(p, r) for p in sorted(PEOPLE) for r in sorted(rules.roles[p]) if r in ROLES]
        used = [(v.person, v.asked.role) for v in rules.votes if v.asked.role in rules.roles[v.person]]
        person, role = _one(used or held, a)
        self.stage.end_role(person, role)
        rules.end_role(person, role)
        return f"{person} is no {role} any more"

    def leave(self, a: int, b: int, _c: int) -> str | None:
        gone = sorted(self.rules.inactive)
        if gone and b % 2:
            person = _one(gone, a)
            self.stage.reactivate(person)
            self.rules.reactivate(person)
            return f"{person} is back"
        person = _one([p for p in sorted(PEOPLE) if p not in gone] or gone, a)
        if person in gone:
            return None
        self.stage.deactivate(person)
        self.rules.deactivate(person)
        return f"{person} leaves"

    def terms(self, a: int, b: int, _c: int) -> str | None:
        name, terms = _one(["source", "raw", "features", "spare", "far"], a), _one(TERMS, b)
        self.stage.record_terms(name, terms)
        self.rules.record_terms(name, terms)
        return f"{name} is under {terms}"

    def withdraw_terms(self, a: int, _b: int, _c: int) -> str | None:
        standing = sorted(self.rules.terms.keys() - self.rules.withdrawn)
        if not standing:
            return None
        name = _one(standing, a)
        self.stage.withdraw_terms(name)
        self.rules.withdraw_terms(name)
        return f"the terms of {name} are withdrawn"

    def flag(self, a: int, b: int, c: int) -> str | None:
        name, category = _one(["source", "raw", "features", "spare"], a), _one(["pd:Income", "pd:Location"], c)
        answer = _one(ANSWERS, b)
        self.stage.answer_flag(name, category, answer)
        self.rules.answer_flag(name, category, answer)
        return f"{name} holds {category}: {answer}"

    def link(self, a: int, b: int, _c: int) -> str | None:
        """By the pipeline, or by a steward, who has had a hand in the model only if it was its own run."""
        name, made = _one(LINKS, a)
        if name in self.rules.above.get(made, ()):
            return None
        able = [p for p in sorted(PEOPLE) if "data_steward" in self.rules.roles[p] and p not in self.rules.inactive]
        by = _one(able, b) if able and b % 5 == 0 else None
        self.stage.link(name, made, by)
        self.rules.link(name, made)
        if by and made == "model":
            self.rules.contribute(by)
        return f"{name} went into {made}, says {by or 'the pipeline'}"

    def use(self, a: int, b: int, _c: int) -> str | None:
        """Purpose or places change to something else, or back."""
        if a % 2:
            self.purpose = FRAUD if self.purpose == PURPOSE else PURPOSE
            self.stage.change_purpose(self.purpose)
        else:
            self.places = _one([p for p in (["DE"], ["DE", "FR"], ["EU"]) if p != self.places], b)
            self.stage.change_places(self.places)
        self.rules.change_use()
        return f"it is for {self.purpose} in {self.places}"

    def tier(self, _a: int, _b: int, _c: int) -> str | None:
        tier = "medium" if self.rules.tier == "high" else "high"
        self.stage.change_tier(tier)
        self.rules.change_tier(tier)
        return f"the tier is {tier}"

    def publish(self, a: int, b: int, _c: int) -> str | None:
        """Another policy for its tier, or one that was in force before."""
        variant = _one(list(range(len(POLICIES[self.rules.tier]))), a if b % 3 else 0)
        if not self.stage.publish(self.rules.tier, variant):
            return None
        self.rules.publish(POLICIES[self.rules.tier][variant])
        return f"policy {variant} of tier {self.rules.tier} is published"

    def report(self, a: int, b: int, c: int) -> str | None:
        """By a machine, or by someone who is involved then."""
        able = [p for p in sorted(PEOPLE) if "validator" in self.rules.roles[p] and p not in self.rules.inactive]
        by = _one(able, c) if able and c % 3 == 0 else None
        item = Item(_one(["plan0", "plan1"], a), b % 3 > 0, by, _one(ENDS, b + c))
        self.stage.report(item)
        self.rules.report(item)
        return f"{by or 'a machine'} reports {item}"

    def find(self, a: int, _b: int, _c: int) -> str | None:
        place = _one(["model", "features", "source", "spare"], a)
        self.stage.find(place)
        self.rules.find(place)
        return f"an auditor finds something wrong with {place}"

    def settle(self, a: int, _b: int, _c: int) -> str | None:
        """A finding is closed, or opened again."""
        if not self.rules.findings:
            return None
        position = a % len(self.rules.findings)
        found = self.rules.findings[position]
        if found.open:
            self.stage.close_finding(position)
        else:
            self.stage.reopen_finding(position)
        found.open = not found.open
        return f"finding {position} is {'open again' if found.open else 'closed'}"

    def edit(self, a: int, _b: int, _c: int) -> str | None:
        able = [p for p in ("r1", "r2", "r6") if p not in self.rules.inactive]
        if not able:
            return None
        person = _one(able, a)
        self.stage.edit(person)
        self.rules.contribute(person)
        return f"{person} edits the model's title"

    def reopen(self, _a: int, _b: int, _c: int) -> str | None:
        self.stage.reopen()
        self.rules.reopen()
        return "the release is withdrawn, another is opened"

    # --- Do they agree? -------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Raises Disagreement unless each requirement, each vote and the filled places are answered alike."""
        rows = {row["key"]: row for row in self.stage.ask()}
        day = self.stage.day
        verdicts = self.rules.verdicts(day)
        if rows.keys() != verdicts.keys():
            self.disagree(f"asked: {sorted(rows)} against {sorted(verdicts)}")
        for key, verdict in verdicts.items():
            row = rows[key]
            if row["kind"] != "signoff":
                if (row["status"] == "SATISFIED") != verdict.satisfied:
                    self.disagree(f"{key} on day {day}: {row['status']} {row['reason']} against {verdict}")
                continue
            filling = {item["id"] for item in row["rests_on"]}
            answered = (row["status"] == "SATISFIED", row["reason"] == "vetoed", len(filling))
            if answered != (verdict.satisfied, verdict.vetoed, verdict.filled):
                self.disagree(f"{key}: {row['status']} {row['reason']} {filling} against {verdict}")
            if not filling <= {vote.number for vote in self.rules.counting(day) if vote.asked.key == key}:
                self.disagree(f"{key}: filled by {filling}, of which some do not count")
            if not verdict.vetoed:  # a veto is all the row says
                self._compare_votes(key, {one["sign_off"]: one for one in row["params"]["ignored"]})
        self._compare_people(rows)

    def _compare_votes(self, key: str, ignored: dict[int, dict[str, object]]) -> None:
        day = self.stage.day
        mine = {v.number: v for v in self.rules.votes if v.asked.key == key and not v.withdrawn}
        out = {number for number, vote in mine.items() if not (vote.stands(day) and vote.approves)}
        if out != ignored.keys():
            self.disagree(f"{key}: not counted {sorted(ignored)} against {sorted(out)}")
        for number in out:
            vote, said = mine[number], ignored[number]
            if said["why"] not in _causes(vote, day) or _shown(said["aspects"]) != _shown(vote.void):
                self.disagree(f"vote {number}: {said} against {sorted(vote.lost_by(day))} {sorted(vote.void)}")

    def _compare_people(self, rows: dict[str, dict[str, object]]) -> None:
        who = {vote.number: vote.person for vote in self.rules.votes}
        places = [who[item["id"]] for row in rows.values() if row["kind"] == "signoff"
                  for item in row["rests_on"]]  # type: ignore[attr-defined]  # fmt: skip
        if len(places) != len(set(places)):
            self.disagree(f"one person fills two places: {sorted(places)}")

    def disagree(self, about: str) -> None:
        """Raises Disagreement."""
        raise Disagreement("\n".join(["After this:", *self.log, "the product disagrees with the rules:", about]))


def _causes(vote: Vote, day: int) -> set[str]:
    """Every reason there is for a vote not to count; the product names the first."""
    causes = set(vote.lost_by(day))
    if vote.void:
        causes.add("vote-stale")
    return causes or {"vote-rejected"}


def _shown(aspects: Iterable[object]) -> set[object]:
    """Aspects as compared. A vote on another text was bound to other aspects than are asked for now; and new data brings
    its terms and flags along, so that `privacy` beside `data` says nothing more."""
    found = set(aspects)
    if "requirement" in found:
        return {"requirement"}
    return found - {"privacy"} if "data" in found else found


def _one(among: Sequence[T], number: int) -> T:
    return among[number % len(among)]


Act = Callable[[History, int, int, int], str | None]
#: How often each happens: half of the time somebody signs.
WEIGHTS: dict[Act, int] = {
    History.sign: 16,
    History.withdraw: 2,
    History.lift: 1,
    History.recuse: 1,
    History.role: 3,
    History.leave: 2,
    History.terms: 3,
    History.withdraw_terms: 1,
    History.flag: 3,
    History.link: 1,
    History.use: 1,
    History.tier: 1,
    History.publish: 2,
    History.report: 3,
    History.find: 1,
    History.settle: 2,
    History.edit: 1,
    History.reopen: 1,
}
ACTS: list[Act] = list(chain.from_iterable([act] * weight for act, weight in WEIGHTS.items()))


def at_random(seed: int, length: int) -> list[Step]:
    """The history of a seed."""
    draw = random.Random(seed)
    return [(draw.randrange(CHOICES), draw.randrange(CHOICES), draw.randrange(CHOICES), draw.randrange(CHOICES))
            for _step in range(length)]  # fmt: skip
