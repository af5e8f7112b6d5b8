"""What makes a model governed: recorded by PostgreSQL, read through django-simple-history.

A governed row is never deleted, its id never changes, and every change of it leaves a history row and a ledger entry
that name the actor and the reason. The database's triggers see to that (`builder`, `guards`), not this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from governance import errors
from governance.history.fields import RecordedAtField, RecordedByField

if TYPE_CHECKING:
    from governance.accounts.models import Principal


def _acting_principal(historical: Any) -> Any:
    """The principal who made this change, read once per row: history pages call this for every row they show."""
    from governance.accounts.models import Principal

    return Principal.objects.filter(pk=historical.history_user_id).first()


def _no_setter(historical: Any, user: Any) -> None:
    """simple-history assigns a user when it writes; it never writes here, so there is nothing to keep."""


class Recorder(HistoricalRecords):  # type: ignore[misc]  # simple-history ships no types
    """simple-history's model factory, with columns for what the database recorder writes.

    Foreign keys of the history get no index of their own: history is found by object and moment, and by action.
    """

    def copy_fields(self, model: type[models.Model]) -> dict[str, models.Field[Any, Any]]:
        fields: dict[str, Any] = super().copy_fields(model)
        for field in fields.values():
            field.db_index = False
        return fields

    def get_extra_fields(self, model: type[models.Model], fields: Any) -> dict[str, Any]:
        extra: dict[str, Any] = super().get_extra_fields(model, fields)
        extra["history_id"] = models.BigAutoField(primary_key=True, editable=False)
        extra["history_change_reason"] = models.TextField(_("reason"))
        extra["history_user_id"] = models.BigIntegerField(_("actor"))
        extra["history_user"] = property(_acting_principal, _no_setter)
        extra["action_id"] = models.UUIDField(_("action"), db_index=True)
        extra["ledger_entry_id"] = models.BigIntegerField(_("ledger entry"))
        return extra

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        options: dict[str, Any] = super().get_meta_options(model)
        name = f"{model._meta.app_label[:3]}_{model._meta.model_name}"[:25] + "_asof"
        options["app_label"] = model._meta.app_label
        options["indexes"] = (models.Index("id", F("history_date").desc(), F("history_id").desc(), name=name),)
        return options


class GovernedModel(models.Model):
    """A governed row that may change in the columns named by `updatable`, and in no others.

    `recorded_at` and `recorded_by` are set by the database from the running action; never pass them.
    """

    #: Columns (field names) the app's login may UPDATE. Everything else is fixed once recorded.
    updatable: ClassVar[tuple[str, ...]] = ()
    #: Columns that a trigger may set after the row was born, which the app itself may not write.
    filled_in_later: ClassVar[tuple[str, ...]] = ()
    #: True: the row is final from birth; an UPDATE is refused by trigger.
    born_final: ClassVar[bool] = False
    #: True: only the database's own triggers insert here; the app's login cannot.
    written_by_database: ClassVar[bool] = False
    #: Lookup from this model to its namespace, for scoping ("" = belongs to no namespace).
    namespace_path: ClassVar[str] = "namespace"
    #: True: search does not find it by its words; who may read them is narrower than who reads its namespace.
    search_hidden: ClassVar[bool] = False

    #: Fields that not everyone who reads the record may read: whoever shows them asks `confided`. Reasons of acts on
    #: such a record are kept from the same readers: they may say the same.
    confidential: ClassVar[tuple[str, ...]] = ()
    #: JSON columns that name records of several namespaces -> the database's function that masks them for a reader:
    #: whoever shows them asks `governance.history.masking`.
    masked: ClassVar[Mapping[str, str]] = {}

    id = models.BigAutoField(primary_key=True)
    recorded_at = RecordedAtField(_("recorded at"), editable=False)
    recorded_by = RecordedByField(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
        verbose_name=_("recorded by"),
    )

    history = Recorder(inherit=True)

    class Meta:
        abstract = True

    @classmethod
    def confided_rows(cls, principal: Principal) -> models.QuerySet[Any]:
        """The records whose confidential fields a principal may read if they read the record."""
        return cls._default_manager.all()

    @classmethod
    def confided(cls, principal: Principal, ids: Iterable[int]) -> set[int]:
        """Of these records those whose confidential fields a principal may read."""
        return set(cls.confided_rows(principal).filter(pk__in=list(ids)).values_list("pk", flat=True))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; an existing row sends its updatable columns only, since the login may write no others.

        Raises:
            errors.Conflict: the row is final from birth and exists already.
        """
        if not self._state.adding and kwargs.get("update_fields") is None:
            if not self.updatable:
                raise errors.Conflict(
                    _("%(what)s is final once recorded. Record a new one instead.") % {"what": self._meta.verbose_name}
                )
            kwargs["update_fields"] = self.updatable
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: nothing governed is ever deleted.

        Raises:
            errors.Conflict: always.
        """
        raise errors.Conflict(_("Governed records are never deleted. Withdraw, end or supersede this one."))


class BornFinalModel(GovernedModel):
    """A governed row that never changes: what happens to it later is a row of its own."""

    born_final = True

    class Meta:
        abstract = True


def governed_models(apps: Any = None) -> list[type[GovernedModel]]:
    """Every concrete governed model of the running project, in the order of its table's name."""
    from django.apps import apps as live

    everything: list[type[models.Model]] = (apps or live).get_models()
    found = [m for m in everything if issubclass(m, GovernedModel)]
    return sorted(found, key=lambda m: m._meta.db_table)


_historical: dict[type[models.Model], type[models.Model]] = {}


def history_model(model: type[GovernedModel]) -> type[models.Model]:
    """The historical model that simple-history made for a governed model. Kept: asking builds a manager each time."""
    if model not in _historical:
        _historical[model] = cast("type[models.Model]", cast(Any, model).history.model)
    return _historical[model]
