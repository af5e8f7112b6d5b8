"""An inventory in the shape of a large public body's: thousands of models, a few hundred rows faulty in known ways."""

import csv
import hashlib
import io
import random
from dataclasses import dataclass

COLUMNS = (
    "name", "title", "description", "owner", "intended_purpose", "deployment_geography", "legal_or_similar_effect",
    "safety_component", "special_category_data", "personal_data", "no_human_review", "version_digest",
    "version_artifact_uri", "version_code_commit",
)  # fmt: skip
TOPICS = ("claims triage", "document search", "fraud alert", "imaging aid", "call routing", "benefit forecast")
PURPOSES = ("dpv:ServiceProvision", "dpv:ResearchAndDevelopment", "dpv:CreditChecking", "")
#: What is done to a row to make it faulty -> (field that must be named, what to write there).
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "no name": ("name", {"name": ""}),
    "name too long": ("name", {"name": "x" * 257}),
    "name with a blank at its end": ("name", {"name": "trailing "}),
    "invisible character": ("name", {"name": "zero\u200bwidth"}),
    "control character": ("title", {"title": "bell\x07"}),
    "title too long": ("title", {"title": "t" * 257}),
    "title of two lines": ("title", {"title": "one\ntwo"}),
    "unknown person": ("owner", {"owner": "nobody@bank.example"}),
    "no term": ("intended_purpose", {"intended_purpose": "credit checking"}),
    "misspelt term": ("intended_purpose", {"intended_purpose": "dpv:CreditCheking"}),
    "no place": ("deployment_geography", {"deployment_geography": "Germany"}),
    "neither yes nor no": ("personal_data", {"personal_data": "maybe"}),
    "no digest": ("version_digest", {"version_digest": "sha256:1234"}),
    "weak digest": ("version_digest", {"version_digest": "md5:" + "0" * 32}),
    "commit with blanks": ("version_code_commit", {"version_code_commit": "not a commit"}),
    "version without artifact": ("version_digest", {"version_digest": "", "version_artifact_uri": ""}),
}


@dataclass(frozen=True)
class Inventory:
    """A file, and which line of it is faulty in which field."""

    content: bytes
    faulty: dict[int, str]
    rows: int


def inventory(rows: int, faulty: int, *, seed: int = 7) -> Inventory:
    """A CSV of so many models, so many of them faulty, every kind of fault among them."""
    drawn = random.Random(seed)
    spoilt = dict(zip(sorted(drawn.sample(range(rows), faulty)), _kinds(faulty), strict=True))
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    line, named = 2, {}
    for number in range(rows):
        row = _row(drawn, number)
        if number in spoilt:
            field, change = KINDS[spoilt[number]]
            row.update(change)
            named[line] = field
            if change.get("name"):
                row["name"] = change["name"] + (
                    "" if len(change["name"]) > 256 or change["name"].endswith(" ") else f"-{number}"
                )
        before = written.tell()
        writer.writerow(row)
        line += written.getvalue()[before:].count("\n")
    return Inventory(written.getvalue().encode(), named, rows)


def _kinds(count: int) -> list[str]:
    names = list(KINDS)
    return [names[index % len(names)] for index in range(count)]


def _row(drawn: random.Random, number: int) -> dict[str, str]:
    topic = drawn.choice(TOPICS)
    return {
        "name": f"agency-{number % 41:02}/{topic.replace(' ', '-')}-{number}",
        "title": f"{topic.capitalize()} {number}",
        "description": f"Helps staff with {topic}, “as is”;\nreviewed yearly."
        if number % 50 == 0
        else f"Helps with {topic}.",
        "owner": "owner@bank.example" if number % 3 == 0 else "",
        "intended_purpose": drawn.choice(PURPOSES),
        "deployment_geography": drawn.choice(("US", "DE; AT", "")),
        **{key: drawn.choice(("yes", "no", "")) for key in COLUMNS[6:11]},
        "version_digest": "sha256:" + hashlib.sha256(str(number).encode()).hexdigest(),
        "version_artifact_uri": f"s3://models/{number}",
        "version_code_commit": f"{number:08x}",
    }
