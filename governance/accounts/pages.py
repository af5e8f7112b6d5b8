"""Pages on namespaces: who holds which role, by whose grant and approval; administrators grant, approve and end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from governance import errors
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import grants_in_force, holds, readable_namespaces
from governance.accounts.roles import TWO_PERSON_ROLES, VOTING_ROLES, Role
from governance.api.fields import MAX_ID
from governance.api.principals import person_of, principal_of
from governance.unit_of_work import REASON_LIMIT

EVERYWHERE = "everywhere"
PEOPLE_OFFERED = 500
ENDED_SHOWN = 50


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=REASON_LIMIT, help_text=gettext_lazy("Kept in the record."),
        error_messages={"required": gettext_lazy("Say why; it is kept in the record.")},
    )  # fmt: skip


class GrantForm(ReasonForm):
    """A role to grant."""

    principal = forms.ModelChoiceField(Principal.objects.none(), label=gettext_lazy("To whom"))
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices)
    until = forms.DateField(
        label=gettext_lazy("Until the end of (optional)"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}), help_text=gettext_lazy("A day, in UTC."),
    )  # fmt: skip
    is_head = forms.BooleanField(
        label=gettext_lazy("Head of the role: may lift another's veto after the policy's delay"), required=False
    )
    field_order = ("principal", "role", "until", "is_head", "reason")

    def __init__(self, *args: Any, actor: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = readable_principals(actor).filter(is_active=True).exclude(kind=Principal.Kind.SYSTEM)
        people: Any = self.fields["principal"]
        people.queryset = known
        # What is taken may be anyone known; what a list can offer is limited.
        offered = known.order_by("display_name", "pk").values_list("pk", "display_name")[:PEOPLE_OFFERED]
        people.widget.choices = [("", "---------"), *offered]

    def end(self) -> datetime | None:
        """The first instant after the day that was typed."""
        day = self.cleaned_data.get("until")
        return datetime.combine(day + timedelta(days=1), time(0), UTC) if day else None


@require_safe
@login_required
def namespaces_page(request: HttpRequest) -> HttpResponse:
    """The namespaces the reader may read, with the roles they hold there and what waits for an administrator."""
    reader = principal_of(request)
    mine: dict[int | None, list[Any]] = {}
    for grant in grants_in_force(reader).order_by("role"):
        mine.setdefault(grant.namespace_id, []).append(grant.get_role_display())
    waiting = dict(_pending().values_list("namespace").annotate(n=Count("pk")))
    rows = [
        (one, [*mine.get(one.pk, []), *mine.get(None, [])], waiting.get(one.pk, 0))
        for one in readable_namespaces(reader).order_by("name")
    ]
    context = {"rows": rows, "everywhere": mine.get(None, []), "everywhere_waits": waiting.get(None, 0)}
    return render(request, "accounts/namespaces.html", context)


@require_safe
@login_required
def namespace_page(request: HttpRequest, id: str) -> HttpResponse:
    """One namespace, or everywhere: its people, what waits for a second administrator, what ended last."""
    reader = principal_of(request)
    return _shown(request, reader, _namespace(reader, id))


@require_POST
@login_required
def grant_page(request: HttpRequest, id: str) -> HttpResponse:
    """Grant a role there."""
    actor = person_of(request)
    namespace = _namespace(actor, id)
    form = GrantForm(request.POST, actor=actor)
    if not form.is_valid():
        return _shown(request, actor, namespace, form, status=400)
    given = form.cleaned_data

    def grant() -> None:
        grant_role(
            actor=actor, reason=given["reason"], principal=given["principal"], role=Role(given["role"]),
            namespace=namespace, effective_to=form.end(), is_head=given["is_head"],
        )  # fmt: skip

    waits = Role(given["role"]) in TWO_PERSON_ROLES
    said = _("Granted. It has force once another administrator approves it.") if waits else _("Granted.")
    return _done(request, actor, namespace, form, grant, said)


@require_POST
@login_required
def change_page(request: HttpRequest, id: str, act: str) -> HttpResponse:
    """Approve a grant that waits, or end one."""
    actor = person_of(request)
    grant = _grant(actor, id)
    form = ReasonForm(request.POST, auto_id=f"id_{act}_{grant.pk}_%s")
    if not form.is_valid():
        return _shown(request, actor, grant.namespace, form, status=400)

    def change() -> None:
        (approve_grant if act == "approve" else end_grant)(actor=actor, reason=form.cleaned_data["reason"], grant=grant)

    said = _("Approved; it has force after the operator's delay.") if act == "approve" else _("Ended.")
    return _done(request, actor, grant.namespace, form, change, said)


def _done(
    request: HttpRequest, actor: Principal, namespace: Namespace | None, form: forms.Form, change: Callable[[], None],
    said: str,
) -> HttpResponse:  # fmt: skip
    try:
        change()
    except errors.Refused as refusal:
        form.add_error(None, str(refusal.detail))
        for sentences in refusal.errors.values():
            for sentence in sentences:
                form.add_error(None, str(sentence))
        return _shown(request, actor, namespace, form, status=refusal.status)
    messages.success(request, said)
    return redirect("namespace", namespace.pk if namespace else EVERYWHERE)


def _namespace(reader: Principal, id: str) -> Namespace | None:
    """The namespace of an address; None is everywhere. Raises Http404 for none that the reader may read."""
    mine = readable_namespaces(reader)
    if id == EVERYWHERE:
        if not mine.exists():
            raise Http404
        return None
    found = mine.filter(pk=_number(id)).first()
    if found is None:
        raise Http404
    return found


def _grant(reader: Principal, id: str) -> RoleGrant:
    """A grant that the reader may know of. Raises Http404."""
    known = Q(namespace__in=readable_namespaces(reader)) | Q(namespace__isnull=True) | Q(principal=reader)
    found = RoleGrant.objects.select_related("namespace").filter(known, pk=_number(id)).first()
    if found is None or (found.namespace is None and not readable_namespaces(reader).exists()):
        raise Http404
    return found


def _number(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID
    return int(text) if plain else -1


def _pending() -> Any:
    """Grants that wait for a second administrator."""
    return RoleGrant.objects.filter(effective_from__isnull=True, ended_at__isnull=True)


def _shown(
    request: HttpRequest, reader: Principal, namespace: Namespace | None, tried: forms.Form | None = None, *,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    administers = holds(reader, Role.ADMINISTRATOR, namespace=namespace)
    now = timezone.now()
    there = Q(namespace=namespace) if namespace else Q(namespace__isnull=True)
    grants = RoleGrant.objects.filter(there).select_related(
        "principal", "recorded_by", "approved_by", "ended_by", "on_behalf_of"
    )  # fmt: skip
    over = Q(ended_at__isnull=False) | Q(effective_to__lte=now) | Q(principal__is_active=False)
    standing = grants.exclude(over).filter(effective_from__isnull=False).order_by("principal__display_name", "role")
    pending = grants.filter(effective_from__isnull=True, ended_at__isnull=True).order_by("pk")
    context = {
        "namespace": namespace,
        "administers": administers,
        "standing": [_row(g, tried, "end") for g in standing],
        "pending": [(*_row(g, tried, "approve"), _may_approve(reader, g)) for g in pending],
        "ended": list(grants.filter(over).order_by("-pk")[:ENDED_SHOWN]),
        "now": now,
        "tried": tried,
        "grant_form": tried if isinstance(tried, GrantForm) else GrantForm(actor=reader) if administers else None,
        "voting": sorted(str(role.label) for role in VOTING_ROLES),
    }
    return render(request, "accounts/namespace.html", context, status=status)


def _may_approve(reader: Principal, grant: RoleGrant) -> bool:
    """Whether the reader could be its second person; the database has the last word."""
    return reader.pk not in (grant.recorded_by_id, grant.principal_id)


def _row(grant: RoleGrant, tried: forms.Form | None, act: str) -> tuple[RoleGrant, forms.Form]:
    auto_id = f"id_{act}_{grant.pk}_%s"
    same = tried is not None and tried.auto_id == auto_id
    return grant, tried if same and tried is not None else ReasonForm(auto_id=auto_id)
