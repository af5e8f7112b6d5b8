"""Sending events and working them off, as the tests of the receiver do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from lineage.actions import keep_events
from lineage.actions.openlineage import Kept, recognised
from lineage.models import OpenLineageIntake
from lineage.openlineage.working import work_off
from tests.cast import KEYS, Cast

Event = dict[str, Any]
WHY = "A test of the receiver"


def kept(actor: Any, *events: Event) -> list[Kept]:
    """Events kept as an account sends them."""
    return keep_events(actor=actor, reason=WHY, events=[recognised(one) for one in events])


def worked(actor: Any, *events: Event) -> list[OpenLineageIntake]:
    """Events kept and worked off, and what became of each."""
    ids = [one.id for one in kept(actor, *events)]
    work_off()
    found = OpenLineageIntake.objects.in_bulk(ids)
    return [found[pk] for pk in ids]


def why(intake: OpenLineageIntake) -> list[str]:
    """What was left out of an event, facets that nothing is made of excepted."""
    return [f"{note['path']}: {note['why']}" for note in intake.notes if not note["unknown"]]


@contextmanager
def taken_back() -> Iterator[None]:
    """What is done inside leaves nothing behind; acts are durable transactions, so no block may stand around them."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


@pytest.fixture
def second(cast: Cast) -> Any:
    """Another producer at home in `retail`."""
    from governance.accounts.actions.grants import grant_role
    from governance.accounts.actions.principals import create_service_account
    from governance.accounts.roles import Role

    made = create_service_account(
        actor=cast.admin, name="spark", display_name="Spark (service)", responsible=cast.engineer,
        home_namespace=cast.retail, reason=WHY,
    )  # fmt: skip
    grant_role(actor=cast.admin, principal=made, role=Role.PIPELINE, namespace=cast.retail, reason=WHY)
    return made


@pytest.fixture
def key(cast: Cast) -> Callable[[str], dict[str, str]]:
    """The header that shows a service account's key."""
    return lambda name: {"Authorization": f"Bearer {KEYS[name]}"}
