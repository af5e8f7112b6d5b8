"""Idempotency-Key: a write that is sent again because its answer was lost is not carried out again (attack A72).

A key belongs to an account, and to one call: method, address, content type and body. The act's own transaction marks
the key as used, so the two stand or fall together however a process ends. Refusals are not kept: nothing was done.
"""

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request

from governance.accounts.models import Principal
from governance.api.models import IdempotencyKey
from governance.api.taken import IDEMPOTENCY_KEY
from governance.errors import AnswerLost, Invalid, KeyReused, StillRunning
from governance.history.models import governed_models, history_model
from governance.unit_of_work import RunningAction

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(minutes=2)
"""Longer than any request is let run: after it, who carried the call out is taken for dead."""
RETRY_AFTER = 1  # s
_KEPT_HEADERS = ("Content-Type", "ETag", "Location")


class Replayed(Exception):
    """Carries the answer that was given before; the door gives it again and does nothing else."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True)
class Keyed:
    """A call that this request carries out, and nobody else."""

    row: int
    lease: uuid.UUID

    def _mine(self) -> Any:
        return IdempotencyKey.objects.filter(pk=self.row, lease=self.lease)

    def note(self, running: RunningAction) -> None:
        """In the act's transaction: the key is used. Raises StillRunning when another took the call over."""
        if not self._mine().update(action_id=running.id):
            raise still_running()

    def finish(self, response: HttpResponseBase) -> None:
        """Keep a success for those who ask again; forget a refusal. A fault after the act is kept as just that."""
        if response.status_code < 400 and isinstance(response, HttpResponse):
            kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            self._mine().update(status=response.status_code, headers=kept, body=response.content.decode())
        elif response.status_code < 500:
            self._mine().delete()
        else:
            self._mine().filter(action_id=None).delete()


def begin(request: Request, principal: Principal) -> Keyed | None:
    """Take a call up under its key; None when it has none.

    Raises:
        Replayed: it was carried out before. KeyReused (422): the key stands for another call.
        StillRunning (409): it is being carried out. AnswerLost (409): it was, and nobody knows its answer.
        Invalid (400): the key is malformed.
    """
    given = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    if not re.fullmatch(IDEMPOTENCY_KEY, given):
        sentence = _("Send 1 to 255 printable ASCII characters, such as a new UUID.")
        raise Invalid(_("The %(name)s is not valid.") % {"name": HEADER}, errors={f"({HEADER})": [sentence]})
    now = timezone.now()
    mine: dict[str, Any] = {
        "call": _fingerprint(request),
        "started_at": now,
        "lease": uuid.uuid4(),
        "lease_ends_at": now + LEASE,
    }
    key_hash = hashlib.sha256(given.strip('"').encode()).hexdigest()
    IdempotencyKey.objects.bulk_create(
        [IdempotencyKey(principal=principal, key_hash=key_hash, **mine)], ignore_conflicts=True
    )
    # A row whose day is over, or whose carrier died before the act, is taken over by whoever gets its lock first.
    row = IdempotencyKey.objects.filter(principal=principal, key_hash=key_hash)
    over = Q(started_at__lte=now - KEPT_FOR)
    row.filter(over).update(**mine, action_id=None, status=None, headers={}, body="")
    row.filter(call=mine["call"], status=None, action_id=None, lease_ends_at__lte=now).update(**mine)
    found = row.first()
    if found is None:
        raise still_running()  # its carrier was refused between two of our looks
    if found.lease == mine["lease"]:
        return Keyed(found.pk, found.lease)
    if found.call != mine["call"]:
        raise KeyReused(
            _("This key was used for another call, or with another body. Take a new key for a new call."),
            errors={f"({HEADER})": [_("Used for another call.")]},
        )
    if found.status is not None:
        raise Replayed(_again(found))
    if found.action_id is None or found.lease_ends_at > now:
        raise still_running()
    raise AnswerLost(
        _("The call was carried out and its answer was lost. Read what it wrote; do not send it under a new key."),
        params={"action_id": str(found.action_id), "wrote": list(_written(found.action_id))},
    )


def still_running() -> StillRunning:
    """The refusal for whoever asks while another carries the call out."""
    return StillRunning(_("Ask again in a moment for its answer."), params={"retry_after": RETRY_AFTER})


def forget_old() -> int:
    """Remove the keys whose day is over; how many."""
    return IdempotencyKey.objects.filter(started_at__lte=timezone.now() - KEPT_FOR).delete()[0]


def _fingerprint(request: Request) -> str:
    """What recognises the call. Keyed: a body may hold a password, which must not be guessed from the table."""
    try:
        body = request._request.body
    except OSError:
        raise ParseError(_("The connection broke before the whole body had arrived.")) from None
    except RawPostDataException:  # a form, in which the session's CSRF token was looked for: no keyed call takes one
        raise UnsupportedMediaType(request.META.get("CONTENT_TYPE", "")) from None
    parts = (request.method or "", request.get_full_path(), request.META.get("CONTENT_TYPE", ""))
    keyed = hmac.new(settings.SECRET_KEY.encode(), digestmod=hashlib.sha256)
    for part in (*(text.encode() for text in parts), body):
        keyed.update(len(part).to_bytes(8, "big") + part)
    return keyed.hexdigest()


def _again(row: IdempotencyKey) -> HttpResponse:
    response = HttpResponse(row.body.encode(), status=row.status)
    del response["Content-Type"]
    for name, value in row.headers.items():
        response[name] = value
    response[REPLAYED] = "true"
    return response


def _written(action_id: uuid.UUID) -> Any:
    for model in governed_models():
        for pk in history_model(model)._default_manager.filter(action_id=action_id).values_list("id", flat=True):
            yield {"table": model._meta.db_table, "object": pk}
