"""Pages of the inbox and, for oversight, of the outbox."""

from typing import Any

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from governance import errors
from governance.api.principals import person_of, principal_of
from governance.outbox import relay
from governance.outbox.actions import mark_read, replay
from governance.outbox.notices import over, wording
from governance.outbox.queries import STATES, in_state, inbox_of, may_replay, messages_for
from governance.paging import page_of, read_id


@require_safe
@login_required
def inbox_page(request: HttpRequest) -> HttpResponse:
    """What the reader was told, newest first; `?show=unread` narrows it."""
    unread = request.GET.get("show") == "unread"
    found = inbox_of(principal_of(request))
    page = page_of(found.filter(read_at=None) if unread else found, request)
    done = over(page.rows)
    notices = [(one, wording(one), one.pk in done) for one in page.rows]
    context = {"page": page, "notices": notices, "unread_only": unread}
    return render(request, "governance/inbox.html", context)


@require_POST
@login_required
def open_notice(request: HttpRequest, id: str) -> HttpResponse:
    """Mark one as read and go where it leads."""
    reader = principal_of(request)
    notice = inbox_of(reader).filter(pk=read_id(id)).first()
    if notice is None:
        raise Http404
    mark_read(reader=reader, notices=[notice.pk])
    return redirect(notice.url if notice.url and "stay" not in request.POST else "inbox")


@require_POST
@login_required
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    count = mark_read(reader=principal_of(request))
    told = ngettext("%(count)d notice is marked as read.", "%(count)d notices are marked as read.", count)
    flashes.success(request, told % {"count": count})
    return redirect("inbox")


@require_safe
@login_required
def outbox_page(request: HttpRequest) -> HttpResponse:
    """What must leave the system: given up, waiting, or delivered. Administrators and auditors of everything."""
    return _outbox(request)


@require_POST
@login_required
def replay_page(request: HttpRequest) -> HttpResponse:
    """Have the ticked messages tried again."""
    person = person_of(request)
    chosen = list(messages_for(person).filter(pk__in=[read_id(one) for one in request.POST.getlist("message")]))
    try:
        made = replay(actor=person, reason=request.POST.get("reason", ""), messages=chosen)
    except errors.Refused as refusal:
        return _outbox(request, refusal=refusal, status=refusal.status)
    told = ngettext("%(count)d message is tried again.", "%(count)d messages are tried again.", len(made))
    flashes.success(request, told % {"count": len(made)} + " " + _("It is on record."))
    return redirect("outbox")


def _outbox(request: HttpRequest, *, refusal: errors.Refused | None = None, status: int = 200) -> HttpResponse:
    reader = principal_of(request)
    state = request.GET.get("state", "")
    state = state if state in STATES else "dead"
    topic = request.GET.get("topic", "").strip()[:80].replace("\x00", "")
    found = in_state(messages_for(reader), state)
    if topic:
        found = found.filter(topic=topic)
    context: dict[str, Any] = {
        "page": page_of(found, request), "state": state, "topic": topic, "refusal": refusal,
        "may_replay": may_replay(reader) and state == "dead", "stalled": relay.stalled(),
        "ticked": request.POST.getlist("message"), "reason": request.POST.get("reason", ""),
    }  # fmt: skip
    return render(request, "governance/outbox.html", context, status=status)
