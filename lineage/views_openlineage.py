"""Pages on what OpenLineage producers send: how far it is worked off, what came of it, what was not understood."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance import errors
from governance.accounts.permissions import holds_anywhere
from governance.api.principals import person_of, principal_of
from lineage import actions
from lineage.actions.openlineage import ARRANGERS
from lineage.models import IntakeState, OpenLineageEvent
from lineage.openlineage import queries
from lineage.pages.paging import page_of, read_id

REPLAYED = (IntakeState.PARTLY, IntakeState.REFUSED, IntakeState.FAILED)


@require_safe
@login_required
def events_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Events, newest first, of one state or one producer where asked."""
    return _events(request)


@require_POST
@login_required
def replay_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Have the ticked events worked off once more."""
    person = person_of(request)
    ids = [read_id(one) for one in request.POST.getlist("event")]
    chosen = list(queries.events_for(person).filter(pk__in=ids).select_related("namespace"))
    try:
        made = actions.replay_events(actor=person, reason=request.POST.get("reason", ""), events=chosen)
    except errors.Refused as refusal:
        return _events(request, refusal=refusal, status=refusal.status)
    told = ngettext("%(count)d event is worked off again.", "%(count)d events are worked off again.", len(made))
    messages.success(request, told % {"count": len(made)} + " " + _("It is on record."))
    return redirect("openlineage")


def _events(request: HttpRequest, *, refusal: errors.Refused | None = None, status: int = 200) -> HttpResponse:
    reader = principal_of(request)
    state = request.GET.get("state", "")
    state = state if state in IntakeState.values else ""
    producer = request.GET.get("producer", "")
    found = queries.events_for(reader).select_related("intake", "namespace", "recorded_by")
    if state:
        found = found.filter(intake__state=state)
    if producer:
        found = found.filter(recorded_by=read_id(producer))
    counts = queries.counts_for(reader)
    context: dict[str, Any] = {
        "page": page_of(found, request),
        "state": state,
        "producer": producer,
        "states": [(value, label, counts.get(value, 0)) for value, label in IntakeState.choices],
        "counted": queries.COUNTED,
        "producers": queries.producers_for(reader),
        "may_replay": state in REPLAYED and holds_anywhere(reader, *ARRANGERS),
        "ticked": request.POST.getlist("event"),
        "reason": request.POST.get("reason", ""),
        "refusal": refusal,
    }
    return render(request, "lineage/openlineage.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def event_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """One event: what it says, what became of it, what was not understood. POST: work it off once more."""
    reader = principal_of(request)
    found = queries.events_for(reader).select_related("intake", "namespace", "recorded_by").filter(pk=read_id(id))
    event = found.first()
    if event is None:
        raise Http404
    refusal: errors.Refused | None = None
    if request.method == "POST":
        try:
            actions.replay_events(actor=person_of(request), reason=request.POST.get("reason", ""), events=[event])
        except errors.Refused as refused:
            refusal = refused
        else:
            messages.success(request, _("The event is worked off again. It is on record."))
            return redirect("openlineage-event", event.pk)
    return render(
        request, "lineage/openlineage_event.html", _event_context(reader, event, request, refusal),
        status=refusal.status if refusal else 200,
    )  # fmt: skip


def _event_context(
    reader: Any, event: OpenLineageEvent, request: HttpRequest, refusal: errors.Refused | None
) -> dict[str, Any]:
    intake = event.intake
    return {
        "event": event,
        "intake": intake,
        "made": queries.made_by(intake),
        "faults": [note for note in intake.notes if not note["unknown"]],
        "unknown": [note for note in intake.notes if note["unknown"]],
        "replays": queries.replays_of(event),
        "text": json.dumps(queries.event_text(event), indent=2, sort_keys=True, ensure_ascii=False),
        "may_replay": intake.state != IntakeState.WAITING and queries.may_arrange(reader, event.namespace),
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
    }
