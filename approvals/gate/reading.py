"""The gate's answer as someone may read it: what lies in namespaces they do not read keeps its place, not its name.

The gate looks at everything above a version, whoever's it is, and decisions keep that whole. A reader of the model's
namespace is told that a dataset of another one stands against it, and not which. What is masked is the database's to
say (approvals/gate/95_reading.sql), for lists, histories and exports alike.
"""

from collections.abc import Sequence

from approvals.gate.gate import RequirementStatus, from_rows
from approvals.models.promotions import REQUIREMENTS_READ_BY
from governance.accounts.models import Principal
from governance.history import masking


def as_read_by(requirements: Sequence[RequirementStatus], reader: Principal) -> list[RequirementStatus]:
    """The requirements with what the reader may not read masked. One query."""
    return all_as_read_by([requirements], reader)[0]


def all_as_read_by(lists: Sequence[Sequence[RequirementStatus]], reader: Principal) -> list[list[RequirementStatus]]:
    """`as_read_by` for many lists at once, in one query; none where all are empty."""
    rows = [[one.as_row() for one in requirements] for requirements in lists if requirements]
    read = iter(masking.as_read_by(reader, REQUIREMENTS_READ_BY, rows))
    return [from_rows(next(read)).requirements if requirements else [] for requirements in lists]
