"""The body and the answer of a manifest: parts as their collections take them, with local names among them."""

import re
from functools import cache
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.actions.manifests import KINDS, PARTS_LIMIT, Local
from approvals.api.serializers_evidence import EvidenceWriteSerializer
from governance.api.serializers import ActReceiptSerializer, NamespacedWriteSerializer, ReceiptSerializer
from lineage.actions.runs import LINK_LIMIT
from lineage.api import bodies, references

NAME = "[a-z][a-z0-9_-]{0,63}"
LOCAL = re.compile(f"#({NAME})")
_KINDS: dict[type[references.ReferenceField], tuple[str, ...]] = {
    references.DatasetReference: ("datasets",),
    references.DatasetVersionReference: ("dataset_versions",),
    references.ModelReference: ("models",),
    references.ModelVersionReference: ("model_versions",),
    references.RunReference: ("runs",),
}


@cache
def or_local(kind: Any) -> type[references.ReferenceField]:
    """The same reference, which may also be the local name of another part of the manifest."""

    class Made(kind):  # type: ignore[misc]  # made per kind of reference
        def to_internal_value(self, data: Any) -> Any:
            """A Local, or what the reference itself reads."""
            if not isinstance(data, str):
                return super().to_internal_value(data)
            named = LOCAL.fullmatch(data)
            if named is None:
                raise serializers.ValidationError(_now("Send an id, names, or the local name of a part: #train."))
            return Local(named[1], _KINDS[kind])

    local = {"type": "string", "pattern": f"^#{NAME}$", "description": "Local name of a part of the manifest."}
    by_id_or_name = kind._spectacular_annotation["field"]["oneOf"]
    made: type[references.ReferenceField] = extend_schema_field({"oneOf": [local, *by_id_or_name]})(Made)
    return made


class PartMixin:
    """A part of a manifest: its references may be local; reason and namespace are said once, for all parts."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those of the collection's own body, changed so."""
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]  # mixed into serializers only
        for name, field in list(fields.items()):
            kind: Any = type(field)
            if kind in _KINDS:
                fields[name] = or_local(kind)(required=field.required)
        for name in ("reason", "namespace"):
            fields.pop(name, None)
        return fields


class NamedPartMixin(PartMixin):
    """A part that others may refer to."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `ref` before the others."""
        ref = serializers.RegexField(
            f"^{NAME}$", required=False, help_text=_("Local name: other parts refer to it as #ref.")
        )
        return {"ref": ref, **super().get_fields()}


class DatasetPartSerializer(NamedPartMixin, bodies.DatasetWriteSerializer):
    """A dataset."""


class TermsPartSerializer(PartMixin, bodies.TermsWriteSerializer):
    """Terms of a dataset."""


class DatasetVersionPartSerializer(NamedPartMixin, bodies.DatasetVersionWriteSerializer):
    """A dataset version."""


class FlagPartSerializer(PartMixin, bodies.FlagWriteSerializer):
    """A sensitivity flag."""


class InputPartSerializer(PartMixin, bodies.NestedInputSerializer):
    """What a run read."""


class OutputPartSerializer(PartMixin, bodies.NestedOutputSerializer):
    """What a run wrote."""


class RunPartSerializer(NamedPartMixin, bodies.RunWriteSerializer):
    """A run."""

    inputs = serializers.ListField(child=InputPartSerializer(), required=False, max_length=LINK_LIMIT)
    outputs = serializers.ListField(child=OutputPartSerializer(), required=False, max_length=LINK_LIMIT)


class ModelPartSerializer(NamedPartMixin, bodies.ModelWriteSerializer):
    """A model."""


class ModelVersionPartSerializer(NamedPartMixin, bodies.ModelVersionWriteSerializer):
    """A model version."""


class EvidencePartSerializer(PartMixin, EvidenceWriteSerializer):
    """Evidence on a model version or a dataset version, under a plan that was locked before."""

    model_version = references.ModelVersionReference(required=False)  # type: ignore[assignment]  # may be local here
    dataset_version = references.DatasetVersionReference(required=False)  # type: ignore[assignment]  # as above
    promotion = None  # type: ignore[assignment]  # takes the field away


class ManifestSerializer(NamespacedWriteSerializer):
    """What a training run leaves on record. Parts are registered in the order in which they need one another."""

    dry_run = serializers.BooleanField(
        required=False, default=False, help_text=_("true: say what would be written, and write nothing.")
    )
    datasets = serializers.ListField(child=DatasetPartSerializer(), required=False, max_length=PARTS_LIMIT)
    terms = serializers.ListField(child=TermsPartSerializer(), required=False, max_length=PARTS_LIMIT)
    dataset_versions = serializers.ListField(
        child=DatasetVersionPartSerializer(), required=False, max_length=PARTS_LIMIT
    )
    flags = serializers.ListField(child=FlagPartSerializer(), required=False, max_length=PARTS_LIMIT)
    models = serializers.ListField(child=ModelPartSerializer(), required=False, max_length=PARTS_LIMIT)
    runs = serializers.ListField(child=RunPartSerializer(), required=False, max_length=PARTS_LIMIT)
    model_versions = serializers.ListField(child=ModelVersionPartSerializer(), required=False, max_length=PARTS_LIMIT)
    evidence = serializers.ListField(child=EvidencePartSerializer(), required=False, max_length=PARTS_LIMIT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Each local name once. Raises ValidationError naming the second."""
        seen: set[str] = set()
        for kind in KINDS:
            for place, one in enumerate(attrs.get(kind, ())):
                ref = one.get("ref")
                if ref in seen:
                    raise serializers.ValidationError({f"{kind}[{place}].ref": [_now("Another part is called so.")]})
                if ref is not None:
                    seen.add(ref)
        return attrs


class ManifestRecordSerializer(serializers.Serializer[Any]):
    """What became of one part; in a dry run, what would."""

    part = serializers.CharField(help_text=_("Where it stands in the manifest: runs[0]."))
    ref = serializers.CharField(allow_null=True, help_text=_("Its local name."))
    collection = serializers.CharField(help_text=_("Where it is found: /api/v1/<collection>/<id>."))
    id = serializers.IntegerField(allow_null=True, help_text=_("null: a dry run, and it is not there yet."))
    created = serializers.BooleanField(help_text=_("false: it stood there already with the same content."))
    receipt = ReceiptSerializer(allow_null=True, help_text=_("null in a dry run."))


class ManifestAnswerSerializer(serializers.Serializer[Any]):
    """What became of a manifest."""

    dry_run = serializers.BooleanField()
    namespace = serializers.CharField()
    created = serializers.IntegerField(help_text=_("How many records are new; in a dry run, would be."))
    receipt = ActReceiptSerializer(allow_null=True, help_text=_("null: nothing was written."))
    records = ManifestRecordSerializer(many=True)
