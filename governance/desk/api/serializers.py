"""Answers and filters of the desk's end points."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from governance.api.fields import IdField, MomentField, NameField
from governance.api.serializers import FilterSerializer
from governance.desk import kinds, search
from governance.desk.forms import DOORS


class KindField(serializers.CharField):
    """The name of a governed table."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", gettext_lazy("A table's name, as in the ledger: lineage_dataset."))
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The name. Raises ValidationError naming those there are."""
        value: str = super().to_internal_value(data)
        if value not in kinds.models_by_kind():
            known = ", ".join(kinds.models_by_kind())
            raise serializers.ValidationError(_("No governed table. There are: %(all)s.") % {"all": known})
        return value


class ActPartSerializer(serializers.Serializer[Any]):
    """What an act wrote of one kind in one namespace."""

    kind = serializers.CharField(help_text=gettext_lazy("The table's name."))
    op = serializers.ChoiceField(choices=[("+", "recorded"), ("~", "changed")])
    namespace = serializers.CharField(allow_null=True, help_text=gettext_lazy("Null: it belongs to none."))
    object = serializers.IntegerField(help_text=gettext_lazy("The id of the first of them."))


class ActSerializer(serializers.Serializer[Any]):
    """One act: who, when, why, how, and what kinds of records it wrote, as far as the reader oversees them."""

    action_id = serializers.UUIDField(help_text=gettext_lazy("As in receipts and histories."))
    at = serializers.DateTimeField(help_text=gettext_lazy("When it wrote the first of them, in UTC."))
    by = serializers.IntegerField(source="actor.pk", help_text=gettext_lazy("The principal who acted."))
    by_name = serializers.CharField(source="actor.display_name")
    reason = serializers.CharField()
    name = serializers.CharField(
        help_text=gettext_lazy("What the process called the act (lineage.register_run); not in the log. May be empty.")
    )
    door = serializers.CharField(help_text=gettext_lazy("How it came in, as the process said; not in the log."))
    wrote = ActPartSerializer(source="parts", many=True)


class FieldChangeSerializer(serializers.Serializer[Any]):
    """One column's change, each value as PostgreSQL prints it; null is NULL."""

    column = serializers.CharField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField(allow_null=True)


class WrittenSerializer(serializers.Serializer[Any]):
    """One change of an act, as the ledger holds it."""

    kind = serializers.CharField()
    object = serializers.IntegerField()
    op = serializers.ChoiceField(choices=[("+", "recorded"), ("~", "changed")])
    at = serializers.DateTimeField()
    history_id = serializers.IntegerField()
    ledger_entry = serializers.IntegerField(source="entry")
    position = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("In the log; null until sealed."))
    redacted = serializers.BooleanField(help_text=gettext_lazy("True: the log keeps the digest alone."))
    changes = FieldChangeSerializer(many=True)


class OneActSerializer(ActSerializer):
    """An act with everything it wrote."""

    written = WrittenSerializer(many=True)
    next_after = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("Ask again with `after` of this for the rest; null: that is all.")
    )


class ActFilters(FilterSerializer):
    """Which acts."""

    by = IdField(required=False, help_text=gettext_lazy("The principal who acted."))
    kind = KindField(required=False)
    object = IdField(required=False, help_text=gettext_lazy("The id of a record of that kind."))
    namespace = NameField(required=False, help_text=gettext_lazy("A namespace's name."))
    since = MomentField(required=False, help_text=gettext_lazy("At this moment or later."))
    until = MomentField(required=False, help_text=gettext_lazy("Before this moment."))
    reason = serializers.CharField(
        required=False, max_length=search.LENGTH, help_text=gettext_lazy("Words of the reason, or how they begin.")
    )
    name = serializers.CharField(required=False, max_length=100, help_text=gettext_lazy("lineage.register_run"))
    door = serializers.ChoiceField(choices=[door for door, _label in DOORS], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A record is named by its kind and id."""
        if "object" in attrs and "kind" not in attrs:
            raise serializers.ValidationError({"kind": [_("Say of which kind the record with this id is.")]})
        return attrs


class OneActQuery(FilterSerializer):
    """Where to go on in a long act."""

    own = frozenset({"format"})
    after = IdField(required=False, help_text=gettext_lazy("The ledger entry to go on after."))


class HitSerializer(serializers.Serializer[Any]):
    """A record that was found."""

    kind = serializers.CharField(help_text=gettext_lazy("The table's name."))
    object = serializers.IntegerField(help_text=gettext_lazy("The record's id."))
    title = serializers.CharField(allow_blank=True)
    namespace = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(help_text=gettext_lazy("When it was recorded or last changed."))
    exact = serializers.BooleanField(help_text=gettext_lazy("It is called exactly so, or has that id."))
    almost = serializers.BooleanField(
        help_text=gettext_lazy("Nothing holds the words; its name is spelt almost so (where PostgreSQL has pg_trgm).")
    )


class SearchQuery(FilterSerializer):
    """What is searched for."""

    own = frozenset({"format"})
    q = serializers.CharField(
        max_length=search.LENGTH,
        help_text=gettext_lazy("Words that must all be there, each in full or its beginning; a digest, an id, a key."),
    )
    kind = KindField(required=False)
    before = IdField(required=False, help_text=gettext_lazy("Where to go on: as `next` has it."))
