"""Three tables with the same columns: recorded by this project, plain, recorded by django-simple-history's signal."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from bench.databases import django_as
from governance.history import builder
from governance.history.models import GovernedModel, history_model


class Columns(models.Model):
    """A record of the size of a dataset's: what a pipeline registers."""

    name = models.CharField(max_length=200)
    title = models.TextField()
    state = models.CharField(max_length=20, default="running")
    score = models.FloatField(null=True)
    rows = models.BigIntegerField(null=True)
    schema = models.JSONField(default=dict)
    labels = ArrayField(models.CharField(max_length=40), default=list)
    happened_at = models.DateTimeField(default=timezone.now)
    namespace = models.ForeignKey("governance.Namespace", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True
        app_label = "bench"


class Stamped(Columns):
    """Who and when, which a governed row always has; the twins carry the same columns and fill them in Python."""

    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey("governance.Principal", on_delete=models.PROTECT, related_name="+")

    class Meta(Columns.Meta):
        abstract = True


class Recorded(Columns, GovernedModel):
    """Governed: history and ledger entry by PostgreSQL's trigger."""

    updatable = ("title", "state", "score")

    class Meta(Columns.Meta):
        pass


class Plain(Stamped):
    """The unrecorded twin."""

    class Meta(Stamped.Meta):
        pass


class Tracked(Stamped):
    """Stock django-simple-history. Inherited, since outside the installed apps it takes no other declaration."""

    history = HistoricalRecords(inherit=True, app="bench")

    class Meta(Stamped.Meta):
        abstract = True


class Signalled(Tracked):
    """The twin that django-simple-history records, in Python, after each save."""

    class Meta(Tracked.Meta):
        pass


#: What an update changes.
CHANGED = ("title", "state", "score")


def values(number: int, namespace_id: int) -> dict[str, Any]:
    """The columns of one row."""
    return {
        "name": f"customers-{number}",
        "title": f"Customers of the retail branches, extract {number}, as delivered by the core banking system",
        "score": number / 7,
        "rows": number * 1000,
        "schema": {"income": "float", "age": "int", "postcode": "text", "number": number},
        "labels": ["retail", "credit", f"batch-{number % 10}"],
        "namespace_id": namespace_id,
    }


def make_tables() -> None:
    """Create them in the database that Django is at, as the owner, with the guards of governed tables."""
    signalled = Signalled.history.model
    with django_as("owner"):
        with connection.schema_editor() as editor:
            for model in (Recorded, history_model(Recorded), Plain, Signalled, signalled):
                editor.create_model(model)
        with connection.cursor() as cursor:
            builder.govern(cursor, *builder.tables_of(Recorded), born_final=False, epoch=0)
            # Stock simple-history indexes the date; this project's settings switch that off for its own tables.
            cursor.execute(f"CREATE INDEX ON {signalled._meta.db_table} (history_date)")
            app = builder.quote(settings.DATABASE_LOGINS["app"])
            for model in (Recorded, history_model(Recorded), Plain, Signalled, signalled):
                cursor.execute(f"GRANT SELECT, INSERT, UPDATE ON {model._meta.db_table} TO {app}")
