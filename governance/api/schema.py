"""How the API is told to OpenAPI 3.1: bodies, receipts and problems of every operation, without a word at the views."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from governance.api import answers, errors, listing, taken
from governance.api.acts import ActSchema
from governance.api.serializers import StrictMixin, with_receipt


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457: why a request was not carried out, and what to do."""

    type = serializers.CharField(help_text=_("Stable: urn:muniment:problem:<slug>. Act on this."))
    title = serializers.CharField(help_text=_("The kind of problem, in the reader's language."))
    status = serializers.IntegerField(help_text=_("The HTTP status."))
    detail = serializers.CharField(help_text=_("What to do, in the reader's language."))
    instance = serializers.CharField(allow_null=True, help_text=_("This request, as it stands in the server's log."))
    errors = serializers.DictField(  # type: ignore[assignment]  # a field of the body, not the serializer's own errors
        child=serializers.ListField(child=serializers.CharField()),
        help_text=_("Sentences by the path of the field they are about, such as criteria[0].threshold."),
    )
    params = serializers.DictField(
        required=False, help_text=_("Facts for programs: the code of the rule, the roles that may.")
    )


#: Statuses any operation may answer; the sentence is the response's description.
_ALWAYS = {
    401: _("No valid key or session."),
    403: _("The role, the key's scope or separation of duties forbids it."),
    406: _("Answers are JSON."),
    429: _("The account has no calls left for now; Retry-After says when it has."),
}
_WITH_BODY = {
    400: _("The body is not valid; `errors` names the fields."),
    409: _("What is on record does not admit it."),
    413: _("The body is too large."),
    415: _("The body is not application/json."),
    422: _("The Idempotency-Key stands for another call."),
}
#: What may fail on our side, whatever is asked.
_FAULTS = {500: _("A fault of ours, on record in the server's log."), 503: _("Temporarily unavailable: ask again.")}
_CHANGED = _("If-Match: the record is no longer as it was seen; `params` says what changed.")
_UNCHANGED = _("If-None-Match: the record is as you have it.")


def header(name: str, told: Any, pattern: str) -> OpenApiParameter:
    """An optional request header of text."""
    schema = {"type": "string", "pattern": f"^({pattern})$"}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, required=False, description=str(told))


_AS_OF = OpenApiParameter(
    "as_of",
    OpenApiTypes.DATETIME,
    OpenApiParameter.QUERY,
    description=_(
        "Answer as the record stood at this moment (inclusive): a day (its first instant in UTC) or a date-time with"
        " its offset, not in the future. Who may read is judged now."
    ),
)


