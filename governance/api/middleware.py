"""What every request and every answer carries."""

import logging
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import resolve

from governance import errors, logs
from governance.api import counters
from governance.api import errors as problems
from governance.unit_of_work import door

#: How a request comes in, by the beginning of its path; anything else is a page.
DOORS = (("/api/2.0/", "mlflow"), ("/api/v1/lineage", "openlineage"), ("/api/", "api"), ("/admin/", "admin"))

#: Where keys are shown.
KEYED = ("/api/v1/", "/api/2.0/mlflow/")

requests_log = logging.getLogger("muniment.requests")

Next = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)


def _tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """One line in the log and one count in the figures: by the route, never by the address, which may hold a key."""
    route = counters.route_of(request)
    figures = {"method": request.method, "route": route, "status": response.status_code,
               "milliseconds": round(seconds * 1000, 1)}  # fmt: skip
    requests_log.info("%s %s %d", request.method, route, response.status_code, extra=figures)
    counters.count(response.status_code, route, seconds)


class RequestIdMiddleware:
    """Gives each request an id of ours: in the answer's header, in each problem, in each log line. Counts answers."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid.uuid4())
        request.request_id = request_id  # type: ignore[attr-defined]  # Django's request is open to such notes
        came_in = door.set(next((name for prefix, name in DOORS if request.path.startswith(prefix)), "page"))
        began = time.perf_counter()
        with logs.belonging(request_id=request_id):
            try:
                response = self.get_response(request)
            finally:
                door.reset(came_in)
            seconds = time.perf_counter() - began
            _tell(request, response, seconds)
        response["X-Request-Id"] = request_id
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal that a page did not catch becomes a page of its own status rather than a fault of ours."""
        if not isinstance(error, errors.Refused):
            return None
        if problems.wants_problem(request):
            return problems.problem_response(problems.of_refusal(error, request))
        return problems.page_of_refusal(request, error)


class SecurityHeadersMiddleware:
    """A policy that admits nothing from elsewhere and nothing inline: injected script cannot run (attack A80)."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith(settings.STATIC_URL):
            # What a person or a key may see depends on who asks; no cache between may keep it.
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class KeyedCallMiddleware:
    """Calls of the API that show a key go straight to their view: what lies further in is for pages.

    Who shows a key is known by it and by nothing else (governance/api/authentication.py): no session is read, no token
    against forged forms, no language, no messages. Only for views that ask for no such token, as none of the API does.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_AUTHORIZATION" not in request.META or not request.path_info.startswith(KEYED):
            return self.get_response(request)
        match = resolve(request.path_info)
        if not getattr(match.func, "csrf_exempt", False):
            return self.get_response(request)
        request.resolver_match = match
        try:
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        except errors.Refused as refusal:
            return problems.problem_response(problems.of_refusal(refusal, request))
        return response.render() if isinstance(response, SimpleTemplateResponse) else response
