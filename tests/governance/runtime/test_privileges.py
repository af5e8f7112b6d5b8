"""Which logins are too powerful to run the app."""

from collections.abc import Iterator

import psycopg
import pytest

from governance.runtime import account
from governance.runtime.home import Home
from governance.runtime.lease import Lease
from governance.runtime.privileges import excessive


@pytest.fixture(scope="module")
def lease(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lease]:
    home = Home.open(tmp_path_factory.mktemp("privileges") / "home")
    with Lease(home, durable=False) as joined:
        yield joined
    account.destroy(home)


def found_for(url: str) -> list[str]:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        return excessive(cursor)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_SEALER_URL", "DATABASE_AUDITOR_URL"])
def test_the_products_own_logins_have_no_right_too_many(lease: Lease, variable: str) -> None:
    assert found_for(lease.urls[variable]) == []


def test_the_superuser_is_named_as_one(lease: Lease) -> None:
    assert found_for(lease.urls["DATABASE_SUPERUSER_URL"]) == ["is a superuser"]


def test_the_owner_is_told_all_that_is_too_much(lease: Lease) -> None:
    assert found_for(lease.urls["DATABASE_OWNER_URL"]) == [
        "may make databases",
        "owns the database",
        "may make temporary tables",
        "may make schemas",
        "may make tables",
    ]


@pytest.mark.parametrize(
    ("grant", "undo", "reason"),
    [
        ("GRANT TEMPORARY ON DATABASE muniment TO muniment_app",
         "REVOKE TEMPORARY ON DATABASE muniment FROM muniment_app", "may make temporary tables"),
        ("GRANT CREATE ON SCHEMA public TO muniment_app", "REVOKE CREATE ON SCHEMA public FROM muniment_app",
         "may make tables"),
        ("GRANT pg_read_all_data TO muniment_app", "REVOKE pg_read_all_data FROM muniment_app",
         "is a member of a built-in role"),
        ("CREATE TABLE held (); ALTER TABLE held OWNER TO muniment_app", "DROP TABLE held", "owns tables"),
    ],
)  # fmt: skip
def test_each_right_too_many_is_named(lease: Lease, grant: str, undo: str, reason: str) -> None:
    with psycopg.connect(lease.urls["DATABASE_SUPERUSER_URL"], autocommit=True) as superuser:
        superuser.execute(grant.encode())
        try:
            assert found_for(lease.urls["DATABASE_URL"]) == [reason]
        finally:
            superuser.execute(undo.encode())
