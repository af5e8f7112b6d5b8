"""What voids what: the changes there are, the aspect each moves, and why a vote on record is stale.

Which votes a moved aspect voids is the database's to say (`muniment.aspects_bound`, approvals/gate/01_aspects.sql); the
table in docs/what-voids-what.md is made from both by `manage.py what_voids_what`, and a test holds it to them.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from approvals.models import Aspect, Release
from governance.accounts.models import Principal


@dataclass(frozen=True)
class Change:
    """Something that can happen to a release after a vote.

    Attributes:
        what: in words. aspect: the one it moves; None: none.
    """

    what: str
    aspect: Aspect | None


CHANGES = (
    Change("the code's commit is recorded on the run, where none was", Aspect.SUBJECT),
    Change("the version's digest or commit is filled in, where it was blank", Aspect.SUBJECT),
    Change("parameters are told of the version after it was registered", Aspect.SUBJECT),
    Change(
        "data or a model not known to be above is linked, or one known turns out to be read at first hand", Aspect.DATA
    ),
    Change("a link above it, of a run or of columns, is voided or restored by a correction", Aspect.DATA),
    Change("terms begin that narrow what the terms before them permitted", Aspect.PRIVACY),
    Change("terms are withdrawn, whatever is recorded after them", Aspect.PRIVACY),
    Change("terms begin on data that had none", Aspect.PRIVACY),
    Change("a flag is raised: a new one, or an answer that says more or worse", Aspect.PRIVACY),
    Change("a column is linked to one under a flag, so that the flag may travel further", Aspect.PRIVACY),
    Change("the model's purpose, risk tier or places of deployment change, and change back", Aspect.USE),
    Change("evidence that was seen is superseded by a later item under its plan, good or bad", Aspect.EVIDENCE),
    Change("a requirement reads otherwise or is not asked for a while, by publication or by tier", Aspect.REQUIREMENT),
    Change("terms begin that permit as much or more", None),
    Change("a flag is answered more mildly, or the same again", None),
    Change("titles, descriptions, documents and the places where things lie are edited", None),
    Change("terms, retention or evidence run out by time (the requirement fails by itself)", None),
    Change("a policy is published in which the requirement reads the same", None),
)
#: What ends a person's votes whatever they bind to.
OF_PERSONS = (
    "the role grant ended or ran out; given again it is another grant",
    "the account was inactive at any moment since",
    "the person has a hand in the version: trained, registered, edited, reported evidence, or answers for who did",
    "the vote was withdrawn",
)
WORDINGS: Mapping[str, str | Promise] = {
    "commit-recorded": _("the commit %(commit)s was recorded"),
    "filled-in": _("what was blank was filled in: digest %(digest)s, commit %(commit)s"),
    "parameters-told": _("parameters were told of it: %(names)s"),
    "data-linked": _("%(dataset)s (%(version)s) was linked above it"),
    "model-linked": _("the model %(model)s, version %(version)s, was linked above it"),
    "made-by-run": _("it was linked to run %(run)s"),
    "link-voided": _("a link of run %(run)s above it was found wrong and voided"),
    "link-restored": _("a link of run %(run)s above it was restored"),
    "terms-narrowed": _("the terms of %(dataset)s became narrower with number %(number)s"),
    "terms-withdrawn": _("the terms of %(dataset)s, number %(number)s, were withdrawn"),
    "first-terms": _("%(dataset)s got its first terms"),
    "flag-raised": _("%(category)s was raised on %(dataset)s (%(version)s)"),
    "flag-let-through": _("columns of %(dataset)s (%(version)s) were linked to columns under a flag"),
    "use-changed": _("purpose, tier or places of the model changed"),
    "policy-published": _("version %(number)s of the policy was published"),
    "evidence-superseded": _("evidence %(evidence)s was superseded by %(by)s"),
}
#: The same where it happened in a namespace that the reader does not read.
ELSEWHERE: Mapping[str, str | Promise] = {
    "data-linked": _("data of another namespace was linked above it"),
    "model-linked": _("a model of another namespace was linked above it"),
    "made-by-run": _("a run of another namespace above it was linked"),
    "link-voided": _("a link of a run of another namespace above it was found wrong and voided"),
    "link-restored": _("a link of a run of another namespace above it was restored"),
    "terms-narrowed": _("the terms of data of another namespace became narrower"),
    "terms-withdrawn": _("the terms of data of another namespace were withdrawn"),
    "first-terms": _("data of another namespace got its first terms"),
    "flag-raised": _("%(category)s was raised on data of another namespace"),
    "flag-let-through": _("columns of data of another namespace were linked to columns under a flag"),
}


@dataclass(frozen=True)
class Cause:
    """Why a vote is stale: what happened, who did it and when (UTC)."""

    aspect: str
    what: str
    says: str
    by: str
    at: datetime


def causes(release: Release, reader: Principal) -> dict[int, list[Cause]]:
    """The stale votes of a release and what made them so, oldest first, as someone may read it.

    What changed in a namespace that they do not read is told without its name, and without who did it.

    Returns:
        sign-off id -> its causes. One query.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.sign_off_id, c.aspect, c.what, x.read,"
            " CASE WHEN x.read ? 'hidden' THEN '' ELSE coalesce(p.display_name, '') END, c.at"
            " FROM muniment.causes_of_staleness(%s) WITH ORDINALITY"
            "   AS c (sign_off_id, aspect, what, params, by_id, at, n)"
            " CROSS JOIN LATERAL (SELECT muniment.reason_read_by(%s, c.params) AS read) x"
            " LEFT JOIN public.governance_principal p ON p.id = c.by_id ORDER BY c.n",
            [release.pk, reader.pk],
        )
        rows = cursor.fetchall()
    found: dict[int, list[Cause]] = defaultdict(list)
    for sign_off, aspect, what, params, by, at in rows:
        found[sign_off].append(Cause(aspect, what, _say(what, params), by, at))
    return dict(found)


def _say(what: str, params: Any) -> str:
    given = json.loads(params) if isinstance(params, str) else params
    return str(ELSEWHERE[what] if "hidden" in given else WORDINGS[what]) % defaultdict(lambda: "?", given)


def bound_to(binds: list[str]) -> set[str]:
    """The aspects whose change voids a vote on a requirement that binds so, by the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.aspects_bound(%s)", [binds])
        return set(cursor.fetchone()[0])


def table() -> str:
    """The table as Markdown: a row per change, a column per aspect a requirement can bind to."""
    columns = [a for a in Aspect if a not in (Aspect.REQUIREMENT, Aspect.ROLE)]
    voided = {column: bound_to([column]) for column in columns}
    lines = [
        "| what happens | " + " | ".join(f"votes on {c}" for c in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for change in CHANGES:
        cells = ["void" if change.aspect in voided[c] else "" for c in columns]
        lines.append(f"| {change.what} | " + " | ".join(cells) + " |")
    lines += ["", "Whatever they bind to, the votes of a person end for good when:", ""]
    lines += [f"- {one}" for one in OF_PERSONS]
    return "\n".join(lines) + "\n"
