"""The door's frame: each call under its address and method, from who asks to the answer.

Plain Django views, not REST framework's: these answers have no form to negotiate, no serializer and no schema of ours
(MLflow's own protocol describes them), and clients ask for one before almost every write. Authentication, scopes and
the account's rate are the same code as the native API's.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from approvals.mlflow.answers import answer, of_error, unknown_endpoint
from approvals.mlflow.asked import Asked, Field, identify, values_of, workspace_of
from governance.api.scopes import require_scope

Handler = Callable[[Asked], str]
PREFIX = "api/2.0/mlflow/"


class Call(NamedTuple):
    """A call as it is declared."""

    handler: Handler
    collection: str
    reads: bool
    fields: dict[str, Field]


CALLS: dict[str, dict[str, Call]] = {}


def call(
    method: str, address: str, collection: str, *, reads: bool | None = None, **fields: Field
) -> Callable[[Handler], Handler]:
    """Declare a handler as the answer to a call.

    Args:
        collection: the native API's name for the records, which a key's scopes go by.
        reads: whether the call writes nothing; None: GET does not.
        fields: what it takes; anything else is left alone.
    """

    def declare(handler: Handler) -> Handler:
        made = Call(handler, collection, method == "GET" if reads is None else reads, fields)
        CALLS.setdefault(address, {})[method] = made
        return handler

    return declare


def carried_out(request: HttpRequest, made: Call, reason: str) -> HttpResponse:
    """The answer to a call, whatever comes of it."""
    try:
        caller = identify(request)
        if caller.rate is not None:
            caller.rate.require()
        require_scope(caller.key, collection=made.collection, method="GET" if made.reads else "POST")
        values = values_of(request, made.fields)
        asked = Asked(caller.key.principal, workspace_of(request, caller), caller.key, reason, values)
        return answer(made.handler(asked))
    except Exception as error:
        return of_error(error, request)


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
