"""Serializers that take exactly what they name.

Unknown fields, fields only the server sets (attack A73) and values of another kind are refused by name; nothing is
converted on the way in.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.fields import empty

from governance.api.fields import NameField, TextField
from governance.api.parsers import text_fault
from governance.api.strictness import element_faults, value_fault

REASON_MAX = 2000
"""Characters of a reason, as in governance.unit_of_work."""


def strict_faults(serializer: serializers.BaseSerializer[Any], data: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a strict reading finds, by field: unknown ones, ones the server sets, values of another kind."""
    fields: Mapping[str, serializers.Field[Any, Any, Any, Any]] = serializer.fields  # type: ignore[attr-defined]  # every subclass that mixes Strict in has them
    faults: dict[str, list[str]] = {}
    for name, value in data.items():
        field = fields.get(name)
        if field is None:
            faults[str(name)] = [
                _("There is no such field. Known: %(known)s.") % {"known": ", ".join(_writable(fields))}
            ]
        elif field.read_only:
            faults[name] = [_("The server sets this field; leave it out.")]
        elif isinstance(field, serializers.HiddenField):
            faults[name] = [_("There is no such field.")]
        elif fault := value_fault(field, value):
            faults[name] = [fault]
        else:
            for step, sentence in element_faults(field, value).items():
                faults[name + step] = [sentence]
    return faults


def _writable(fields: Mapping[str, Any]) -> Iterator[str]:
    return (name for name, field in fields.items() if not field.read_only)


def _keep_blanks(field: Any) -> None:
    """What was sent is what is kept: REST framework's text fields cut blanks off at the ends."""
    if isinstance(field, serializers.CharField):
        field.trim_whitespace = False
    elif isinstance(field, serializers.ListField | serializers.DictField):
        _keep_blanks(field.child)


class StrictMixin:
    """Runs strict_faults before the fields read anything, and reports both kinds of errors at once."""

    #: Fields of which a body holds exactly one: what it is about. The schema says so, too.
    exactly_one_of: ClassVar[tuple[str, ...]] = ()

    def to_internal_value(self, data: Any) -> Any:
        """The validated values. Raises ValidationError with every fault found."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": [_("Send an object: {…}.")]})
        faults = strict_faults(self, data)  # type: ignore[arg-type]  # mixed into serializers only
        if self.exactly_one_of and sum(name in data for name in self.exactly_one_of) != 1:
            sentence = _("Give exactly one of: %(names)s.") % {"names": ", ".join(self.exactly_one_of)}
            faults.setdefault(self.exactly_one_of[0], [sentence])
        named = {name.split("[")[0].split(".")[0] for name in faults}
        for field in self.fields.values():  # type: ignore[attr-defined]  # mixed into serializers only
            _keep_blanks(field)
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]  # mixed into serializers only
        except serializers.ValidationError as error:
            detail = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
            raise serializers.ValidationError(
                {**{key: inner for key, inner in detail.items() if key not in named}, **faults}
            ) from None
        if faults:
            raise serializers.ValidationError(faults)
        return value


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """For bodies, and for answers that are no model."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """For records. Reading only, as a rule: bodies are read by a WriteSerializer and handed to an action."""

    serializer_related_field = serializers.PrimaryKeyRelatedField

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Of a choice that may be left blank, blank is one of the choices: the schema must tell of it."""
        kind, options = super().build_standard_field(field_name, model_field)
        if model_field.blank and "choices" in options:
            options["choices"] = [*options["choices"], ("", gettext_lazy("not said"))]
        return kind, options


class WriteSerializer(StrictSerializer):
    """A body of a write: the fields of the subclass and, always, why it is done."""

    reason = TextField(
        max_length=REASON_MAX,
        required=False,
        help_text=gettext_lazy("Why this is done; kept in the history. Left out, the call itself is named."),
    )


