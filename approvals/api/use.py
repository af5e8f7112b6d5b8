"""The question before any GPU hour is spent: may this data be used?"""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.gate.messages import message
from approvals.models.promotions import REASON_READ_BY
from governance import errors
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView, readable
from governance.history.masking import as_read_by
from lineage import queries, vocabularies
from lineage.models import Dataset, DatasetVersion

PLACES = 100


class UseQuery(FilterSerializer):
    """Which data, for what, where."""

    own = frozenset({"format"})
    dataset = serializers.CharField(max_length=256, help_text=_("Name of the dataset."))
    namespace = serializers.CharField(
        max_length=200, required=False, help_text=_("Left out: the caller's home, or the only one that has it.")
    )
    version = serializers.CharField(
        max_length=256, required=False, help_text=_("Label of the version; left out, the newest.")
    )
    purpose = serializers.CharField(
        max_length=256, help_text=_("What it is to be used for, as dpv:Name [DPV Purpose].")
    )
    place = serializers.CharField(
        max_length=800,
        required=False,
        help_text=_("Where the model is to decide: ISO 3166 codes or blocs, joined by commas, such as DE,FR [D&TA]."),
    )

    storage = serializers.CharField(
        max_length=800,
        required=False,
        help_text=_("Where the data is to be kept, as `place`; left out, storage is not judged [D&TA]."),
    )

    def validate_purpose(self, given: str) -> str:
        """A term, by itself or its full IRI."""
        try:
            return vocabularies.token(given, field="purpose", scheme="purpose")
        except errors.Invalid as refusal:
            raise serializers.ValidationError(refusal.errors["purpose"]) from None

    def validate_place(self, given: str) -> list[str]:
        """Codes."""
        return self._codes(given, "place")

    def validate_storage(self, given: str) -> list[str]:
        """Codes."""
        return self._codes(given, "storage")

    @staticmethod
    def _codes(given: str, field: str) -> list[str]:
        codes = given.split(",")
        if len(codes) > PLACES:
            raise serializers.ValidationError(_now("Give %(most)d places at most.") % {"most": PLACES})
        try:
            return vocabularies.geographies(codes, field=field)
        except errors.Invalid as refusal:
            raise serializers.ValidationError(refusal.errors[field]) from None


class UseProblemSerializer(serializers.Serializer[Any]):
    """What stands against it."""

    reason = serializers.CharField(help_text=_("Stable code."))
    params = serializers.DictField()
    message = serializers.CharField(help_text=_("In the reader's language: what is wrong, and what to do."))


class UseAnswerSerializer(serializers.Serializer[Any]):
    """May it be used?"""

    allowed = serializers.BooleanField(help_text=_("True only if nothing stands against it."))
    until = serializers.DateTimeField(
        allow_null=True, help_text=_("From when on it is known not to be; null: no such moment is on record.")
    )
    namespace = serializers.CharField()
    dataset = serializers.CharField()
    version = serializers.CharField(allow_null=True, help_text=_("Label; null: the dataset has no version yet."))
    purpose = serializers.CharField()
    places = serializers.ListField(child=serializers.CharField())
    storage = serializers.ListField(child=serializers.CharField(), help_text=_("Empty: storage was not asked about."))
    problems = UseProblemSerializer(many=True)


class UseView(ApiView):
    """May I train on this?"""

    collection = "use"

    @extend_schema(parameters=[UseQuery], responses={200: UseAnswerSerializer})
    def get(self, request: Request) -> Response:
        """Whether the terms of a dataset, and of everything its version was made from, permit a purpose in places.

        It answers for terms alone: sensitive data, evidence and signatures are the gate's to ask, of a trained version.
        """
        query = UseQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        dataset = self._dataset(asked)
        version = self._version(dataset, asked.get("version"))
        places = asked.get("place", [])
        storage = asked.get("storage", [])
        use = queries.use(dataset, version, purpose=asked["purpose"], places=places, storage=storage)
        answer = {
            "allowed": use.allowed,
            "until": use.until,
            "namespace": dataset.namespace.name,
            "dataset": dataset.name,
            "version": version.label if version else None,
            "purpose": asked["purpose"],
            "places": places,
            "storage": storage,
            "problems": [{**p._asdict(), "message": _sentence(p)} for p in self._as_read(use.problems)],
        }
        return Response(UseAnswerSerializer(answer).data)

    def _as_read(self, problems: Sequence[queries.Problem]) -> list[queries.Problem]:
        """Without names of data upstream that is not the caller's to read."""
        params = as_read_by(self.principal, REASON_READ_BY, [problem.params for problem in problems])
        return [problem._replace(params=said) for problem, said in zip(problems, params, strict=True)]

    def _dataset(self, asked: dict[str, Any]) -> Dataset:
        """The dataset meant. Raises Missing where there is none to read, Conflict where several are meant."""
        named = readable(Dataset, self.principal).select_related("namespace").filter(name=asked["dataset"])
        if "namespace" in asked:
            named = named.filter(namespace__name=asked["namespace"])
        elif self.principal.home_namespace_id is not None:
            home = named.filter(namespace=self.principal.home_namespace_id)
            named = home if home.exists() else named
        found: list[Dataset] = list(named[:2])
        if not found:
            raise errors.Missing(_now("No such dataset, or none that you may read."))
        if len(found) > 1:
            raise errors.Conflict(_now("Several datasets are meant. Name the namespace."))
        return found[0]

    @staticmethod
    def _version(dataset: Dataset, label: str | None) -> DatasetVersion | None:
        version = queries.newest_version(dataset, label)
        if version is None and label is not None:
            raise errors.Missing(
                _now("This dataset has no version of that label."), errors={"version": [_now("No such version.")]}
            )
        return version


def _sentence(problem: queries.Problem) -> str:
    if problem.reason == "geography-missing":  # the gate's sentence is about a model, and there is none yet
        said = _now("The terms of dataset %(dataset)s limit where it is used. Ask with place=, such as place=DE.")
        return said % problem.params
    return message(problem.reason, problem.params)
