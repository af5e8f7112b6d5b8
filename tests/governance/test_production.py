"""A production start refuses demo accounts, a login above the guards, and grants that take force at once."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from governance import production
from governance.accounts.actions.principals import create_person
from governance.accounts.models import OperatorSetting
from tests.cast import Cast
from tests.databases import as_login


@pytest.fixture
def delayed(own_database: str) -> None:
    """The operator's delay as production has it; the app's login cannot set it."""
    with as_login("owner"):
        import datetime

        OperatorSetting.objects.filter(id=1).update(voting_grant_delay=datetime.timedelta(hours=24))


def test_a_fit_system_starts(delayed: None, settings: Any) -> None:
    settings.PRODUCTION = True
    production.require_fitness()


def test_demo_accounts_are_named(delayed: None, cast: Cast, settings: Any) -> None:
    settings.PRODUCTION = True
    create_person(actor=cast.admin, reason="A demo", email="d@demo.example", display_name="Demo", is_demo=True)
    with pytest.raises(ImproperlyConfigured, match=r"d@demo\.example"):
        production.require_fitness()
    settings.PRODUCTION = False
    production.require_fitness()


@pytest.mark.parametrize(("login", "why"), [("owner", "owns"), ("superuser", "superuser")])
def test_a_login_above_the_guards_is_refused(delayed: None, login: str, why: str) -> None:
    with as_login(login):
        assert any(why in sentence for sentence in production.faults())


def test_grants_that_wait_for_nothing_are_refused(own_database: str) -> None:
    assert production.faults() == [
        "Roles that sign take force at once: set a delay with manage.py grant_delay, as the owner."
    ]
