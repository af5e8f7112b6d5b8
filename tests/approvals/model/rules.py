"""The release rules in plain Python, written from the contract and from nothing of the product's.

It knows events and what each of them voids. It knows no digests, no epochs and no SQL: a vote is void from the moment
something it was bound to changed, and stays so, because nothing here takes a cause away again. The quorum is a flow.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

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

    @property
    def stands(self) -> bool:
        """Whether it counts, if it is asked for at all."""
        return not self.withdrawn and not self.void and not self.lost


@dataclass(frozen=True)
class Verdict:
    """How a requirement stands: vetoed, and how many distinct persons fill it."""

    satisfied: bool
    vetoed: bool
    filled: int


class Rules:
    """One release, from its opening on."""

    def __init__(self, policies: Mapping[str, list[Asked]], tier: str, roles: Mapping[str, Iterable[str]]) -> None:
        self.policies = {name: {asked.key: asked for asked in texts} for name, texts in policies.items()}
        self.tier = tier
        self.roles = {person: set(held) for person, held in roles.items()}
        self.inactive: set[str] = set()
        self.contributors: set[str] = set()
        self.recused: set[str] = set()
        self.votes: list[Vote] = []
        self.terms: dict[str, Terms] = {}
        self.withdrawn: set[str] = set()
        self.answers: dict[tuple[str, str], Answer] = {}
        self.above: dict[str, set[str]] = {}
        """What was read to make a thing: `model` was made by training."""
        self.measured: set[str] = set()
        """Plans that evidence was reported under."""

    @property
    def policy(self) -> dict[str, Asked]:
        """What is asked now."""
        return self.policies[self.tier]

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
        return not any(v.person == person and not v.withdrawn and v.asked.key == key and (v.stands or not v.approves)
                       for v in self.votes)  # fmt: skip

    def sign(self, number: int, person: str, key: str, approves: bool) -> None:
        """A vote on everything as it stands, with all evidence there is beside it."""
        self.votes.append(Vote(number, person, self.policy[key], approves, frozenset(self.measured)))

    def withdraw(self, number: int) -> None:
        """Its author takes a vote back."""
        next(vote for vote in self.votes if vote.number == number).withdrawn = True

    def end_role(self, person: str, role: str) -> None:
        """What was signed under it is lost, even if the role is given again."""
        self.roles[person].discard(role)
        self._lose(person, "grant-ended", role)

    def give_role(self, person: str, role: str) -> None:
        self.roles[person].add(role)

    def deactivate(self, person: str) -> None:
        """Who leaves loses all roles meanwhile."""
        self.inactive.add(person)
        self._lose(person, "voter-inactive")

    def reactivate(self, person: str) -> None:
        self.inactive.discard(person)

    def contribute(self, person: str) -> None:
        """Whoever had a hand in it judges it no more, nor did before."""
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

    def publish(self, texts: list[Asked]) -> None:
        """In force at once; a requirement that reads as before keeps its votes."""
        self.policies[self.tier] = {asked.key: asked for asked in texts}
        self._reread()

    def _reread(self) -> None:
        for vote in self.votes:
            if self.policy.get(vote.asked.key) != vote.asked:
                vote.void.add("requirement")

    def report(self, plan: str) -> None:
        """Evidence under a plan, good or bad, takes the place of what was cited under it."""
        self.measured.add(plan)
        for vote in self.votes:
            if plan in vote.plans and "evidence" in vote.asked.bound:
                vote.void.add("evidence")

    def reopen(self) -> None:
        """Another release of the same version: nobody has signed it."""
        self.votes.clear()

    # --- How it stands --------------------------------------------------------------------------------------------

    def counting(self) -> list[Vote]:
        """Approvals that count, on what is asked now."""
        return [v for v in self.votes if v.stands and v.approves and v.asked.key in self.policy]

    def verdicts(self) -> dict[str, Verdict]:
        """How each requirement stands, in the policy's order: earlier ones are filled first, none at another's cost."""
        able: dict[str, set[str]] = {key: set() for key in self.policy}
        for vote in self.counting():
            able[vote.asked.key].add(vote.person)
        wanted: dict[str, int] = dict.fromkeys(self.policy, 0)
        for key, asked in self.policy.items():
            for _place in range(asked.count):
                more = {**wanted, key: wanted[key] + 1}
                if quorum(more, able) == sum(more.values()):
                    wanted = more
        found = {}
        for key, asked in self.policy.items():
            rejected = any(v.asked.key == key and not (v.approves or v.withdrawn or v.lifted) for v in self.votes)
            vetoed = asked.veto and rejected
            found[key] = Verdict(wanted[key] >= asked.count and not vetoed, vetoed, wanted[key])
        return found


def quorum(wanted: Mapping[str, int], able: Mapping[str, set[str]]) -> int:
    """The greatest number of places that distinct persons fill, each one place: a maximum flow (Edmonds and Karp).

    Args:
        wanted: places per requirement. able: persons per requirement.
    """
    room: dict[tuple[Hashable, Hashable], int] = {}
    for key, places in wanted.items():
        room["source", ("asked", key)] = places
        for person in able[key]:
            room[("asked", key), ("person", person)] = 1
            room[("person", person), "sink"] = 1
    neighbours: dict[Hashable, set[Hashable]] = {}
    for a, b in list(room):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
        room.setdefault((b, a), 0)
    here: Hashable
    flow = 0
    while True:
        came: dict[Hashable, Hashable] = {"source": "source"}
        todo: deque[Hashable] = deque(["source"])
        while todo and "sink" not in came:
            here = todo.popleft()
            for there in neighbours.get(here, ()):
                if there not in came and room[here, there] > 0:
                    came[there] = here
                    todo.append(there)
        if "sink" not in came:
            return flow
        here = "sink"
        while here != "source":
            room[came[here], here] -= 1
            room[here, came[here]] += 1
            here = came[here]
        flow += 1
