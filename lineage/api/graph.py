"""The lineage as a graph over HTTP: neighbourhoods, everything above and below, and where flags arrive."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.permissions import readable_namespaces
from governance.api.moments import PastMomentField
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView
from governance.errors import Missing
from governance.history.moments import standing_at
from lineage import neighbourhood, queries, travel
from lineage.models import DatasetVersion, ModelVersion, Run
from lineage.neighbourhood import Key

MODELS: dict[str, type[DatasetVersion | Run | ModelVersion]] = {
    "dataset_version": DatasetVersion,
    "run": Run,
    "model_version": ModelVersion,
}
_FORM = r"(dataset_version|run|model_version):([1-9][0-9]{0,18})"
_NODE = re.compile(_FORM)


@extend_schema_field({"type": "string", "pattern": f"^{_FORM}$"})
class NodeField(serializers.CharField):
    """`kind:id` of a dataset version, run or model version."""

    def __init__(self, **kwargs: Any) -> None:
        told = _("kind:id, where kind is dataset_version, run or model_version: dataset_version:12.")
        super().__init__(**{"max_length": 40, "help_text": told, **kwargs})

    def to_internal_value(self, data: Any) -> Any:
        """Kind and id. Raises ValidationError."""
        match = _NODE.fullmatch(super().to_internal_value(data))
        if match is None or int(match[2]) >= 2**63:
            raise serializers.ValidationError(_now("Write it as kind:id, such as dataset_version:12."))
        return match[1], int(match[2])


class NodeQuery(FilterSerializer):
    """Around which record."""

    own = frozenset({"format"})
    node = NodeField()


class PastNodeQuery(NodeQuery):
    """Around which record, and when."""

    as_of = PastMomentField(required=False, help_text=_("A day or a moment: as it stood then. Left out: now."))


class GraphQuery(PastNodeQuery):
    """Around which record, and how far."""

    direction = serializers.ChoiceField(
        ["up", "down", "both"], required=False, help_text=_("What it was made from, what was made from it; both.")
    )
    depth = serializers.IntegerField(
        min_value=1, max_value=neighbourhood.DEPTH, required=False, help_text=_("Steps, 1 to 20; 2 when left out.")
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=500, required=False, help_text=_("Records, 1 to 500; 100 when left out.")
    )


class ListQuery(PastNodeQuery):
    """Of which record, from where on."""

    limit = serializers.IntegerField(
        min_value=1, max_value=500, required=False, help_text=_("Records, 1 to 500; 100 when left out.")
    )
    cursor = NodeField(required=False, help_text=_("From `next` of the page before."))


class GraphNodeSerializer(serializers.Serializer[Any]):
    """A record. Of one that is not yours to read nothing is told but its kind, and a name for this answer."""

    node = serializers.CharField(help_text=_("kind:id; elsewhere:number for what is not yours to read."))
    kind = serializers.ChoiceField(neighbourhood.KINDS)
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField(allow_blank=True, help_text=_("Of the dataset, the job or the model."))
    detail = serializers.CharField(allow_blank=True, help_text=_("Label, run key or number of the version."))
    namespace = serializers.CharField(allow_blank=True)
    step = serializers.IntegerField(help_text=_("Distance; negative above, 0 the record asked about."))
    more_above = serializers.BooleanField(help_text=_("Whether it was made from records that are not in this answer."))
    more_below = serializers.BooleanField(help_text=_("Whether records not in this answer were made from it."))


class GraphEdgeSerializer(serializers.Serializer[Any]):
    """What went into what."""

    start = serializers.CharField(help_text=_("`node` of what was read or made."))
    end = serializers.CharField(help_text=_("`node` of what was made of it."))
    role = serializers.CharField(help_text=_("Role in the run, or `parent` of a model version."))


class GraphSerializer(serializers.Serializer[Any]):
    """A neighbourhood."""

    node = serializers.CharField()
    nodes = GraphNodeSerializer(many=True, help_text=_("Nearest first."))
    edges = GraphEdgeSerializer(many=True)
    cut = serializers.BooleanField(help_text=_("Whether the limit kept records out: ask around one at the edge."))


class ListedNodeSerializer(serializers.Serializer[Any]):
    """A record above or below."""

    node = serializers.CharField()
    kind = serializers.ChoiceField(neighbourhood.KINDS)
    id = serializers.IntegerField()
    name = serializers.CharField()
    detail = serializers.CharField()
    namespace = serializers.CharField()


class ListedSerializer(serializers.Serializer[Any]):
    """A page of them."""

    results = ListedNodeSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text=_("`cursor` of the page that follows; null: none does."))


class NodeView(ApiView):
    """What addresses about a record of the lineage share."""

    collection = "lineage"

    def asked(self, request: Request, query: type[NodeQuery]) -> dict[str, Any]:
        """The parameters. Raises ValidationError."""
        given = query(data=request.query_params)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    @contextmanager
    def as_it_stood(self, asked: Mapping[str, Any]) -> Iterator[None]:
        """For the time of the block, the record as of the moment that was asked for. Raises Invalid."""
        if "as_of" not in asked:
            yield
        else:
            with standing_at(asked["as_of"]):
                yield

    def require_readable(self, node: Key) -> None:
        """Raises Missing where there is no such record, or none that the caller may read."""
        if not queries.readable(MODELS[node[0]], self.principal).filter(pk=node[1]).exists():
            sentence = _now("No such record, or none that you may read.")
            raise Missing(sentence, errors={"node": [sentence]})

    def namespaces(self) -> Mapping[int, str]:
        """Those the caller may read: name by id."""
        return dict(readable_namespaces(self.principal).values_list("pk", "name"))


class GraphView(NodeView):
    """The neighbourhood of a record."""

    @extend_schema(parameters=[GraphQuery], responses={200: GraphSerializer})
    def get(self, request: Request) -> Response:
        """What a record was made from and what was made from it, nearest first, and the links between them.

        Go on from a node at the edge (`more_above`, `more_below`). Links that were voided are not followed.
        """
        asked = self.asked(request, GraphQuery)
        depth, direction = asked.get("depth", 2), asked.get("direction", "both")
        with self.as_it_stood(asked):
            self.require_readable(asked["node"])
            found = neighbourhood.around(
                asked["node"],
                up=depth if direction != "down" else 0,
                down=depth if direction != "up" else 0,
                limit=asked.get("limit", 100),
            )
            named = neighbourhood.names(found.steps)
        mine = self.namespaces()
        labels = _labels(found.steps, {key for key, one in named.items() if one.namespace in mine})
        nodes = [_node(key, labels[key], found, named[key], mine) for key in found.steps]
        edges = [{"start": labels[a], "end": labels[b], "role": role} for (a, b), role in found.edges.items()]
        answer = {"node": labels[asked["node"]], "nodes": nodes, "edges": edges, "cut": found.cut}
        return Response(GraphSerializer(answer).data)


def _node(
    key: Key, label: str, found: neighbourhood.Around, named: neighbourhood.Named, mine: Mapping[int, str]
) -> Any:
    readable = named.namespace in mine
    return {
        "node": label,
        "kind": key[0],
        "id": key[1] if readable else None,
        "name": named.name if readable else "",
        "detail": named.detail if readable else "",
        "namespace": mine.get(named.namespace, ""),
        "step": found.steps[key],
        "more_above": (key, -1) in found.more,
        "more_below": (key, 1) in found.more,
    }


def _labels(keys: Collection[Key], mine: Collection[Key]) -> dict[Key, str]:
    """How an answer calls each record: what is not the reader's is numbered, so that its id is told to nobody."""
    labels: dict[Key, str] = {}
    for key in keys:
        unknown = len(labels) - sum(one in mine for one in labels)
        labels[key] = f"{key[0]}:{key[1]}" if key in mine else f"elsewhere:{unknown + 1}"
    return labels


