"""A database of the histories' own, with the stage built in it once for the tests of a module."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests import databases
from tests.approvals.model.stage import Stage, build
from tests.cast import load

#: Histories take no time: here the delay before the head of a role may lift a veto is over at once.
AT_ONCE = """
CREATE OR REPLACE FUNCTION muniment.veto_lift_from(signed_at timestamptz, params jsonb) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT signed_at $$
"""
#: What a million steps need not pay for each time: words for the auditors' search, and plans made anew.
LESS_WORK = """
DO $$
DECLARE
  v_table regclass;
BEGIN
  EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
  FOR v_table IN SELECT tgrelid FROM pg_trigger WHERE tgname = 'zz_keep' LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER zz_keep', v_table);
  END LOOP;
END $$
"""


@pytest.fixture(scope="module")
def staged(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Stage, str]]:
    """The stage, and the name of its database, which Django's connection uses as the app."""
    from django.db import connection

    name = f"muniment_model_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    databases.copy(name)
    with django_db_blocker.unblock():
        former = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            with psycopg.connect(databases.url("owner", name), autocommit=True) as owner:
                owner.execute(AT_ONCE)
                owner.execute(LESS_WORK)
            yield build(load()), name
        finally:
            connection.close()
            connection.settings_dict["NAME"] = former
    databases.drop(name)


@pytest.fixture
def stage(staged: tuple[Stage, str]) -> Stage:
    """The stage."""
    return staged[0]
