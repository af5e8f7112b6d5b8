"""The table of `test_permissions.py`: for each address who may and who may not, and what is sent.

Members of the cast are named as in `tests/cast.py`; `anonymous` is nobody, `outsider` has a namespace of their own.
An address that answers both GET and POST has a row in both tables. Each room's rows stand in a module of their own,
listed in `ROOMS`.
"""

from tests.permission_table import (
    bringing_in,
    checks,
    desk,
    doors,
    facts,
    judgements,
    kernel,
    lineage,
    mlflow,
    moments,
    monitoring,
    openlineage,
    people,
    profiles,
    tracking,
    trials,
    vocabularies,
    work,
)
from tests.permission_table.row import AFTER_DAYS, WHY, Row

ROOMS = (
    kernel, people, facts, lineage, tracking, judgements, bringing_in, vocabularies, work, desk, doors, moments, mlflow,
    openlineage, checks, trials, monitoring, profiles,
)  # fmt: skip
GET: dict[str, Row] = {route: row for room in ROOMS for route, row in room.GET.items()}
POST: dict[str, Row] = {route: row for room in ROOMS for route, row in room.POST.items()}

#: Addresses under these belong to others' own tests; what is checked of them here stands in test_permissions.py.
PREFIXES: dict[str, str] = {
    "admin/": "auditors and administrators, read-only (tests/governance/history/test_admin.py)",
    "accounts/": "sign-in: everyone for themselves (tests/governance/accounts)",
    "log/": "the public log: whoever holds its address (tests/governance/ledger)",
    "api/v1/log": "entries for auditors, proofs for everyone signed in (tests/governance/ledger)",
}

__all__ = ["AFTER_DAYS", "GET", "POST", "PREFIXES", "WHY", "Row"]
