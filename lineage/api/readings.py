"""Facts read in other ways: completeness of provenance, difference of terms, terms as ODRL."""

from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.permissions import readable_namespaces
from governance.api.fields import IdField
from governance.api.serializers import FilterSerializer
from governance.api.views import RecordViewSet, resolve
from lineage import queries
from lineage.exports.odrl import odrl
from lineage.models import CollectionTerms
from lineage.terms import Ending, ending
from lineage.terms.difference import EFFECTS, difference


class ProvenanceSerializer(serializers.Serializer[Any]):
    """What a version says of where it comes from."""

    dataset_version = serializers.IntegerField()
    namespace = serializers.CharField()
    dataset = serializers.IntegerField()
    dataset_name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer
    derived = serializers.BooleanField(
        help_text=_("Its origin is what it was made from: it owes its digest only, and what lies above owes the rest.")
    )
    missing = serializers.ListField(child=serializers.CharField(), help_text=_("Required facts that are blank [D&TA]."))


class CompletenessSerializer(serializers.Serializer[Any]):
    """Whether the provenance of a version and of everything it was made from is complete."""

    complete = serializers.BooleanField(help_text=_("As the gate's requirement `provenance` asks of data."))
    required = serializers.IntegerField(  # type: ignore[assignment]  # a field of the answer
        help_text=_("How many facts are owed by the versions counted.")
    )
    given = serializers.IntegerField(help_text=_("How many of them are on record."))
    versions = ProvenanceSerializer(many=True, help_text=_("This one first; those of namespaces the caller reads."))
    elsewhere = serializers.IntegerField(help_text=_("How many lie upstream in namespaces the caller does not read."))
    elsewhere_incomplete = serializers.IntegerField(help_text=_("How many of those lack something."))


class CompletenessMixin(RecordViewSet):
    """GET dataset-versions/{id}/completeness."""

    @extend_schema(responses={200: CompletenessSerializer})
    @action(detail=True, methods=["get"], url_path="completeness", url_name="completeness")
    def completeness(self, request: Request, id: str) -> Response:
        """Provenance to the source: what this version and everything above it say of where they come from."""
        found = queries.completeness(self.find(id))
        mine = set(readable_namespaces(self.principal).values_list("pk", flat=True))
        shown = [one for one in found if one.version.dataset.namespace_id in mine]
        hidden = [one for one in found if one.version.dataset.namespace_id not in mine]
        answer = {
            "complete": not any(one.missing for one in found),
            "required": sum(one.required for one in found),
            "given": sum(one.required - len(one.missing) for one in found),
            "versions": [
                {
                    "dataset_version": one.version.pk,
                    "namespace": one.version.dataset.namespace.name,
                    "dataset": one.version.dataset_id,
                    "dataset_name": one.version.dataset.name,
                    "label": one.version.label,
                    "derived": one.derived,
                    "missing": one.missing,
                }
                for one in shown
            ],
            "elsewhere": len(hidden),
            "elsewhere_incomplete": sum(bool(one.missing) for one in hidden),
        }
        return Response(CompletenessSerializer(answer).data)


class DifferenceQuery(FilterSerializer):
    """With which terms to compare."""

    own = frozenset({"format"})
    against = IdField(
        required=False, help_text=_("Id of other terms of the same dataset; left out, those of the number before.")
    )


@extend_schema_field(OpenApiTypes.ANY)
class _ValueField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, value: Any) -> Any:
        return value


class ChangeOfTermsSerializer(serializers.Serializer[Any]):
    """One field that differs."""

    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer
    before = _ValueField(allow_null=True)
    after = _ValueField(allow_null=True)
    added = serializers.ListField(child=serializers.CharField(), help_text=_("Of a list: what came."))
    removed = serializers.ListField(child=serializers.CharField(), help_text=_("Of a list: what went."))
    effect = serializers.ChoiceField(choices=[(key, key) for key in EFFECTS], help_text=_("Taken by itself."))


class DifferenceSerializer(serializers.Serializer[Any]):
    """How terms differ from others."""

    terms = serializers.IntegerField()
    number = serializers.IntegerField()
    against = serializers.IntegerField(allow_null=True, help_text=_("null: these are the first, nothing came before."))
    against_number = serializers.IntegerField(allow_null=True)
    narrows = serializers.BooleanField(
        allow_null=True,
        help_text=_("Against the number before: whether they permit less in anything, which voids votes. Else null."),
    )
    changes = ChangeOfTermsSerializer(many=True)


class TermsReadingMixin(RecordViewSet):
    """GET terms/{id}/difference and terms/{id}/odrl."""

    @extend_schema(parameters=[DifferenceQuery], responses={200: DifferenceSerializer})
    @action(detail=True, methods=["get"], url_path="difference", url_name="difference")
    def difference(self, request: Request, id: str) -> Response:
        """What these terms say otherwise than those before, or than others of the dataset."""
        terms: CollectionTerms = self.find(id)
        query = DifferenceQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        others = CollectionTerms.objects.filter(dataset=terms.dataset_id)
        asked = query.validated_data.get("against")
        before = others.filter(number=terms.number - 1).first() if asked is None else resolve(
            others, asked, field="against")  # fmt: skip
        answer = {
            "terms": terms.pk,
            "number": terms.number,
            "against": before.pk if before else None,
            "against_number": before.number if before else None,
            "narrows": terms.narrows if before and before.number == terms.number - 1 else None,
            "changes": difference(before, terms) if before else [],
        }
        return Response(DifferenceSerializer(answer).data)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"], url_path="odrl", url_name="odrl")
    def odrl(self, request: Request, id: str) -> Response:
        """These terms as an ODRL 2.2 policy in JSON-LD."""
        return Response(odrl(self.find(id)))


class EndingSerializer(serializers.Serializer[Any]):
    """When terms are known to end."""

    at = serializers.DateTimeField()
    why = serializers.ChoiceField(
        choices=[("period", _now("their period")), ("retention", _now("retention")), ("withdrawn", _now("withdrawn"))]
    )
    days_left = serializers.IntegerField(help_text=_("Whole days until then; negative once it is over."))


class EndingField(EndingSerializer):
    """The first end on record; null where none is known."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, allow_null=True, **kwargs)

    def to_representation(self, instance: CollectionTerms) -> Any:
        """Worked out from period, retention and withdrawal."""
        found: Ending | None = ending(instance)
        return super().to_representation(found) if found else None