class _EverythingView(NodeView):
    way = -1

    def listed(self, request: Request) -> Response:
        asked = self.asked(request, ListQuery)
        limit, mine = asked.get("limit", 100), self.namespaces()
        with self.as_it_stood(asked):
            self.require_readable(asked["node"])
            found = neighbourhood.everything(
                asked["node"], self.way, list(mine), after=asked.get("cursor"), limit=limit + 1
            )
            named = neighbourhood.names(found[:limit])
        results = [
            {
                "node": f"{key[0]}:{key[1]}", "kind": key[0], "id": key[1], "name": one.name, "detail": one.detail,
                "namespace": mine[one.namespace],
            }
            for key, one in sorted(named.items(), key=lambda item: found.index(item[0]))
        ]  # fmt: skip
        return Response(
            ListedSerializer({"results": results, "next": results[-1]["node"] if len(found) > limit else None}).data
        )


class FlagStepSerializer(serializers.Serializer[Any]):
    """A column on the way of a flag; of a version that is not yours to read, none of it."""

    dataset_version = serializers.IntegerField(allow_null=True)
    dataset = serializers.CharField(allow_blank=True)
    column = serializers.CharField(allow_blank=True, help_text=_("Blank: the whole version."))
    masking = serializers.BooleanField(
        help_text=_("Whether the producer claims that values were masked on the way here.")
    )