class RecordSchema(AutoSchema):
    """Reads the declarations of RecordViewSet and of `act`."""

    def _act(self) -> ActSchema | None:
        handler = getattr(self.view, getattr(self.view, "action", None) or "", None)
        return getattr(handler, "act_schema", None)

    def _shown(self) -> type[serializers.BaseSerializer[Any]]:
        view: Any = self.view
        shown: type[serializers.BaseSerializer[Any]] = view.serializer_class
        return shown

    def get_request_serializer(self) -> Any:
        """The serializer that reads the body, not the one that shows the record."""
        view: Any = self.view
        if act := self._act():
            return act.body
        if getattr(self.view, "action", None) == "bulk":
            return view.bulk_body()
        if getattr(self.view, "action", None) == "create":
            return getattr(self.view, "create_serializer_class", None) or super().get_request_serializer()
        return super().get_request_serializer()

    def get_response_serializers(self) -> Any:
        """Writes answer the record with its receipt: 201 for a new one, 200 for one that stood there."""
        view: Any = self.view
        if act := self._act():
            shown = with_receipt(act.answer or self._shown())
            if act.repeats:
                return self._new_or_there(shown)
            return {201: shown} if act.creates else {200: shown}
        if getattr(self.view, "action", None) == "bulk":
            return {201: view.bulk_answer, 200: view.bulk_answer}
        if getattr(self.view, "action", None) == "create" and self.method == "POST":
            return self._new_or_there(with_receipt(self._shown()))
        return super().get_response_serializers()

    @staticmethod
    def _new_or_there(shown: Any) -> dict[int, OpenApiResponse]:
        return {
            201: OpenApiResponse(shown, description=str(_("Recorded."))),
            200: OpenApiResponse(shown, description=str(_("It stood there already with the same content."))),
        }

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: Any = False) -> Any:
        """Of what is sent, also what a field refuses beyond its type."""
        inherited: Any = super()._map_serializer_field
        mapped: Any = inherited(field, direction, bypass_extensions)
        return taken.as_taken(field, mapped) if direction == "request" and mapped is not None else mapped

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """Of what is sent, also that fields which are not named are refused, and of which exactly one is asked for."""
        inherited: Any = super()._map_basic_serializer
        mapped: Any = inherited(serializer, direction)
        if direction != "request" or not isinstance(serializer, StrictMixin):
            return mapped
        one_of = [{"required": [name]} for name in serializer.exactly_one_of]
        return {**mapped, "additionalProperties": False, **({"oneOf": one_of} if one_of else {})}

    def _fields(self) -> OpenApiParameter:
        """The parameter by which a reader asks for some fields only."""
        told = _("Only these fields of each record, joined by commas.")
        schema = {"type": "string", "pattern": taken.fields_pattern(self._shown()().fields)}  # type: ignore[attr-defined]  # of records
        return OpenApiParameter("fields", schema, required=False, description=str(told))

    def get_override_parameters(self) -> list[Any]:
        """The parameters of lists and records, and the headers that make a call conditional or safe to repeat."""
        view: Any = self.view
        doing = getattr(view, "action", None)
        if not hasattr(view, "orderings"):  # no collection of records
            filters = getattr(view, "filter_class", None)
            return [filters] if filters and doing == "list" else self._key()
        past = [_AS_OF] if view.has_etags() else []
        if doing == "list":
            return [listing.parameters_of(view.__class__), self._fields(), *past]
        if doing == "retrieve":
            return [self._fields(), *past, *([header("If-None-Match", answers.TAG, ".*")] if view.has_etags() else [])]
        if self._acts_on_state():
            seen = _("The ETag of the record as you saw it: refused with 412 if it has changed.")
            return [header("If-Match", seen, taken.ETAGS), *self._key()]
        return self._key()

    def _key(self) -> list[OpenApiParameter]:
        """The header that makes a write safe to send again."""
        doing = getattr(self.view, "action", None)
        if self.method != "POST" or doing in getattr(self.view, "answers_with_a_secret", ()):
            return []
        if "multipart/form-data" in self.map_parsers():
            return []  # an upload's body is not held in memory to be told again
        told = _("Sent again with the same key, the call is answered and not repeated.")
        return [header("Idempotency-Key", told, taken.IDEMPOTENCY_KEY)]

    def _acts_on_state(self) -> bool:
        view: Any = self.view
        return self.method == "POST" and "{id}" in self.path and hasattr(view, "orderings") and view.has_etags()

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        """What the operation answers, and every problem it may answer with."""
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return responses
        problems: dict[int, Any] = {**_ALWAYS, **_FAULTS}
        if self.method in ("POST", "PUT", "PATCH"):
            problems.update(_WITH_BODY)
        else:
            problems[400] = _("A parameter is not valid; `errors` names it.")
        asks = getattr(self.view, "action", None) not in (
            "list",
            None,
        )  # beside the list: it names a record
        if "{" in self.path or self.method != "GET" or asks:
            problems[404] = _("No such record, or none that the caller may read: told alike.")
        elif getattr(self.view, "action", None) == "list":
            problems[404] = _("The cursor leads to no page of this list.")
        if not hasattr(self.view, "orderings"):  # a question rather than a record: it names records, and has conditions
            problems.setdefault(404, _("What is asked about is not there, or not to be read by the caller."))
            problems.setdefault(409, _("What is on record does not admit an answer, or the answer asked for."))
        if self._acts_on_state():
            problems[412] = _CHANGED
        answer: Any = self._get_response_for_code
        for status, sentence in sorted(problems.items()):
            if str(status) not in responses:
                told = OpenApiResponse(ProblemSerializer, description=str(sentence))
                responses[str(status)] = answer(told, str(status), [errors.CONTENT_TYPE], direction)
        view: Any = self.view
        if getattr(view, "action", None) == "retrieve" and hasattr(view, "orderings") and view.has_etags():
            responses["304"] = {"description": str(_UNCHANGED)}
        for code, answered in responses.items():
            refs = {
                answers.HEADERS[one][0]: {"$ref": f"#/components/headers/{one}"} for one in self._headers(int(code))
            }
            answered["headers"] = {**answered.get("headers", {}), **refs}
        return responses

    def _headers(self, status: int) -> list[str]:
        """Which headers an answer of that status may carry, by the name of their component."""
        view: Any = self.view
        names = ["RequestId", *([] if status == 401 else ["RateLimit", "RateLimitPolicy"])]
        if hasattr(view, "orderings") and view.has_etags() and getattr(view, "action", None) != "list":
            names += ["Etag"] if status in (200, 201, 304) else []
        if self.method == "POST" and status < 300:
            names += [*(["Location"] if status == 201 else []), *(["Replayed"] if self._key() else [])]
        names += {401: ["Challenge"], 409: ["RetryAfter"], 429: ["RetryAfter"]}.get(status, [])
        return names

    def get_auth(self) -> list[dict[str, Any]]:
        """Each scheme alone suffices; drf-spectacular asks for all that one class offers together."""
        together: list[dict[str, Any]] = super().get_auth()
        return [{name: scopes} for schemes in together for name, scopes in schemes.items()]

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        """An id is a whole number, although the address takes any text, to answer all wrong ones alike."""
        resolve: Any = super()._resolve_path_parameters
        parameters: list[dict[str, Any]] = resolve(variables)
        for parameter in parameters:
            if parameter["name"] == "id" and parameter["schema"].get("format") != "uuid":
                parameter["schema"] = {"type": "integer", "format": "int64", "minimum": 1}
                parameter["description"] = str(_("The record's id."))
        return parameters


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration is untyped
    """The two ways to send a key."""

    target_class = "governance.api.authentication.ApiKeyAuthentication"
    name = ["apiKey", "apiKeyAsPassword"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """For OpenAPI."""
        return [
            {"type": "http", "scheme": "bearer", "description": str(_("A service account's API key."))},
            {
                "type": "http",
                "scheme": "basic",
                "description": str(_("The service account's name, and its key as password.")),
            },
        ]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """A person's session."""

    target_class = "governance.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """For OpenAPI."""
        sentence = _("A signed-in person; writes also take the X-CSRFToken header.")
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": str(sentence)}
