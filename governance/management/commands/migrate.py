"""Django's migrate, between taking the app's right to write away and giving it back with rebuilt guards."""

from typing import Any

from django.core.checks import Tags
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from governance.history import guards
from governance.history.builder import GuardsLeftBehind
from governance.history.migration_rules import check_plan
from governance.history.narrow_reloads import narrow_reloads


class Command(migrate.Command):
    """Migrate as the owner; afterwards install the guards and load what a first start needs."""

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Of the checks those of models. Not the database's: they compare the guards, which this command is here to
        rebuild. Not those of addresses: importing every page takes as long as a fifth of the migrations."""
        return {"tags": [Tags.models]}

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the migrations under revoked writes.

        Raises:
            CommandError: a migration leaves a guard behind; writes stay refused until it is mended.
        """
        executor = MigrationExecutor(connection)
        # The state that the applied migrations make, before any of the plan.
        state = executor.loader.project_state(list(executor.loader.applied_migrations), at_end=True)
        check_plan(executor.migration_plan(executor.loader.graph.leaf_nodes()), state)
        guards.revoke_writes()
        with narrow_reloads():
            super().handle(*args, **options)
        if options.get("plan") or options.get("check_unapplied"):
            return
        call_command("createcachetable", verbosity=0)
        whole = not MigrationExecutor(connection).migration_plan(executor.loader.graph.leaf_nodes())
        if not whole:
            self.stdout.write("Migrated part of the way: the guards and the app's right to write wait for the rest.")
            return
        try:
            guards.install()
        except GuardsLeftBehind as problem:
            raise CommandError(f"{problem} Until then the app may write nothing.") from problem
        if options["verbosity"] >= 1:
            self.stdout.write("Guards installed.")
        call_command("load_defaults", verbosity=options["verbosity"])
