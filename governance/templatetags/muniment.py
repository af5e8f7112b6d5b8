"""Template tags of the house's pages: `{% load muniment %}`. What they look like stands in docs/design.md."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.forms import BoundField
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import STAFF
from governance.client.muniment_personal import PATTERNS
from governance.outbox.models import Notice

register = template.Library()

#: Status of a requirement -> (class, icon, word).
STATUSES: dict[str, tuple[str, str, Any]] = {
    "SATISFIED": ("satisfied", "check", gettext_lazy("Satisfied")),
    "UNSATISFIED": ("unsatisfied", "cross", gettext_lazy("Not satisfied")),
    "NOT_APPLICABLE": ("none", "minus", gettext_lazy("Not applicable")),
    "WAIVED": ("waived", "waived", gettext_lazy("Waived")),
    "ERROR": ("error", "alert", gettext_lazy("Cannot be told")),
}
SHORT_DIGEST = 12  # characters shown of a digest; the whole one is in the title and in print


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing from icons.svg, silent for screen readers: words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag
def badge(kind: str, word: Any, drawing: str = "") -> SafeString:
    """A badge: kind is satisfied, unsatisfied, waived, error or none; word is what it says."""
    return format_html('<span class="badge badge--{}">{}{}</span>', kind, icon(drawing) if drawing else "", word)


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """The badge of a requirement's status: a drawing and a word, never colour alone."""
    kind, drawing, word = STATUSES.get(status, ("error", "alert", status))
    return badge(kind, word, drawing)


@register.simple_tag
def digest(value: str, algorithm: str = "sha256") -> SafeString:
    """A digest: short on the page, whole in the title and in print. "sha256:abc…" may bring its algorithm."""
    if ":" in value:
        algorithm, value = value.split(":", 1)
    if len(value) <= SHORT_DIGEST:
        return format_html('<code class="digest">{}</code>', value)
    return format_html(
        '<code class="digest" title="{0}:{1}"><span class="digest__algorithm">{0}:</span>'
        '<span class="digest__short">{2}…</span>'
        '<span class="digest__full">{1}</span></code>',
        algorithm,
        value,
        value[:SHORT_DIGEST],
    )


@register.filter
def moment(value: datetime | None) -> str | SafeString:
    """A moment as people read it, in UTC, with the exact one in the title: <time>22 Nov 2026, 20:31 UTC</time>."""
    return _("not yet") if value is None else _moment(value, "j M Y, H:i")


@register.filter
def exact_moment(value: datetime) -> SafeString:
    """A moment that somebody asked for, to the second: <time>22 Nov 2026, 20:31:09 UTC</time>."""
    return _moment(value, "j M Y, H:i:s")


def _moment(value: datetime, form: str) -> SafeString:
    utc = timezone.localtime(value, timezone.get_fixed_timezone(0))
    return format_html('<time datetime="{0}" title="{0}">{1} UTC</time>', utc.isoformat(), date_format(utc, form))


@register.filter
def pattern_title(pattern: str) -> str:
    """What a pattern of personal data is called: "e-mail address"; its key where this release does not know it."""
    known = PATTERNS.get(pattern)
    return known.title if known else pattern


@register.filter
def unprompted(field: BoundField) -> SafeString:
    """A form's field without the placeholder that repeats its label."""
    return field.as_widget(attrs={"placeholder": False})


@register.inclusion_tag("parts/nav_item.html", takes_context=True)
def nav_item(context: template.Context, name: str, label: Any, count: int | None = None) -> dict[str, Any]:
    """An item of the main navigation; nothing while no page has that URL name. Where one is, or below, is marked."""
    try:
        address = reverse(name)
    except NoReverseMatch:
        return {}
    request: HttpRequest | None = context.get("request")
    here = request.path if request else ""
    below = address != "/" and here.startswith(address.rstrip("/") + "/")
    current = "page" if here.rstrip("/") == address.rstrip("/") else ("true" if below else "")
    return {"address": address, "label": label, "current": current, "count": count}


@register.simple_tag
def roles_of(principal: Principal) -> list[dict[str, Any]]:
    """The roles a principal holds now: [{"role": "Risk manager", "where": "retail"}], each once."""
    roles: list[dict[str, Any]] = person_of(principal)["roles"]
    return roles


@register.simple_tag
def person_of(principal: Principal) -> dict[str, Any]:
    """What the masthead says of who is signed in, in one query.

    `roles` in force, how many notices are `unread`, and whether they are `staff`, as `User.is_staff` says.
    """
    unread = Notice.objects.filter(recipient=OuterRef("principal"), read_at=None).order_by().values("recipient")
    held = grants_in_force(principal).select_related("namespace", "on_behalf_of").order_by("role", "namespace__name")
    held = held.annotate(unread=Coalesce(Subquery(unread.annotate(n=Count("pk")).values("n")), 0))
    grants = list(held)
    # Who holds no role has no grant that brings the count along.
    count = grants[0].unread if grants else Notice.objects.filter(recipient=principal, read_at=None).count()
    return {"roles": _roles(grants), "unread": count, "staff": any(grant.role in STAFF for grant in grants)}


def _roles(held: Iterable[RoleGrant]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for grant in held:
        entry = {
            "role": grant.get_role_display(),
            "where": grant.namespace.name if grant.namespace else _("everywhere"),
            "for": grant.on_behalf_of.display_name if grant.on_behalf_of else "",
        }
        if entry not in found:
            found.append(entry)
    return found


@register.filter
def role_names(roles: list[dict[str, Any]]) -> str:
    """ "Risk manager, Validator": each role once, without where."""
    return ", ".join(dict.fromkeys(str(one["role"]) for one in roles))
