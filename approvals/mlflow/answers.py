"""Answers as MLflow's clients read them: 200 with JSON, or `{"error_code", "message"}` with a code they know.

A client tries 408, 429 and most of 5xx again for minutes: no refusal has one of these. Only faults of ours do.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions

from approvals.gate.gate import RequirementStatus, from_rows
from approvals.models import Release
from governance import errors
from governance.api.errors import instance_of

log = logging.getLogger(__name__)

#: Refusal -> status and code (mlflow/exceptions.py, 3.17.2). The first that fits.
CODES: tuple[tuple[type[errors.Refused], int, str], ...] = (
    (errors.Unauthenticated, 401, "UNAUTHENTICATED"),
    (errors.Forbidden, 403, "PERMISSION_DENIED"),
    (errors.SeparationOfDuties, 403, "PERMISSION_DENIED"),
    (errors.TooManyRequests, 403, "PERMISSION_DENIED"),
    (errors.Missing, 404, "RESOURCE_DOES_NOT_EXIST"),
    (errors.Unavailable, 503, "TEMPORARILY_UNAVAILABLE"),
    (errors.Conflict, 409, "RESOURCE_CONFLICT"),
    (errors.Refused, 400, "INVALID_PARAMETER_VALUE"),
)


class AlreadyExists(errors.Conflict):
    """A model of that name is there: `register_model` relies on this code."""


class KeptForGood(errors.Forbidden):
    """Records are never deleted; the sentence says what to do instead."""


def wrapped(name: str, body: str) -> str:
    """`{"<name>": <body>}`."""
    return f'{{"{name}": {body}}}'


def listed(name: str, bodies: Sequence[str], next_token: str = "") -> str:
    """A list of bodies, with the token of the next page where there is one."""
    more = f', "next_page_token": {json.dumps(next_token)}' if next_token else ""
    return f'{{"{name}": [{", ".join(bodies)}]{more}}}'


def answer(body: str) -> HttpResponse:
    """A success: 200, whatever was made."""
    return HttpResponse(body, content_type="application/json")


def refusal(status: int, code: str, message: str) -> HttpResponse:
    """A refusal in MLflow's form."""
    body = json.dumps({"error_code": code, "message": message}, ensure_ascii=False)
    return HttpResponse(body, status=status, content_type="application/json")


def of_error(error: Exception, request: HttpRequest) -> HttpResponse:
    """The answer to whatever was raised while a call was carried out."""
    if isinstance(error, DatabaseError):
        error = errors.from_database(error) or error
    if isinstance(error, exceptions.AuthenticationFailed):
        error = errors.Unauthenticated(error.detail)
    if isinstance(error, errors.GateClosed):
        return refusal(409, "RESOURCE_CONFLICT", closed(error))
    if isinstance(error, AlreadyExists):
        return refusal(400, "RESOURCE_ALREADY_EXISTS", str(error.detail))
    if isinstance(error, errors.Refused):
        status, code = next((status, code) for kind, status, code in CODES if isinstance(error, kind))
        response = refusal(status, code, said(error))
        if status == 401:
            response["WWW-Authenticate"] = 'Basic realm="muniment"'
        return response
    log.error("unexpected %s in %s", type(error).__name__, instance_of(request), exc_info=error)
    sentence = _("Something failed on our side. Quote %(reference)s when you report it.")
    return refusal(500, "INTERNAL_ERROR", sentence % {"reference": instance_of(request)})


def said(error: errors.Refused) -> str:
    """A refusal in one text: what is wrong, and what is wrong with which field where the sentence does not say it."""
    sentence = str(error.detail)
    fields = [
        f"{name}: {' '.join(str(one) for one in sentences)}"
        for name, sentences in error.errors.items()
        if not any(str(one) in sentence for one in sentences)
    ]
    return "\n".join([sentence, *fields])


def closed(error: errors.GateClosed) -> str:
    """What keeps the gate closed, a line for each requirement, who can mend it, and where the release stands."""
    verdict = from_rows(error.requirements)
    release = (
        Release.objects.select_related("model_version__model", "environment")
        .filter(pk=error.params.get("release") or 0)
        .first()
    )
    lines = [_("The gate is closed. Nothing went live.")]
    if release is not None:
        lines[0] = _("The gate is closed: %(model)s %(version)d does not go live in %(environment)s yet.") % {
            "model": release.model_version.model.name,
            "version": release.model_version.number,
            "environment": release.environment.name,
        }
    lines += [_line(one) for one in verdict.missing]
    if release is not None:
        lines.append(_("Release: %(address)s") % {"address": f"{settings.MUNIMENT_URL}/releases/{release.pk}"})
        lines.append(_("Run the same call again when nothing is missing."))
    return "\n".join(lines)


def _line(one: RequirementStatus) -> str:
    who = ", ".join(str(role.label) for role in one.who)
    return f"  - {one.key}: {one.message}" + (_(" [who can: %(roles)s]") % {"roles": who} if who else "")


def unknown_endpoint(request: HttpRequest, **_path: Any) -> HttpResponse:
    """404 in MLflow's form, for calls that this registry does not have."""
    sentence = _(
        "There is no %(method)s %(path)s here: this is a model registry. Runs and artifacts stay with your tracking"
        " server."
    )
    return refusal(404, "ENDPOINT_NOT_FOUND", sentence % {"method": request.method, "path": request.path[:200]})
