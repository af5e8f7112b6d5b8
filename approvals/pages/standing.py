"""What the database says of a release's people beside the gate, all in one query."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from approvals.gate.envelope import Judged, judged_from
from approvals.gate.gate import RequirementStatus
from approvals.models import Release
from approvals.pages.grounds import NAMED, Link, ids_of, links
from governance.accounts.models import Principal


@dataclass(frozen=True, slots=True)
class Attempt:
    """Someone asked for the promotion and was refused: what the gate answered then."""

    recorded_at: datetime
    recorded_by: str
    requirements: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Who may not judge the release and why, who asked in vain, and how many persons its policy can spare.

    `involved`: codes of what they did by the person's id, `names` theirs; `margin`: None where no policy is in force or
    it asks for no signature; `suspended`: whether the reader's signing is, since a password was reset; `grounds`: what
    the requirements rest on; `judged`: how the retraining envelope of its place judges it, None where none does.
    """

    involved: dict[int, list[str]]
    names: dict[int, str]
    attempts: list[Attempt]
    margin: int | None
    suspended: bool
    grounds: dict[tuple[str, int], Link]
    judged: Judged | None


_STANDING = f"""
SELECT
  (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM (
     SELECT p.id, p.display_name AS name, jsonb_agg(DISTINCT x.why ORDER BY x.why) AS why
     FROM muniment.involved(%(version)s) x JOIN governance_principal p ON p.id = x.person_id GROUP BY p.id) i),
  (SELECT jsonb_agg(jsonb_build_object('at', a.recorded_at, 'by', p.display_name, 'rows', a.requirements) ORDER BY a.id)
     FROM approvals_refusedattempt a JOIN governance_principal p ON p.id = a.recorded_by_id
     WHERE a.release_id = %(release)s),
  muniment.policy_margin(%(policy_version)s, %(namespace)s),
  muniment.signing_suspended(%(reader)s),
  (SELECT jsonb_agg(to_jsonb(n)) FROM ({NAMED}) n),
  muniment.envelope_of_release(%(release)s)
"""


def standing(
    release: Release, reader: Principal, requirements: Iterable[RequirementStatus], policy_version: int | None
) -> Standing:
    """How things stand with a release, for one reader.

    Args:
        requirements: the gate's answer. policy_version: id of the one in force for it; None: there is none, or the
            release is closed and nobody signs any more.
    """
    requirements = list(requirements)
    asked = {
        "version": release.model_version_id, "release": release.pk, "policy_version": policy_version,
        "namespace": release.model_version.model.namespace_id, "reader": reader.pk, **ids_of(requirements),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, asked)
        involved, attempts, margin, suspended, rows, judged = cursor.fetchone()
    people = _read(involved)
    return Standing(
        involved={one["id"]: one["why"] for one in people},
        names={one["id"]: one["name"] for one in people},
        attempts=[Attempt(_moment(one["at"]), one["by"], one["rows"]) for one in _read(attempts)],
        margin=margin,
        suspended=suspended,
        grounds=links(requirements, _read(rows)),
        judged=judged_from(judged),
    )


def _read(rows: str | None) -> list[dict[str, Any]]:
    # Django hands jsonb of raw queries over as text.
    found: list[dict[str, Any]] = json.loads(rows or "[]")
    return found


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    assert moment is not None, "PostgreSQL writes moments in JSON as ISO 8601"
    return moment