class NamespacedWriteSerializer(WriteSerializer):
    """A write into a namespace, by name; a service account's home namespace when left out."""

    namespace = NameField(
        required=False,
        help_text=gettext_lazy("Name of the namespace; left out, the home namespace of the service account."),
    )


class FilterSerializer(serializers.Serializer[Any]):
    """The query parameters of a list. A field's `source` is the lookup it stands for: `IdField(source="dataset_id")`.

    Text becomes numbers and moments here, since an address knows nothing else; unknown and repeated ones are refused.
    """

    own = frozenset({"cursor", "limit", "format", "as_of"})
    """Parameters that pagination, rendering and the view read."""

    def to_internal_value(self, data: Any) -> Any:
        """The lookups to filter by. `data` is a QueryDict."""
        faults: dict[str, list[str]] = {}
        for name in data:
            field = self.fields.get(name)
            if field is None and name not in self.own:
                faults[name] = [_("There is no such parameter. Known: %(known)s.") % {"known": self._known()}]
            elif len(data.getlist(name)) > 1:
                faults[name] = [_("Give this parameter once.")]
            elif data[name] == "" and not getattr(field, "allow_blank", False) and name not in self.own:
                faults[name] = [_("Say something here, or leave the parameter out.")]
            elif fault := text_fault(data[name]):
                faults[name] = [fault]
        if faults:
            raise serializers.ValidationError(faults)
        for field in self.fields.values():
            if isinstance(field, serializers.BooleanField):
                field.default_empty_html = empty  # an unticked box reads as false; what is left out here is left out
        return super().to_internal_value(data)

    def _known(self) -> str:
        return ", ".join([*self.fields, "limit", "cursor"])


class ReceiptSerializer(serializers.Serializer[Any]):
    """Where a write is recorded: enough to find it again in the history and in the tamper-evident log."""

    id = serializers.IntegerField(help_text=gettext_lazy("The record's id."))
    history_id = serializers.IntegerField(
        help_text=gettext_lazy("The id of the row of the history that this write made.")
    )
    ledger_entry = serializers.IntegerField(help_text=gettext_lazy("The id of its entry in the ledger."))
    action_id = serializers.UUIDField(help_text=gettext_lazy("Shared by everything written in the same act."))
    recorded_at = serializers.DateTimeField(help_text=gettext_lazy("When the database recorded it, in UTC."))

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The receipt of a governed record, or one that was read already."""
        from governance.unit_of_work import receipt  # the kernel imports models; this module is read by settings

        return super().to_representation(instance if isinstance(instance, Mapping) else receipt(instance))


class ActReceiptSerializer(serializers.Serializer[Any]):
    """Of an act that wrote several records: what they share."""

    action_id = serializers.UUIDField(help_text=gettext_lazy("Of the act; the history is found by it."))
    recorded_at = serializers.DateTimeField(help_text=gettext_lazy("When the last of them was recorded, in UTC."))


_receipted: dict[type[serializers.BaseSerializer[Any]], type[serializers.BaseSerializer[Any]]] = {}


def with_receipt(serializer_class: type[serializers.BaseSerializer[Any]]) -> type[serializers.BaseSerializer[Any]]:
    """The same serializer with `receipt` at its end: what a write answers. One class each, for the schema's sake."""
    if serializer_class in _receipted:
        return _receipted[serializer_class]
    members: dict[str, Any] = {
        "receipt": ReceiptSerializer(source="*", read_only=True),
        "__module__": serializer_class.__module__,
        "__doc__": serializer_class.__doc__,
    }
    meta = getattr(serializer_class, "Meta", None)
    if meta is not None and getattr(meta, "fields", None) not in (None, "__all__"):
        members["Meta"] = type("Meta", (meta,), {"fields": (*meta.fields, "receipt")})
    name = serializer_class.__name__.removesuffix("Serializer")
    _receipted[serializer_class] = type(f"{name}RecordedSerializer", (serializer_class,), members)
    return _receipted[serializer_class]
