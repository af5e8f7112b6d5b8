"""What the chapters of the story share: who is there, where the product runs, and what has been registered so far."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import Answer, Person, Service, Shell
from science import Candidate, Data, Value
from telling import Teller

MODEL = "breast-cancer-second-reader"
PURPOSE = "dpv:ScientificResearch"
ENVIRONMENT = "production"


@dataclass
class Scene:
    """The state of the story."""

    tell: Teller
    variables: dict[str, str]
    folder: Path
    data: Data
    pipeline: Service
    laboratory: Service
    audit_tool: Service
    shell: Shell
    beside: Executor  # where is prepared what a later chapter needs
    ids: dict[str, int] = field(default_factory=dict)
    persons: dict[str, Future[Person]] = field(default_factory=dict)
    moments: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The namespace of this run."""
        return self.variables["NAMESPACE"]

    def invite(self, *keys: str) -> None:
        """Let people of demo.env sign in, beside the story."""
        for key in keys:
            if key not in self.persons:
                user, password = self.variables[f"{key}_USER"], self.variables[f"{key}_PASSWORD"]
                url = self.variables["MUNIMENT_URL"]
                self.persons[key] = self.beside.submit(Person, url, key.lower(), user, password)

    def person(self, key: str) -> Person:
        """Someone of demo.env, signed in.

        Raises:
            StoryBroken: they could not sign in.
        """
        self.invite(key)
        return self.persons[key].result()

    def keep(self, name: str, answer: Answer) -> Answer:
        """Remember the id of what was registered."""
        self.ids[name] = int(answer["id"])
        return answer


def digest_of(candidate: Candidate) -> str:
    """The digest of a candidate's file as the product writes it."""
    return f"sha256:{candidate.digest}"


def as_measured(values: list[Value]) -> list[dict[str, Any]]:
    """Measured values as evidence takes them: decimal text, so that no digit is lost on the way."""
    return [
        {
            "metric": one.metric,
            "value": f"{one.value:.6f}",
            "ci_low": f"{min(one.low, round(one.value, 6)):.6f}",
            "ci_high": f"{max(one.high, round(one.value, 6)):.6f}",
            "slice": one.slice,
            "dataset_role": "test",
        }
        for one in values
    ]


def in_words(values: list[Value]) -> str:
    """Measured values for people."""
    return ", ".join(
        f"{one.metric}{' on ' + one.slice if one.slice else ''} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
        for one in values
    )


def gaps(requirements: list[dict[str, Any]]) -> list[str]:
    """What a closed gate misses, a line each: the first sentences of its messages."""
    return [
        f"✗ {one['key']}: {sentence}"
        for one in requirements
        if one["status"] not in ("SATISFIED", "NOT_APPLICABLE", "WAIVED")
        for sentence in one["message"].splitlines()
    ]


def met(requirements: list[dict[str, Any]]) -> list[str]:
    """The keys of what is satisfied."""
    return [one["key"] for one in requirements if one["status"] == "SATISFIED"]


def clock(moment: str) -> str:
    """A moment for people, to the second."""
    return f"{moment[:19].replace('T', ' ')} UTC"
