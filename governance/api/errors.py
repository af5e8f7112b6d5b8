"""Every answer that is not a success, in one form: RFC 9457 problem+json under /api, a page elsewhere.

    {"type": "urn:muniment:problem:invalid", "title": …, "status": 400, "detail": what to do,
     "instance": "urn:uuid:…" (the request, as in the log), "errors": {"criteria[0].threshold": […]}}

`type` is stable; the rest is in the reader's language. `params` holds what a program may act on.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from governance import errors

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:muniment:problem:"
GENERAL = "(record)"
"""The key in `errors` for what concerns no single field."""
_SLUGS: dict[int, str] = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "idempotency-key-reused",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}


def title_of(status: int) -> str:
    """The heading for a status, in the reader's language."""
    titles = {
        400: _("The request is not valid"),
        401: _("Sign in or send a valid API key"),
        403: _("Not permitted"),
        404: _("No such record"),
        405: _("This address does not do that"),
        406: _("This form of answer is not offered"),
        409: _("This conflicts with what is on record"),
        412: _("The record has changed"),
        413: _("The request is too large"),
        415: _("Content type not supported"),
        429: _("Too many requests"),
        503: _("Temporarily unavailable"),
    }
    return titles.get(status, _("Something failed on our side"))


def instance_of(request: Any) -> str | None:
    """The URN of this request, as it stands in the log and in the X-Request-Id header."""
    inner = getattr(request, "_request", request)
    request_id = getattr(inner, "request_id", None)
    return f"urn:uuid:{request_id}" if request_id else None


def problem(
    *,
    status: int,
    detail: Any,
    slug: str | None = None,
    title: Any = None,
    field_errors: Mapping[str, Sequence[Any]] | None = None,
    params: Mapping[str, Any] | None = None,
    request: Any = None,
) -> dict[str, Any]:
    """The body of a problem."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + (slug or _SLUGS.get(status, "refused")),
        "title": str(title or title_of(status)),
        "status": status,
        "detail": str(detail),
        "instance": instance_of(request),
        "errors": {name: [str(sentence) for sentence in sentences] for name, sentences in (field_errors or {}).items()},
    }
    if params:
        body["params"] = dict(params)
    return body


def of_refusal(refusal: errors.Refused, request: Any) -> dict[str, Any]:
    """The problem of a refusal; a closed gate brings its requirements along."""
    body = problem(
        status=refusal.status,
        slug=refusal.slug,
        title=refusal.title,
        detail=refusal.detail,
        field_errors=refusal.errors,
        params=refusal.params,
        request=request,
    )
    if isinstance(refusal, errors.GateClosed):
        body["requirements"] = refusal.requirements
    return body


def flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """REST framework's nested errors as (path, sentence): ("criteria[0].threshold", "…")."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            if key == "non_field_errors":
                yield from flat(inner, path)
            elif isinstance(key, int):
                yield from flat(inner, f"{path}[{key}]")
            else:
                yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            # Lists of texts are sentences about this path; lists of objects are about its elements.
            yield from flat(inner, f"{path}[{index}]" if isinstance(inner, Mapping | list) else path)
    else:
        yield path or GENERAL, str(detail)


def of_exception(error: exceptions.APIException, request: Any) -> dict[str, Any]:
    """The problem of an exception that REST framework raised itself."""
    if isinstance(error, exceptions.ValidationError):
        found: dict[str, list[str]] = {}
        for path, sentence in flat(error.detail):
            found.setdefault(path, []).append(sentence)
        mend = _("Mend what stands under errors and send it again. Nothing was written.")
        return problem(status=400, detail=mend, field_errors=found, request=request)
    detail: Any = {
        404: _("No such record, or none that you may read."),
        405: _("%(method)s is not offered here; the Allow header lists what is.") % {"method": request.method},
        415: _("Send application/json, encoded in UTF-8."),
        406: _("Ask for application/json."),
    }.get(error.status_code) or error.detail
    if isinstance(error, exceptions.NotAuthenticated):
        detail = _("Sign in, or send an API key: Authorization: Bearer <key>.")
    return problem(status=error.status_code, detail=detail, request=request)


def internal(error: BaseException, request: Any) -> dict[str, Any]:
    """The problem of a fault of ours: a reference to the log, no word on what lies inside."""
    log.error("unexpected %s in %s", type(error).__name__, instance_of(request), exc_info=error)
    detail = _("Nothing you sent is to blame as far as we know. Quote the instance when you report it.")
    return problem(status=500, detail=detail, request=request)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's hook: whatever was raised in a view becomes a problem."""
    request = context["request"]
    headers: dict[str, str] = {}
    if isinstance(error, DatabaseError):
        # Actions map these already; one can still escape from a read with an odd value.
        error = errors.from_database(error) or error
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = errors.TooLarge()
    elif isinstance(error, SuspiciousOperation):
        error = errors.Invalid(_("The request cannot be read."))

    if isinstance(error, errors.Refused):
        body = of_refusal(error, request)
        if isinstance(error, errors.Unauthenticated):
            headers["WWW-Authenticate"] = 'Bearer realm="muniment"'
        if "retry_after" in error.params:
            headers["Retry-After"] = str(error.params["retry_after"])
    elif isinstance(error, exceptions.APIException):
        body = of_exception(error, request)
        headers.update(_headers_of(error))
    else:
        body = internal(error, request)
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return headers


# --- Outside views: handler400, handler403, handler404, handler500 of urls.py ---------------------------------------


def wants_problem(request: HttpRequest) -> bool:
    """Whether a program asks: an address of the API or the log, or somebody who prefers JSON to pages."""
    if request.path.startswith(("/api/", "/log/")):
        return True
    return request.get_preferred_type(["text/html", "application/json", CONTENT_TYPE]) in (
        "application/json",
        CONTENT_TYPE,
    )


def problem_response(body: dict[str, Any]) -> JsonResponse:
    """A problem outside REST framework."""
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE)


def _page(request: HttpRequest, status: int, title: str, detail: str, **more: Any) -> HttpResponse:
    context = {"status": status, "title": title, "detail": detail, "reference": instance_of(request), **more}
    return render(request, "errors/error.html", context, status=status)


def page_of_refusal(request: HttpRequest, refusal: errors.Refused) -> HttpResponse:
    """A refusal as a page, for a view that has no better place to show it."""
    return _page(request, refusal.status, str(refusal.title), str(refusal.detail), field_errors=refusal.errors)


def _answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if wants_problem(request):
        return problem_response(problem(status=status, detail=detail, request=request))
    return _page(request, status, title_of(status), detail)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400."""
    return _answer(request, 400, _("The request cannot be read. Check the address and try again."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403."""
    if isinstance(exception, errors.Refused):
        return _answer(request, exception.status, str(exception.detail))
    return _answer(request, 403, _("Your roles do not permit this. An administrator can tell you who may."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: the form's secret did not match; nothing was written."""
    detail = _(
        "The form had expired or came from elsewhere. Nothing was written: go back, reload the page and try again."
    )
    return _answer(request, 403, detail)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404."""
    return _answer(request, 404, _("There is nothing at this address, or nothing that you may read."))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. Reads nothing but the request: what failed may be anything."""
    detail = _("Nothing was written by this request unless a receipt says so. Quote the reference when you report it.")
    return _answer(request, 500, detail)
