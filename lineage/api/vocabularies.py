"""Vocabularies over HTTP: what may be written, searched; and terms of the house's own."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.acts import act
from governance.api.fields import TextField
from governance.api.principals import person_of
from governance.api.serializers import FilterSerializer, StrictModelSerializer, WriteSerializer
from governance.api.views import ApiView, RecordViewSet
from lineage import actions, vocabularies
from lineage.api.fields import terms_list
from lineage.models import VocabularyTerm

SCHEME_CHOICES = [(name, str(name)) for name in vocabularies.SCHEMES]


class VocabularyQuery(FilterSerializer):
    """What is looked for."""

    own = frozenset({"format"})
    q = serializers.CharField(
        max_length=100, required=False, help_text=_("Words that the term, its label or its definition holds.")
    )
    scheme = serializers.ChoiceField(
        SCHEME_CHOICES, required=False, help_text=_("One vocabulary; left out, all of them.")
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=vocabularies.SEARCHED_AT_MOST, required=False, help_text=_("At most so many; 25.")
    )


class VocabularySchemeSerializer(serializers.Serializer[Any]):
    """A vocabulary: which version of what, and whence."""

    name = serializers.CharField()
    title = serializers.CharField()
    version = serializers.CharField()
    source = serializers.CharField(help_text=_("Where it is published."))  # type: ignore[assignment]  # a field of the answer
    licence = serializers.CharField(help_text=_("Under which its publisher gives it."))
    extensible = serializers.BooleanField(help_text=_("Whether a house adds terms of its own (vocabulary-terms)."))


class PublishedTermSerializer(serializers.Serializer[Any]):
    """A term."""

    scheme = serializers.CharField()
    term = serializers.CharField(help_text=_("As it is written in bodies."))
    label = serializers.CharField()  # type: ignore[assignment]  # a field of the answer
    broader = serializers.ListField(child=serializers.CharField(), help_text=_("What it is a case of."))
    definition = serializers.CharField(help_text=_("Blank where the publisher gives none."))
    iri = serializers.CharField(help_text=_("Blank for a term of the house's own, and where there is none."))
    special = serializers.BooleanField(help_text=_("Whether GDPR article 9 covers it."))


class VocabularyAnswerSerializer(serializers.Serializer[Any]):
    """The terms found, and the vocabularies that were searched."""

    results = PublishedTermSerializer(many=True)
    schemes = VocabularySchemeSerializer(many=True)


class VocabulariesView(ApiView):
    """What may be written as purpose, category, data subject, licence and so on."""

    collection = "vocabularies"

    @extend_schema(
        operation_id="vocabularies_search", parameters=[VocabularyQuery], responses={200: VocabularyAnswerSerializer}
    )
    def get(self, request: Request) -> Response:
        """Search the vocabularies: published terms in the version named, and the house's own."""
        query = VocabularyQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        scheme = asked.get("scheme", "")
        found = vocabularies.search(scheme, asked.get("q", ""), limit=asked.get("limit", 25))
        schemes = [one for name, one in vocabularies.SCHEMES.items() if scheme in ("", name)]
        return Response(VocabularyAnswerSerializer({"results": found, "schemes": schemes}).data)


class VocabularyTermSerializer(StrictModelSerializer):
    """A term of the house's own."""

    class Meta:
        model = VocabularyTerm
        fields = (
            "id",
            "scheme",
            "term",
            "label",
            "definition",
            "broader",
            "special",
            "retired",
            "recorded_at",
            "recorded_by",
        )


class VocabularyTermWriteSerializer(WriteSerializer):
    """A term to add, for every namespace."""

    scheme = serializers.ChoiceField(VocabularyTerm.Scheme.choices)
    term = TextField(
        max_length=160, help_text=_("prefix:Name with a prefix of your house, such as bank:MortgageScoring.")
    )
    label = TextField(max_length=256)  # type: ignore[assignment]  # a field of the body
    definition = TextField(max_length=2_000)
    broader = terms_list(_("Terms of the same vocabulary that it is a case of."), length=10)
    special = serializers.BooleanField(
        required=False, help_text=_("Of a category of personal data: whether GDPR article 9 covers it.")
    )


class RetireSerializer(WriteSerializer):
    """Whether a term is in use no more."""

    retired = serializers.BooleanField()


class VocabularyTermFilters(FilterSerializer):
    """Of the house's own terms."""

    scheme = serializers.ChoiceField(VocabularyTerm.Scheme.choices, required=False)
    retired = serializers.BooleanField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only what was asked."""
        return {key: value for key, value in attrs.items() if value is not None}


class VocabularyTermViewSet(RecordViewSet):
    """Terms that the house has added to the published vocabularies."""

    collection = "vocabulary-terms"
    model = VocabularyTerm
    serializer_class = VocabularyTermSerializer
    create_serializer_class = VocabularyTermWriteSerializer
    filter_class = VocabularyTermFilters

    def create(self, request: Request) -> Response:
        """Add a term. A policy owner or compliance officer of every namespace, in their session."""
        data = self.read(VocabularyTermWriteSerializer)
        reason = self.reason(data)
        record, created = actions.add_vocabulary_term(actor=person_of(request), reason=reason, **data)
        return self.written(record, created=created)

    @act(RetireSerializer)
    def retire(self, request: Request, id: str) -> Response:
        """Take a term out of use, or back into it; what bears it keeps it."""
        found = self.find(id)
        data = self.read(RetireSerializer)
        reason = self.reason(data)
        changed = actions.retire_vocabulary_term(
            actor=person_of(request), reason=reason, term=found, retired=data["retired"]
        )
        return self.written(changed, created=False)
