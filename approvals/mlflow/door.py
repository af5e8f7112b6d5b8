"""The door's frame: each call under its address and method, from who asks to the answer.

Plain Django views, not REST framework's: these answers have no form to negotiate, no serializer and no schema of ours
(MLflow's own protocol describes them), and clients ask for one before almost every write. Authentication, scopes and
the account's rate are the same code as the native API's.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from approvals.mlflow import reading
from approvals.mlflow.answers import answer, of_error, unknown_endpoint
from approvals.mlflow.asked import Asked, Field, identify, shown_key, values_of, workspace_of
from governance.api.authentication import NO_QUESTION, Question
from governance.api.scopes import require_scope
from governance.errors import Refused

Handler = Callable[[Asked], str]
Asking = Callable[[Mapping[str, Any]], Question]
PREFIX = "api/2.0/mlflow/"
READ_AHEAD = 64 * 1024
"""Bytes of a body that is read before it is known who sends it, so that both are asked of the database at once."""


class Call(NamedTuple):
    """A call as it is declared."""

    handler: Handler
    collection: str
    reads: bool
    question: Asking | None
    fields: dict[str, Field]


CALLS: dict[str, dict[str, Call]] = {}


def call(
    method: str,
    address: str,
    collection: str,
    *,
    reads: bool | None = None,
    question: Asking | None = None,
    **fields: Field,
) -> Callable[[Handler], Handler]:
    """Declare a handler as the answer to a call.

    Args:
        collection: the native API's name for the records, which a key's scopes go by.
        reads: whether the call writes nothing; None: GET does not.
        question: from the fields, what is asked of the database before the handler, as `asked.answer`.
        fields: what it takes; anything else is left alone.
    """

    def declare(handler: Handler) -> Handler:
        made = Call(handler, collection, method == "GET" if reads is None else reads, question, fields)
        CALLS.setdefault(address, {})[method] = made
        return handler

    return declare


def carried_out(request: HttpRequest, made: Call, reason: str) -> HttpResponse:
    """The answer to a call, whatever comes of it."""
    try:
        shown = shown_key(request)
        values, fault = _read_ahead(request, made)
        question = made.question(values) if made.question is not None and values is not None else NO_QUESTION
        caller = identify(request, shown, question)
        if caller.rate is not None:
            caller.rate.require()
        require_scope(caller.key, collection=made.collection, method="GET" if made.reads else "POST")
        if fault is not None:
            raise fault
        if values is None:
            values = values_of(request, made.fields)
        namespace, answered = workspace_of(request, caller), caller.answer
        if made.question is not None and (question is NO_QUESTION or caller.namespace is None):
            answered = reading.answer(made.question(values), namespace)
        return answer(made.handler(Asked(caller.key.principal, namespace, caller.key, reason, values, answered)))
    except Exception as error:
        return of_error(error, request)


def _read_ahead(request: HttpRequest, made: Call) -> tuple[dict[str, Any] | None, Refused | None]:
    """The fields of a short call, or what is wrong with them, which waits until it is known who asks."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.method != "GET" and not (length.isdecimal() and int(length) <= READ_AHEAD):
        return None, None
    try:
        return values_of(request, made.fields), None
    except Refused as fault:
        return None, fault


def _view(address: str, calls: dict[str, Call]) -> Any:
    """The view of an address: a class with a method for each call, as Django and our tests look at views."""

    def handle(method: str) -> Callable[..., HttpResponse]:
        made = calls[method]

        @functools.wraps(made.handler)
        def handling(self: View, request: HttpRequest) -> HttpResponse:
            return carried_out(request, made, f"MLflow: {method} {address}")

        return handling

    members: dict[str, Any] = {method.lower(): handle(method) for method in calls}
    members["http_method_not_allowed"] = lambda self, request: unknown_endpoint(request)
    members["__doc__"] = f"Calls of MLflow at {address}."
    made: Any = type("MlflowCall", (View,), members)
    return csrf_exempt(made.as_view())


def addresses() -> Iterable[URLPattern]:
    """A route for each address that was declared."""
    return [path(PREFIX + address, _view(address, calls)) for address, calls in CALLS.items()]
