"""How terms differ from others of the same dataset, field by field, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from lineage.models import CollectionTerms, ConsentStatus

#: Documents, where evidence lies, and from when terms hold count for nothing.
_NEUTRAL = frozenset({"document_digest", "consent_evidence", "original_purpose", "effective_from"})
#: What is the database's own, and what says who recorded them and when.
_NOT_COMPARED = frozenset({"id", "recorded_at", "recorded_by", "dataset", "number", "narrows", "epoch"})
EFFECTS = {
    "wider": _("permits more"),
    "narrower": _("permits less"),
    "mixed": _("cannot be compared, so it counts as less"),
    "neutral": _("permits neither more nor less"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. Of a list, `added` and `removed` say how; `effect` is a key of EFFECTS."""

    field: str
    label: str
    before: Any
    after: Any
    added: list[str]
    removed: list[str]
    effect: str

    @property
    def effect_words(self) -> Any:
        """For pages."""
        return EFFECTS[self.effect]

    @property
    def is_moment(self) -> bool:
        """Whether it is a moment, which pages write their own way."""
        return isinstance(self.before, datetime) or isinstance(self.after, datetime)

    @property
    def is_list(self) -> bool:
        """Whether it is told by what came and went."""
        return isinstance(self.after, list)


def difference(before: CollectionTerms, after: CollectionTerms) -> list[Change]:
    """What is otherwise in `after`, in the order of the record's fields."""
    found = []
    for field in CollectionTerms._meta.concrete_fields:
        if field.name in _NOT_COMPARED:
            continue
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new:
            continue
        lists = isinstance(old, list) and isinstance(new, list)
        found.append(
            Change(
                field=field.name,
                label=str(field.verbose_name),
                before=_shown(before, field.name),
                after=_shown(after, field.name),
                added=[one for one in new if one not in old] if lists else [],
                removed=[one for one in old if one not in new] if lists else [],
                effect=_effect(field.name, old, new),
            )
        )
    return found


def _shown(terms: CollectionTerms, name: str) -> Any:
    """A value as people read it: the words of a choice, else the value."""
    words, value = getattr(terms, f"get_{name}_display", None), getattr(terms, name)
    return str(words()) if words is not None and value else value


def _effect(name: str, old: Any, new: Any) -> str:
    """Which way a change of one field goes, as `muniment.terms_narrow` judges all of them together."""
    if name in _NEUTRAL:
        return "neutral"
    if name == "consent_status":
        return "wider" if new in (ConsentStatus.GIVEN, ConsentStatus.RENEWED) else "mixed"
    if name == "permits_narrower":
        return "wider" if new else "narrower"
    if name in ("effective_to", "storage_duration_days"):
        return "wider" if new is None or (old is not None and new > old) else "narrower"
    if not isinstance(old, list):
        return "mixed"
    came, went = set(new) - set(old), set(old) - set(new)
    if name.startswith("forbidden"):
        came, went = went, came
    elif name.endswith("geographies") and not (old and new):
        return "narrower" if new else "wider"  # no place named: any place
    if came and went:
        return "mixed"
    return "wider" if came else "narrower"
