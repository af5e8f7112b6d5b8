"""ETag, If-None-Match and If-Match (RFC 9110, 13): who changes a record says which state of it they saw.

An ETag is `"<history id>-<digest of what is shown>"`. The history id lets a refusal say what changed since; the digest
covers what is shown with a record and is not its own row (a closure, the events of a finding).
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from governance.api.taken import ETAG, ETAGS
from governance.errors import Invalid, PreconditionFailed
from governance.history.models import GovernedModel, history_model

_TAG = re.compile(r'"(?P<history>[0-9]{1,19})-(?P<digest>[0-9a-f]{32})"')
_STAMPS = frozenset({"history_id", "history_date", "history_type", "history_change_reason", "history_user_id"}) | {
    "action_id",
    "ledger_entry_id",
}


def newest_state(record: GovernedModel) -> int:
    """The id of the newest row of the record's history."""
    rows = history_model(type(record))._default_manager.filter(id=record.pk).order_by("-history_date", "-history_id")
    return int(rows.values_list("history_id", flat=True)[0])


def etag_of(record: GovernedModel, shown: Mapping[str, Any]) -> str:
    """The strong ETag of a record as it is shown to whoever asks."""
    text = json.dumps(shown, sort_keys=True, default=str)
    return f'"{newest_state(record)}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def read_tags(header: str, name: str) -> list[str]:
    """The tags of an If-Match or If-None-Match header; `*` alone for any. Raises Invalid when it is neither."""
    text = header.strip()
    if text == "*":
        return ["*"]
    if not re.fullmatch(ETAGS, text):
        sentence = _("Send the ETag of the record as you got it, quotation marks included, or *.")
        raise Invalid(_("%(name)s is not valid.") % {"name": name}, errors={f"({name})": [sentence]})
    return [found[0] for found in re.finditer(ETAG, text)]  # a tag may hold a comma


def known_already(header: str, etag: str) -> bool:
    """Whether If-None-Match names this state (weakly compared): 304 then. A header nobody can read matches nothing."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return tags == ["*"] or etag in tags


def require_match(tags: list[str], record: GovernedModel, show: Callable[[GovernedModel], Mapping[str, Any]]) -> None:
    """Raises PreconditionFailed (412), saying what changed, unless one of the tags is that of the record as it is."""
    if tags == ["*"]:
        return
    current = etag_of(record, show(record))
    if current in tags:
        return
    params: dict[str, Any] = {"etag": current}
    changed = _changed_since(record, tags)
    if changed is not None:
        params["changed"] = changed
    raise PreconditionFailed(
        _("It is no longer as you saw it. Read it again, look at what changed, and decide anew. Nothing was written."),
        errors={field: [_("Changed since.")] for field in changed or ()},
        params=params,
    )


def _changed_since(record: GovernedModel, tags: list[str]) -> list[str] | None:
    """The fields that differ from the state a tag was given out for; None where no tag is one of this record's.

    Empty: the row is the same, and something shown with it came or went.
    """
    history = history_model(type(record))
    for tag in tags:
        if not (found := _TAG.fullmatch(tag)) or int(found["history"]) >= 2**63:
            continue
        seen = history._default_manager.filter(id=record.pk, history_id=int(found["history"])).first()
        if seen is not None:
            fields = [f for f in history._meta.concrete_fields if f.attname not in _STAMPS]
            return [f.name for f in fields if getattr(seen, f.attname) != getattr(record, f.attname, None)]
    return None
