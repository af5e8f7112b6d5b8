"""The release rules in plain Python, written from the contract and from nothing of the product's.

It knows events and what each of them voids. It knows no digests, no epochs and no SQL: a vote is void from the moment
something it was bound to changed, and stays so, because nothing here takes a cause away again. The quorum is a flow.
What runs out by time is asked for a day: so many from now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.approvals.model.flow import filled

WHOLE = ("subject", "requirement")
STRENGTH = {"none": 0, "masked": 1, "pseudonymised": 2, "anonymised": 3, "dropped": 3}
COUNTRIES = {"EU": {"DE", "FR", "IT"}}


@dataclass(frozen=True)
class Asked:
    """A sign-off requirement as it reads. Two that read alike are equal."""

    key: str
    role: str
    count: int = 1
    veto: bool = False
    binds: frozenset[str] = frozenset()
    title: str = ""

    @property
    def bound(self) -> frozenset[str]:
        """Aspects its votes are bound to: whatever a policy says, a judgement is of the artifact, under this text; and of
        the data too, unless it is of the use alone."""
        pure = "use" in self.binds and self.binds <= {"use", "requirement", "role"}
        return self.binds.union(WHOLE, () if pure else ("data",))


@dataclass(frozen=True)
class Measured:
    """A requirement of evidence: good and no older than so many days; where asked, by nobody who made the thing."""

    max_age: int
    independent: bool = False
    key: str = "evidence"


@dataclass(frozen=True)
class NoFindings:
    """A requirement that nothing is found that blocks, or is overdue and then blocks."""

    key: str = "findings"


Text = Asked | Measured | NoFindings


@dataclass(frozen=True)
class Item:
    """Evidence: by whom (None: a machine), and the day it is not valid any more."""

    plan: str
    good: bool
    by: str | None = None
    ends: int | None = None


@dataclass(frozen=True)
class Condition:
    """What an approval is subject to: the day it is due, and what overdue does."""

    due: int
    when_overdue: str


@dataclass
class Found:
    """A finding on the model version (`place`: model) or on a dataset. One that is a condition has the vote it came with."""

    place: str
    blocks: bool
    condition: Condition | None = None
    vote: int | None = None
    open: bool = True
    fallen: bool = False
    """Its vote was taken back."""

    def holds_up(self, day: int) -> bool:
        """Whether it closes the gate on a day, where it is looked at."""
        overdue = self.condition and self.condition.when_overdue != "nothing" and self.condition.due <= day
        return self.open and not self.fallen and bool(self.blocks or overdue)


@dataclass(frozen=True)
class Terms:
    """What data may be used for, where, and for how many days (None: no limit). No places: anywhere."""

    purposes: frozenset[str]
    forbidden: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    days: int | None = None

    def narrower_than(self, before: "Terms") -> bool:
        """Whether they permit less in anything."""
        return not (
            self.purposes >= before.purposes
            and self.forbidden <= before.forbidden
            and (not self.places or (bool(before.places) and _countries(self.places) >= _countries(before.places)))
            and (self.days is None or (before.days is not None and self.days >= before.days))
        )


def _countries(places: Iterable[str]) -> set[str]:
    return set().union(*(COUNTRIES.get(place, {place}) for place in places))


@dataclass(frozen=True)
class Answer:
    """Whether a dataset version holds a category of sensitive data, and what was done about it."""

    present: str
    treatment: str = "none"

    def worse_than(self, before: "Answer | None") -> bool:
        """Whether it says more or worse: what was not there is, or is less certain, or is protected less."""
        if self.present == "no":
            return False
        return before is None or self.present != before.present or STRENGTH[self.treatment] < STRENGTH[before.treatment]


@dataclass
class Vote:
    """A signed vote, with what has voided it. `asked`: the requirement as it read."""

    number: int
    person: str
    asked: Asked
    approves: bool
    plans: frozenset[str]
    withdrawn: bool = False
    void: set[str] = field(default_factory=set)
    """Aspects that changed."""
    lost: set[str] = field(default_factory=set)
    """Of grant-ended, voter-inactive, voter-contributed, voter-recused."""
    lifted: bool = False
    """A veto that the head of the role has lifted."""
    ends: int | None = None
    """The day its grant runs out."""

    def lost_by(self, day: int) -> set[str]:
        """What has ended it by then, other than what changed."""
        return self.lost | {"grant-ended"} if self.ends is not None and self.ends <= day else self.lost

    def stands(self, day: int = 0) -> bool:
        """Whether it counts, if it is asked for at all."""
        return not self.withdrawn and not self.void and not self.lost_by(day)


@dataclass(frozen=True)
class Verdict:
    """How a requirement stands: vetoed, and how many distinct persons fill it."""

    satisfied: bool
    vetoed: bool
    filled: int


class Rules:
    """One release, from its opening on."""

    def __init__(self, policies: Mapping[str, list[Text]], tier: str, roles: Mapping[str, Iterable[str]]) -> None:
        self.policies = {name: {text.key: text for text in texts} for name, texts in policies.items()}
        self.tier = tier
        self.roles: dict[str, dict[str, int | None]] = {person: dict.fromkeys(held) for person, held in roles.items()}
        """Who holds which, and the day it runs out."""
        self.inactive: set[str] = set()
        self.contributors: set[str] = set()
        self.makers: set[str] = set()
        """Contributors by more than a report."""
        self.recused: set[str] = set()
        self.votes: list[Vote] = []
        self.terms: dict[str, Terms] = {}
        self.withdrawn: set[str] = set()
        self.answers: dict[tuple[str, str], Answer] = {}
        self.above: dict[str, set[str]] = {}
        """What was read to make a thing: `model` was made by training."""
        self.evidence: list[Item] = []
        self.findings: list[Found] = []

    @property
    def policy(self) -> dict[str, Asked]:
        """The signatures that are asked for now."""
        return {key: text for key, text in self.policies[self.tier].items() if isinstance(text, Asked)}

    @property
    def data(self) -> set[str]:
        """Everything the model was made from."""
        found: set[str] = set()
        todo = ["model"]
        while todo:
            for one in self.above.get(todo.pop(), ()):
                if one not in found:
                    found.add(one)
                    todo.append(one)
        return found

    def _void(self, aspect: str) -> None:
        for vote in self.votes:
            if aspect in vote.asked.bound:
                vote.void.add(aspect)

    def _lose(self, person: str, cause: str, role: str | None = None) -> None:
        for vote in self.votes:
            if vote.person == person and role in (None, vote.asked.role):
                vote.lost.add(cause)

    # --- What happens ---------------------------------------------------------------------------------------------

    def may_sign(self, person: str, key: str) -> bool:
        """Whether a signature is taken: asked for, by one who holds the role, had no hand in it, and has not voted."""
        asked = self.policy.get(key)
        if (
            asked is None
            or person in self.inactive | self.contributors | self.recused
            or asked.role not in self.roles[person]
        ):
            return False
        return not any(v.person == person and not v.withdrawn and v.asked.key == key and (v.stands() or not v.approves)
                       for v in self.votes)  # fmt: skip

    def sign(self, number: int, person: str, key: str, approves: bool, condition: Condition | None = None) -> None:
        """A vote on everything as it stands, with all evidence there is beside it. A condition is a finding from then on."""
        asked, seen = self.policy[key], frozenset(item.plan for item in self.evidence)
        self.votes.append(Vote(number, person, asked, approves, seen, ends=self.roles[person][asked.role]))
        if condition:
            self.findings.append(Found("model", False, condition, number))

    def withdraw(self, number: int) -> None:
        """Its author takes a vote back, and its condition falls with it."""
        next(vote for vote in self.votes if vote.number == number).withdrawn = True
        for found in self.findings:
            found.fallen = found.fallen or found.vote == number

    def end_role(self, person: str, role: str) -> None:
        """What was signed under it is lost, even if the role is given again."""
        self.roles[person].pop(role)
        self._lose(person, "grant-ended", role)

    def give_role(self, person: str, role: str, ends: int | None = None) -> None:
        """From now on, to the end of a day or for good."""
        self.roles[person][role] = ends

    def deactivate(self, person: str) -> None:
        """Who leaves loses all roles meanwhile."""
        self.inactive.add(person)
        self._lose(person, "voter-inactive")

    def reactivate(self, person: str) -> None:
        self.inactive.discard(person)

    def contribute(self, person: str) -> None:
        """Whoever had a hand in it judges it no more, nor did before."""
        self.makers.add(person)
        self._involve(person)

    def _involve(self, person: str) -> None:
        self.contributors.add(person)
        self._lose(person, "voter-contributed")

    def recuse(self, person: str) -> None:
        """Who declares a conflict of interest steps aside, with the votes they gave before."""
        self.recused.add(person)
        self._lose(person, "voter-recused")

    def may_be_lifted(self, vote: Vote) -> bool:
        """Whether it is a veto that stands."""
        asked = self.policy.get(vote.asked.key)
        return asked is not None and asked.veto and not (vote.approves or vote.withdrawn or vote.lifted)

    def lift(self, number: int) -> None:
        """The head of the role lifts a veto: it is a rejection like others then."""
        next(vote for vote in self.votes if vote.number == number).lifted = True

    def record_terms(self, dataset: str, terms: Terms) -> None:
        """Narrower than those before, or the first (there was nothing to judge till then): privacy. Wider: nothing."""
        before = self.terms.get(dataset)
        self.terms[dataset] = terms
        self.withdrawn.discard(dataset)
        if (before is None or terms.narrower_than(before)) and dataset in self.data:
            self._void("privacy")

    def withdraw_terms(self, dataset: str) -> None:
        self.withdrawn.add(dataset)
        if dataset in self.data:
            self._void("privacy")

    def answer_flag(self, dataset: str, category: str, answer: Answer) -> None:
        """Raised: privacy. Cleared: nothing."""
        before = self.answers.get((dataset, category))
        self.answers[dataset, category] = answer
        if answer.worse_than(before) and dataset in self.data:
            self._void("privacy")

    def link(self, dataset: str, made: str) -> None:
        """Late lineage: data or models that were not known to be in it, or not as training data. They bring their own
        terms and flags along."""
        before = self.data
        self.above.setdefault(made, set()).add(dataset)
        if self.data != before or made == "model":
            self._void("data")

    def change_use(self) -> None:
        """Another purpose, other places: an earlier one again is another use too."""
        self._void("use")

    def change_tier(self, tier: str) -> None:
        """Another use, and another policy: votes go on where the requirement reads the same."""
        self.tier = tier
        self._void("use")
        self._reread()

    def publish(self, texts: list[Text]) -> None:
        """In force at once; a requirement that reads as before keeps its votes."""
        self.policies[self.tier] = {text.key: text for text in texts}
        self._reread()

    def _reread(self) -> None:
        for vote in self.votes:
            if self.policy.get(vote.asked.key) != vote.asked:
                vote.void.add("requirement")

    def report(self, item: Item) -> None:
        """Evidence under a plan, good or bad, takes the place of what was cited under it. Who reports judges no more."""
        self.evidence.append(item)
        for vote in self.votes:
            if item.plan in vote.plans and "evidence" in vote.asked.bound:
                vote.void.add("evidence")
        if item.by:
            self._involve(item.by)

    def find(self, place: str) -> Found:
        """A finding that blocks."""
        self.findings.append(Found(place, True))
        return self.findings[-1]

    def reopen(self) -> None:
        """Another release of the same version: nobody has signed it."""
        self.votes.clear()

    # --- How it stands --------------------------------------------------------------------------------------------

    def counting(self, day: int = 0) -> list[Vote]:
        """Approvals that count, on what is asked now."""
        return [v for v in self.votes if v.stands(day) and v.approves and v.asked.key in self.policy]

    def measured_well(self, asked: Measured, day: int) -> bool:
        """Whether something good and fresh counts, and no failure stands: one does until the same reporter, or one who
        did not make the thing, finds it good under the same plan."""
        fresh = any(
            item.good
            and asked.max_age > day
            and (item.ends is None or item.ends > day)
            and not (asked.independent and item.by in self.makers)
            for item in self.evidence
        )
        return fresh and all(
            item.good
            or any(later.good and later.plan == item.plan and (later.by == item.by or later.by not in self.makers)
                   for later in self.evidence[position:])
            for position, item in enumerate(self.evidence)
        )  # fmt: skip

    def clear_of_findings(self, day: int) -> bool:
        """Whether nothing holds it up that was found on it or on the data it was made from."""
        return not any(found.holds_up(day) for found in self.findings if found.place in {"model", *self.data})

    def verdicts(self, day: int = 0) -> dict[str, Verdict]:
        """How each requirement stands on a day; signatures in the policy's order: earlier ones are filled first, none at
        another's cost."""
        able: dict[str, set[str]] = {key: set() for key in self.policy}
        for vote in self.counting(day):
            able[vote.asked.key].add(vote.person)
        wanted = filled({key: asked.count for key, asked in self.policy.items()}, able)
        found = {}
        for key, asked in self.policies[self.tier].items():
            if not isinstance(asked, Asked):
                met = self.measured_well(asked, day) if isinstance(asked, Measured) else self.clear_of_findings(day)
                found[key] = Verdict(met, False, 0)
                continue
            rejected = any(v.asked.key == key and not (v.approves or v.withdrawn or v.lifted) for v in self.votes)
            vetoed = asked.veto and rejected
            found[key] = Verdict(wanted[key] >= asked.count and not vetoed, vetoed, wanted[key])
        return found
