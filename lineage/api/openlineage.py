"""`POST /api/v1/lineage` and `/batch`: OpenLineage events come in here, are kept, and are understood later.

Clients wait five seconds, repeat a POST on 500, 502, 503 and 504, lose an event on any other refusal, and follow a
redirect with a GET: hence both addresses with and without a slash, no limit of calls, and little work at the door.
"""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance import errors
from governance.api.principals import api_key_of
from governance.api.scopes import require_scope
from governance.api.serializers import ReceiptSerializer
from governance.api.views import ApiView
from lineage.actions.openlineage import Received, keep_event, keep_events, recognised
from lineage.openlineage.bodies import BATCH_BYTES, BATCH_EVENTS, EVENT_BYTES, read_json, take_in

_NAMED = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": {"type": "string", "minLength": 1, "maxLength": 512},
        "name": {"type": "string", "minLength": 1, "maxLength": 512},
        "facets": {"type": "object"},
    },
}
_DATASETS = {"type": "array", "items": _NAMED, "maxItems": 1000}
_OF_ALL = {
    "eventTime": {"type": "string", "format": "date-time"},
    "producer": {"type": "string", "format": "uri"},
    "schemaURL": {"type": "string", "format": "uri"},
}
_RUN = {
    "type": "object",
    "required": ["runId"],
    "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": {"type": "object"}},
}
EVENT: dict[str, Any] = {
    "description": "An event of OpenLineage 2-0-2: of a run, a job or a dataset. Whatever else it holds is kept too.",
    "anyOf": [
        {
            "type": "object",
            "required": ["eventTime", "run", "job"],
            "properties": {
                **_OF_ALL,
                "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
                "run": _RUN,
                "job": _NAMED,
                "inputs": _DATASETS,
                "outputs": _DATASETS,
            },
        },
        {
            "type": "object",
            "required": ["eventTime", "job"],
            "properties": {**_OF_ALL, "job": _NAMED, "inputs": _DATASETS, "outputs": _DATASETS},
        },
        {"type": "object", "required": ["eventTime", "dataset"], "properties": {**_OF_ALL, "dataset": _NAMED}},
    ],
}
BATCH: dict[str, Any] = {"type": "array", "items": EVENT, "minItems": 1, "maxItems": BATCH_EVENTS}


class _EventParser(BaseParser):
    """The JSON of a body, inflated under the view's limit."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Any JSON. Raises TooLarge, Invalid, Unsupported."""
        assert parser_context is not None
        encoding = parser_context["request"].META.get("HTTP_CONTENT_ENCODING", "")
        # A list in a list: what REST framework hands out for an empty body must not pass for one.
        return {"read": read_json(take_in(stream, encoding, parser_context["view"].bytes_at_most))}


class EventKeptSerializer(serializers.Serializer[Any]):
    """An event that is on record now."""

    id = serializers.IntegerField(help_text="Its id in openlineage-events, where it says what became of it.")
    repeated = serializers.BooleanField(help_text="Whether this account had sent the same event before.")
    receipt = ReceiptSerializer()


class SummarySerializer(serializers.Serializer[Any]):
    """How many."""

    received = serializers.IntegerField()
    successful = serializers.IntegerField(help_text="Kept, those sent before included.")
    failed = serializers.IntegerField()


class FailedEventSerializer(serializers.Serializer[Any]):
    """An event of a batch that was not kept."""

    index = serializers.IntegerField(help_text="Its place in the batch, from 0.")
    reason = serializers.CharField()
    retriable = serializers.BooleanField(help_text="Whether it would help to send it again as it is.")


class BatchKeptSerializer(serializers.Serializer[Any]):
    """What was kept of a batch."""

    status = serializers.ChoiceField(
        [("success", "success"), ("partial_success", "partial_success"), ("failure", "failure")]
    )
    summary = SummarySerializer()
    failed_events = FailedEventSerializer(many=True)


class _Door(ApiView):
    """What both addresses share."""

    collection = "lineage"
    parser_classes: ClassVar[list[type[BaseParser]]] = [_EventParser]  # type: ignore[misc]  # REST framework declares none
    bytes_at_most: ClassVar[int]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who may send. Calls are not counted, and Idempotency-Key is not needed: an event is recognised by itself."""
        APIView.initial(self, request, *args, **kwargs)
        require_scope(api_key_of(request), collection=self.collection, method=request.method or "")

    def body(self) -> Any:
        """What was sent. Raises Invalid for an empty body, and as the parser."""
        data = self.request.data
        if not isinstance(data, dict) or "read" not in data:
            sentence = _("The body is empty. Send an event as JSON.")
            raise errors.Invalid(sentence, errors={"(body)": [sentence]})
        return data["read"]


class LineageView(_Door):
    """One event."""

    bytes_at_most = EVENT_BYTES

    @extend_schema(
        operation_id="lineage_receive", request={"application/json": EVENT}, responses={201: EventKeptSerializer}
    )
    def post(self, request: Request) -> Response:
        """Keep an OpenLineage event: of a run, a job or a dataset. It is understood a moment later.

        The same event again is answered alike and kept once. `Content-Encoding: gzip` is read; 4 MiB at most, inflated.
        """
        kept = keep_event(actor=self.principal, event=recognised(self.body()))
        answer = {"id": kept.id, "repeated": not kept.new, "receipt": kept.receipt}
        return Response(answer, status=status.HTTP_201_CREATED)


@extend_schema(exclude=True)
class LineageSlashView(LineageView):
    """The same with a slash at its end: a redirect would lose the event in silence."""


class LineageBatchView(_Door):
    """Many events."""

    bytes_at_most = BATCH_BYTES

    @extend_schema(
        operation_id="lineage_receive_batch",
        request={"application/json": BATCH},
        responses={200: BatchKeptSerializer},
    )
    def post(self, request: Request) -> Response:
        """Keep many OpenLineage events in one act: those that can be kept. The others are named with why.

        1,000 events and 16 MiB at most, inflated.
        """
        events = self.body()
        if not isinstance(events, list) or not 1 <= len(events) <= BATCH_EVENTS:
            sentence = _("Send a list of 1 to %(limit)d events.") % {"limit": BATCH_EVENTS}
            raise errors.Invalid(sentence, errors={"(body)": [sentence]})
        good: list[Received] = []
        failed = []
        for index, event in enumerate(events):
            try:
                good.append(recognised(event))
            except errors.Refused as refusal:
                told = "; ".join(f"{field}: {sentences[0]}" for field, sentences in refusal.errors.items())
                failed.append({"index": index, "reason": f"{refusal} {told}".strip(), "retriable": False})
        if good:
            keep_events(actor=self.principal, reason=f"{len(good)} OpenLineage event(s) came in", events=good)
        state = "success" if not failed else "partial_success" if good else "failure"
        summary = {"received": len(events), "successful": len(good), "failed": len(failed)}
        answer = BatchKeptSerializer({"status": state, "summary": summary, "failed_events": failed})
        return Response(answer.data)


@extend_schema(exclude=True)
class LineageBatchSlashView(LineageBatchView):
    """The same with a slash at its end."""
