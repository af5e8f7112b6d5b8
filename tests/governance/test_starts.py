"""What starts often imports no page: workers, the scheduler, and the commands of an installation and of a schedule."""

import subprocess
import sys

import pytest
from django.core.management import load_command_class

from tests import databases

LEAN = ("bootstrap", "create_service_account", "demo_accounts", "drain_outbox", "grant_delay", "install_guards",
        "seal_ledger", "verify_ledger")  # fmt: skip
START = """
import sys
from governance.celery import app
app.loader.import_default_modules()
print(*sys.modules)
"""


def test_workers_and_the_scheduler_import_their_tasks_and_no_page() -> None:
    done = subprocess.run([sys.executable, "-c", START], cwd=databases.ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert {"approvals.tasks", "lineage.openlineage.tasks", "governance.outbox.tasks"} <= imported
    assert not imported & {"governance.urls", "approvals.views", "lineage.views", "governance.accounts.pages"}


@pytest.mark.parametrize("name", LEAN)
def test_a_command_that_is_run_often_checks_no_address(name: str) -> None:
    assert load_command_class("governance", name).requires_system_checks == ["models"]
