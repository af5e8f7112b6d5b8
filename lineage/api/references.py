"""How a body names another record: by its id, or by the names its producer knows it under.

    "dataset": 7                     "dataset": {"namespace": "retail", "name": "loans"}
    "dataset_version": 12            "dataset_version": {"dataset": "loans", "digest": "sha256:…"}
    "model_version": 3               "model_version": {"model": "scoring", "number": 2}
    "source_run": 5                  "source_run": {"run_key": "3f1c…"}

A namespace left out is the service account's home. Whatever the caller may not read is answered as unknown.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance import errors
from governance.accounts.models import Principal
from governance.api.fields import MAX_ID
from governance.api.principals import namespace_of
from governance.api.views import resolve
from governance.history.models import GovernedModel
from lineage import queries
from lineage.digests import parse_digest
from lineage.models import Dataset, DatasetVersion, Model, ModelVersion, Run, SensitivityFlag

R = TypeVar("R", bound=GovernedModel)


def reference_schema(*required: str, optional: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> dict[str, Any]:
    """OpenAPI: an id, or an object of names."""
    text, number = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    properties = {key: number if key in numbers else text for key in (*required, *optional, "namespace")}
    by_name = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {"oneOf": [{"type": "integer", "format": "int64", "minimum": 1}, by_name]}


class ReferenceField(serializers.Field[Any, Any, Any, Any]):
    """Reads a reference; `found` turns it into the record, once the view knows who asks."""

    texts: ClassVar[tuple[str, ...]] = ()
    """Keys of an object whose values are texts, `namespace` besides; all are required but those in `optional`."""
    optional: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()

    def to_internal_value(self, data: Any) -> Any:
        """The id, or the object, of the right form. Raises ValidationError."""
        if isinstance(data, int) and not isinstance(data, bool):
            if not 1 <= data <= MAX_ID:
                raise serializers.ValidationError(_("No such id."))
            return data
        keys = (*self.texts, *self.numbers)
        if not keys or not isinstance(data, Mapping):
            raise serializers.ValidationError(
                _("Send an id, or an object with %(keys)s.") % {"keys": ", ".join(keys)}
                if keys
                else _("Send an id: a whole number.")
            )
        if unknown := [key for key in data if key not in (*keys, "namespace")]:
            raise serializers.ValidationError({key: [_("There is no such key.")] for key in unknown})
        for key in (*keys, "namespace"):
            if key not in data:
                if key in (*self.optional, "namespace"):
                    continue
                raise serializers.ValidationError({key: [_("Required here.")]})
            value = data[key]
            whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
            if key in self.numbers and not whole:
                raise serializers.ValidationError({key: [_("Send a whole number.")]})
            if key not in self.numbers and not (isinstance(value, str) and value):
                raise serializers.ValidationError({key: [_("Send text.")]})
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        """Bodies are not shown."""
        return value


@extend_schema_field(reference_schema("name"))
class DatasetReference(ReferenceField):
    """A dataset by id or by name."""

    texts = ("name",)


@extend_schema_field(reference_schema("name"))
class ModelReference(ReferenceField):
    """A model by id or by name."""

    texts = ("name",)


@extend_schema_field(reference_schema("run_key"))
class RunReference(ReferenceField):
    """A run by id or by its producer's key."""

    texts = ("run_key",)


@extend_schema_field(reference_schema("dataset", "digest", optional=("label",)))
class DatasetVersionReference(ReferenceField):
    """A dataset version by id, or by the dataset's name and the digest (the newest label, unless one is given)."""

    texts = ("dataset", "digest", "label")
    optional = ("label",)


@extend_schema_field(reference_schema("model", "number", numbers=("number",)))
class ModelVersionReference(ReferenceField):
    """A model version by id, or by the model's name and its number."""

    texts = ("model",)
    numbers = ("number",)


@extend_schema_field({"type": "integer", "format": "int64", "minimum": 1})
class PersonReference(ReferenceField):
    """A person by the id of their principal."""


@extend_schema_field({"type": "integer", "format": "int64", "minimum": 1})
class FlagReference(ReferenceField):
    """A flag by its id."""


def flag(principal: Principal, given: Any, path: str = "flag") -> SensitivityFlag:
    """The flag. Raises Missing, naming `path`."""
    found: SensitivityFlag = resolve(queries.readable(SensitivityFlag, principal), given, field=path)
    return found


def dataset(principal: Principal, given: Any, path: str = "dataset") -> Dataset:
    """The dataset. Raises Missing, naming `path`."""
    return _found(
        queries.readable(Dataset, principal).select_related("namespace"),
        given,
        path,
        lambda named: {"namespace": namespace_of(principal, named.get("namespace"), field=path), "name": named["name"]},
    )


def model(principal: Principal, given: Any, path: str = "model") -> Model:
    """The model. Raises Missing, naming `path`."""
    return _found(
        queries.readable(Model, principal).select_related("namespace"),
        given,
        path,
        lambda named: {"namespace": namespace_of(principal, named.get("namespace"), field=path), "name": named["name"]},
    )


def run(principal: Principal, given: Any, path: str = "run") -> Run:
    """The run. Raises Missing, naming `path`."""
    return _found(
        queries.readable(Run, principal).select_related("namespace"),
        given,
        path,
        lambda named: {
            "namespace": namespace_of(principal, named.get("namespace"), field=path),
            "run_key": named["run_key"],
        },
    )


def dataset_version(principal: Principal, given: Any, path: str = "dataset_version") -> DatasetVersion:
    """The dataset version. Raises Missing, naming `path`, or Invalid for a malformed digest."""

    def lookups(named: Mapping[str, Any]) -> dict[str, Any]:
        digest = parse_digest(named["digest"], field=f"{path}.digest")
        label = {"label": named["label"]} if "label" in named else {}
        return {
            "dataset__namespace": namespace_of(principal, named.get("namespace"), field=path),
            "dataset__name": named["dataset"],
            "digest_algorithm": digest.algorithm,
            "digest_value": digest.value,
            **label,
        }

    return _found(
        queries.readable(DatasetVersion, principal).select_related("dataset__namespace"), given, path, lookups
    )


def model_version(principal: Principal, given: Any, path: str = "model_version") -> ModelVersion:
    """The model version. Raises Missing, naming `path`."""
    return _found(
        queries.readable(ModelVersion, principal).select_related("model__namespace"),
        given,
        path,
        lambda named: {
            "model__namespace": namespace_of(principal, named.get("namespace"), field=path),
            "model__name": named["model"],
            "number": named["number"],
        },
    )


def version_numbered(of: Model, number: int, path: str = "number") -> ModelVersion:
    """The version of a model that its reader may read. Raises Missing, naming `path`."""
    found = ModelVersion.objects.filter(model=of, number=number).select_related("model__namespace").first()
    if found is None:
        raise errors.Missing(
            _("No such record, or none that you may read."), errors={path: [_("The model has no such version.")]}
        )
    return found


def _found(readable: QuerySet[R], given: Any, path: str, lookups: Callable[[Mapping[str, Any]], dict[str, Any]]) -> R:
    if isinstance(given, int):
        by_id: R = resolve(readable, given, field=path)
        return by_id
    record = readable.filter(**lookups(given)).order_by("-pk").first()
    if record is None:
        raise errors.Missing(
            _("No such record, or none that you may read."),
            errors={path: [_("No such record, or none that you may read.")]},
        )
    return record
