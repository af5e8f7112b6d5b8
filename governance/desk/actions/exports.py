"""Taking records out in bulk is an act of its own."""

from collections.abc import Mapping
from typing import Any

from governance.accounts.models import Principal
from governance.desk.models import Export
from governance.unit_of_work import action


@action
def record_export(*, actor: Principal, reason: str, what: str, form: str, filters: Mapping[str, Any]) -> Export:
    """Put on record that the actor takes records out: before the first byte leaves.

    Args:
        what: as `Source.what`. form: csv or jsonl. filters: as they were asked for, JSON.
    """
    return Export.objects.create(what=what, format=form, filters=dict(filters))