class FlagArrivalSerializer(serializers.Serializer[Any]):
    """A flag that reached a column."""

    category = serializers.CharField()
    column = serializers.CharField(allow_blank=True, help_text=_("Where it arrived; blank: the whole version."))
    dataset_version = serializers.IntegerField()
    answered = serializers.BooleanField(
        help_text=_("Whether a data steward has answered for it there; else it blocks.")
    )
    way = FlagStepSerializer(many=True, help_text=_("From the flag to where it arrived."))


class FlagArrivalsSerializer(serializers.Serializer[Any]):
    """What reaches a record."""

    results = FlagArrivalSerializer(many=True)


class FlagsView(NodeView):
    """Flags that reach a record by column lineage."""

    @extend_schema(parameters=[NodeQuery], responses={200: FlagArrivalsSerializer})
    def get(self, request: Request) -> Response:
        """Flags that arrive at a dataset version, or at the data that a model version or run read, each with its way.

        Worked out from the flags and column links on record now.
        """
        asked = self.asked(request, NodeQuery)
        self.require_readable(asked["node"])
        mine = self.namespaces()
        found = [
            {
                "category": one.flag.category, "column": one.at.column, "dataset_version": one.at.version.pk,
                "answered": one.answered, "way": [_step(step, mine) for step in one.way],
            }
            for one in travel.arrivals(_data_of(asked["node"]))
            if one.at.version.dataset.namespace_id in mine
        ]  # fmt: skip
        return Response(FlagArrivalsSerializer({"results": found}).data)


def _data_of(node: Key) -> list[int]:
    """A dataset version, or the dataset versions right above a run or a model's runs."""
    if node[0] == "dataset_version":
        return [node[1]]
    above = neighbourhood.around(node, up=1 if node[0] == "run" else 2, down=0, fan=500)
    return [key[1] for key in above.steps if key[0] == "dataset_version"]


def _step(step: travel.Step, mine: Mapping[int, str]) -> dict[str, Any]:
    if step.version.dataset.namespace_id not in mine:
        return {"dataset_version": None, "dataset": "", "column": "", "masking": step.masking}
    return {
        "dataset_version": step.version.pk, "dataset": step.version.dataset.name, "column": step.column,
        "masking": step.masking,
    }  # fmt: skip


class UpstreamView(_EverythingView):
    """Everything a record was made from."""

    way = -1

    @extend_schema(parameters=[ListQuery], responses={200: ListedSerializer})
    def get(self, request: Request) -> Response:
        """Every record that it was made from, however far up: datasets, runs and models, by kind and id."""
        return self.listed(request)


class DownstreamView(_EverythingView):
    """Everything made from a record."""

    way = 1

    @extend_schema(parameters=[ListQuery], responses={200: ListedSerializer})
    def get(self, request: Request) -> Response:
        """Every record that was made from it, however far down: datasets, runs and models, by kind and id."""
        return self.listed(request)
