"""Tables made by tests: one of every stored field type, one small one to attack. In no installed app."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.postgres import fields as pg
from django.db import connection, models

from governance.history import builder
from governance.history.models import BornFinalModel, GovernedModel, history_model
from tests import databases


class Everything(GovernedModel):
    """One column of each field type that Django stores in PostgreSQL."""

    big = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=40, null=True)
    date = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)
    path = models.FilePathField(path="/", null=True)
    real = models.FloatField(null=True)
    address = models.GenericIPAddressField(null=True)
    integer = models.IntegerField(null=True)
    document = models.JSONField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    slug = models.SlugField(null=True)
    small = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)
    time = models.TimeField(null=True)
    url = models.URLField(null=True)
    uuid = models.UUIDField(null=True)
    other = models.ForeignKey("governance.Namespace", on_delete=models.PROTECT, null=True, related_name="+")
    single = models.OneToOneField("governance.Principal", on_delete=models.PROTECT, null=True, related_name="+")
    numbers = pg.ArrayField(models.IntegerField(), null=True)
    words = pg.ArrayField(pg.ArrayField(models.TextField(null=True)), null=True)
    integer_range = pg.IntegerRangeField(null=True)
    big_range = pg.BigIntegerRangeField(null=True)
    decimal_range = pg.DecimalRangeField(null=True)
    moment_range = pg.DateTimeRangeField(null=True)
    date_range = pg.DateRangeField(null=True)

    updatable = ("char", "real", "document", "decimal")

    class Meta:
        app_label = "lab"


class Note(GovernedModel):
    """A small mutable record."""

    text = models.TextField(unique=True)
    secret = models.TextField(default="fixed")

    updatable = ("text",)

    class Meta:
        app_label = "lab"


class Fact(BornFinalModel):
    """A small record that is final from birth."""

    text = models.TextField()

    class Meta:
        app_label = "lab"


LAB = (Everything, Note, Fact)


def make_tables() -> None:
    """Create the lab's tables in the test's own database as the owner, with guards and the app's privileges."""
    with databases.as_login("owner"):
        with connection.schema_editor() as editor:
            for model in LAB:
                editor.create_model(model)
                editor.create_model(history_model(model))
        with connection.cursor() as cursor:
            for model in LAB:
                govern(cursor, model)


def govern(cursor: object, model: type[GovernedModel]) -> None:
    """Guard one lab table as `guards.install` does for the product's own."""
    from governance.history.guards import _grant_governed

    builder.govern(cursor, *builder.tables_of(model), born_final=model.born_final, epoch=0)
    builder.run(cursor, _grant_governed(model, {"app": "muniment_app"}))
    history = history_model(model)._meta.db_table
    cursor.execute(f"GRANT SELECT ON {history} TO muniment_app")  # type: ignore[attr-defined]  # a Django cursor


@contextmanager
def owner_cursor() -> Iterator[object]:
    """A Django cursor under the owner's login."""
    with databases.as_login("owner"), connection.cursor() as cursor:
        yield cursor
