"""Write the published vocabularies as the database checks them."""

from typing import Any

from django.core.management.base import BaseCommand

from lineage.vocabularies.standard import sql


class Command(BaseCommand):
    """lineage/sql/05_vocabularies.sql, made from lineage/vocabularies/*.csv."""

    help = "Print the published vocabularies as SQL: vocabulary_sql > lineage/sql/05_vocabularies.sql"

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(sql(), ending="")
