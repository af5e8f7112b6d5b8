"""Telling people: an inbox on the page, and an e-mail. Both say the same sentence, in the reader's language."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Principal, RoleGrant, User
from governance.accounts.permissions import in_force
from governance.accounts.roles import Role
from governance.outbox.handlers import handles, load
from governance.outbox.messages import keep
from governance.outbox.models import Notice, OutboxMessage
from governance.outbox.relay import GIVEN_UP

MAIL_TOPIC = "notice.mail"

Text = str | Promise

OPEN_PAGE = _("Open the page")


@dataclass(frozen=True)
class Kind:
    """How one kind of notice is worded; %(name)s stands for the notice's values."""

    title: Text
    body: Text
    link: Text
    over: Callable[[Collection[Notice]], set[int]] | None = None


_kinds: dict[str, Kind] = {}


def register_kind(
    name: str,
    *,
    title: Text,
    body: Text,
    link: Text = OPEN_PAGE,
    over: Callable[[Collection[Notice]], set[int]] | None = None,
) -> None:
    """Word a kind of notice.

    Args:
        name: stable name, for example "signature-awaited"; kept on each notice.
        title: one line, the e-mail's subject; with %(name)s for values.
        body: what happened and what to do, one or two sentences; with %(name)s for values.
        link: the words of the link.
        over: which of some notices of this kind ask for nothing any more, by id; None: they ask for nothing at all.
    """
    _kinds[name] = Kind(title, body, link, over)


@dataclass(frozen=True)
class Wording:
    """A notice in words, in the language that was active when it was made."""

    title: str
    body: str
    link: str


def wording(notice: Notice) -> Wording:
    """The notice in the active language. A kind that is no longer known is told by its name, never by an error."""
    if notice.kind not in _kinds:
        load()
    kind = _kinds.get(notice.kind)
    if kind is None:
        return Wording(notice.kind, "", str(OPEN_PAGE))
    return Wording(_fill(kind.title, notice.params), _fill(kind.body, notice.params), str(kind.link))


def over(notices: Iterable[Notice]) -> set[int]:
    """Ids of those that asked for something which is no longer asked, as the records stand now."""
    load()
    of_kind: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        of_kind[notice.kind].append(notice)
    found: set[int] = set()
    for name, alike in of_kind.items():
        kind = _kinds.get(name)
        if kind is not None and kind.over is not None:
            found |= kind.over(alike)
    return found


def notify(
    recipients: Iterable[Principal],
    kind: str,
    params: Mapping[str, Any],
    url: str,
    message: OutboxMessage,
    *,
    mail: bool = True,
) -> list[Notice]:
    """Tell each of `recipients` once for this message, however often its handler runs. For handlers only.

    A service account cannot read: the person who answers for it is told. Inactive principals are left out. Each
    e-mail is a message of its own, so that one mailbox that refuses holds up nobody else's.

    Args:
        recipients: whom to tell; the same person twice is told once.
        kind: a name given to `register_kind`.
        params: plain JSON values for the sentence.
        url: path on this site, beginning with "/"; "" for none.
        message: the outbox message being handled.
        mail: False for what only belongs into the inbox on the page.

    Returns:
        the notices that are new.

    Raises:
        KeyError: a kind nobody worded.
    """
    if kind not in _kinds:
        raise KeyError(f"notice kind {kind!r} has no wording: register_kind first")
    people = {person.pk: person for person in map(reader_of, recipients) if person is not None}
    told = set(Notice.objects.filter(message=message, recipient__in=people).values_list("recipient_id", flat=True))
    new = [
        Notice(message=message, recipient=person, kind=kind, params=dict(params), url=url)
        for pk, person in sorted(people.items())
        if pk not in told
    ]
    Notice.objects.bulk_create(new)
    if not mail:
        return new
    with_mail = set(_accounts().filter(principal__in=people).values_list("principal_id", flat=True))
    for notice in new:
        if notice.recipient_id in with_mail:
            keep(
                MAIL_TOPIC,
                {"notice": notice.pk},
                subject=f"notice:{notice.pk}",
                action_id=message.action_id,
                dedup_key=f"{MAIL_TOPIC}:{notice.pk}",
            )
    return new


@handles(MAIL_TOPIC)
def mail(message: OutboxMessage) -> None:
    """Send one notice by e-mail. The Message-ID is the same at each try: whoever receives it twice can tell."""
    notice = Notice.objects.select_related("recipient", "message").get(pk=message.payload["notice"])
    account = _accounts().filter(principal=notice.recipient).first()
    if account is None:  # left since; the notice stays in the inbox
        return
    with translation.override(language_of(notice.recipient)):
        words = wording(notice)
        address = settings.MUNIMENT_URL.rstrip("/") + notice.url if notice.url else ""
        context = {"recipient": notice.recipient, "words": words, "address": address, "site": settings.MUNIMENT_URL}
        email = EmailMultiAlternatives(
            subject=" ".join(words.title.split()),  # a line break in a value would be a header of its own
            body=render_to_string("mail/notice.txt", context),
            to=[account.email],
            headers={
                "Message-ID": message_id(notice),
                "Auto-Submitted": "auto-generated",
                "X-Muniment-Kind": notice.kind,
            },
        )
        email.attach_alternative(render_to_string("mail/notice.html", context), "text/html")
    email.send()


register_kind(
    "outbox-given-up",
    title=_("Given up: messages of %(topic)s"),
    body=_("Message %(message)s was tried until there was no try left. Look at why, then replay it."),
    link=_("Open the outbox"),
)


@handles(GIVEN_UP)
def tell_administrators(message: OutboxMessage) -> None:
    """The administrators of everything; on the page only, since it may be the mail that fails."""
    held = RoleGrant.objects.filter(in_force(), role=Role.ADMINISTRATOR, namespace=None)
    people = Principal.objects.filter(kind=Principal.Kind.PERSON, pk__in=held.values("principal"))
    notify(people, "outbox-given-up", message.payload, "/outbox", message, mail=False)


def message_id(notice: Notice) -> str:
    """The e-mail's Message-ID: from message and recipient; the moment keeps two installations' ids apart."""
    cause = f"{notice.message_id}:{notice.message.created_at.isoformat()}:{notice.recipient_id}"
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    digest = hashlib.sha256(cause.encode()).hexdigest()[:16]
    return f"<notice.{notice.message_id}.{notice.recipient_id}.{digest}@{domain}>"


def language_of(principal: Principal) -> str:
    """The language `principal` reads; the installation's own until people can choose."""
    return settings.LANGUAGE_CODE


def _accounts() -> QuerySet[User]:
    """Sign-in accounts that mail may go to."""
    return User.objects.filter(is_active=True, principal__is_active=True)


def reader_of(principal: Principal) -> Principal | None:
    """Who reads what is meant for `principal`: for a service account the person who answers for it; None: nobody."""
    reader = principal if principal.kind == Principal.Kind.PERSON else principal.responsible
    return reader if reader is not None and reader.is_active else None


def _fill(text: Text, params: Mapping[str, Any]) -> str:
    return str(text) % _Forgiving(params)


class _Forgiving(dict[str, Any]):
    """A value that an old notice lacks shows as a question mark: an inbox opens whatever an earlier release wrote."""

    def __missing__(self, key: str) -> str:
        return "?"
