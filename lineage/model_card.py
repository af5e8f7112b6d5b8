"""What a model card may hold, part by part [CDX modelCard; SPDX autonomyType, metricDecisionThreshold].

Parts are optional; what is sent has the form of its part, so that pages, exports and later readers can rely on it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import errors

TEXT_LENGTH = 5_000
ITEMS = 200
APPROACHES = ("supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised")
"""[CDX modelParameters.approach.type]"""
AUTONOMY = ("yes", "no", "noAssertion")
"""Whether it acts without a person [SPDX autonomyType, PresenceType]."""

PARTS: dict[str, Any] = {
    "approach": gettext_lazy("How it learns: supervised, unsupervised, reinforcement-learning, semi-supervised, "
                             "self-supervised [CDX approach]."),
    "task": gettext_lazy("What it does, such as binary classification [CDX task]."),
    "architecture": gettext_lazy("Family and form, such as random forest [CDX modelArchitecture]."),
    "inputs": gettext_lazy("What it reads: text, or a list of {name, format, description} [CDX inputs]."),
    "outputs": gettext_lazy("What it answers: text, or a list of {name, format, description} [CDX outputs]."),
    "performance": gettext_lazy("A list of {type, value, slice, confidence_interval: {lower, upper}} "
                                "[CDX performanceMetrics]."),
    "limitations": gettext_lazy("Text or a list of texts [CDX technicalLimitations]."),
    "tradeoffs": gettext_lazy("Text or a list of texts [CDX performanceTradeoffs]."),
    "fairness": gettext_lazy("Text, or a list of {group_at_risk, benefits, harms, mitigation} "
                             "[CDX fairnessAssessments]."),
    "oversight": gettext_lazy("How people watch over it, text [CDX considerations]."),
    "autonomy_type": gettext_lazy("yes, no or noAssertion: whether it acts without a person [SPDX autonomyType]."),
    "decision_thresholds": gettext_lazy("{metric: finite number} from which it decides "
                                        "[SPDX metricDecisionThreshold]."),
}  # fmt: skip
"""Each part with what it holds; for the schema, the pages and the refusals."""

_INPUT = ("name", "format", "description")
_FAIRNESS = ("group_at_risk", "benefits", "harms", "mitigation")


def checked(card: Mapping[str, Any], *, field: str = "model_card") -> dict[str, Any]:
    """The card, each part in its form.

    Raises:
        errors.Invalid: a part nobody knows, or one of another form; `errors` names its path.
    """
    faults: dict[str, list[Any]] = {}
    for part, value in card.items():
        if part not in PARTS:
            known = ", ".join(PARTS)
            faults[f"{field}.{part}"] = [_("No part of a card. Known: %(known)s.") % {"known": known}]
            continue
        for path, sentence in _FORMS[part](value):
            faults[f"{field}.{part}{path}"] = [sentence]
    if faults:
        raise errors.Invalid(_("The model card has parts that are not of their form."), errors=faults)
    return dict(card)


def _text(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str) and value.strip() and len(value) <= TEXT_LENGTH:
        return []
    return [("", _("Send text of 1 to %(limit)d characters.") % {"limit": TEXT_LENGTH})]


def _one_of(known: tuple[str, ...]) -> Callable[[Any], list[tuple[str, str]]]:
    def check(value: Any) -> list[tuple[str, str]]:
        return [] if value in known else [("", _("One of %(known)s.") % {"known": ", ".join(known)})]

    return check


def _finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value == value and abs(value) != float("inf")


def _texts(value: Any) -> list[tuple[str, str]]:
    """Text, or a list of texts."""
    if not isinstance(value, list):
        return _text(value)
    if not value or len(value) > ITEMS:
        return [("", _("Send 1 to %(limit)d texts.") % {"limit": ITEMS})]
    return [(f"[{place}]", sentence) for place, one in enumerate(value) for _path, sentence in _text(one)]


def _objects(keys: tuple[str, ...], required: str) -> Callable[[Any], list[tuple[str, str]]]:
    """Text, or a list of objects with texts under some of the keys."""

    def check(value: Any) -> list[tuple[str, str]]:
        if isinstance(value, str):
            return _text(value)
        if not isinstance(value, list) or not 0 < len(value) <= ITEMS:
            return [("", _("Send text, or a list of objects with %(keys)s.") % {"keys": ", ".join(keys)})]
        faults = []
        for place, one in enumerate(value):
            if not isinstance(one, Mapping) or required not in one:
                faults.append((f"[{place}]", _("Send an object with %(key)s.") % {"key": required}))
                continue
            for key, inner in one.items():
                if key not in keys:
                    faults.append(
                        (f"[{place}].{key}", _("There is no such key. Known: %(k)s.") % {"k": ", ".join(keys)})
                    )
                else:
                    faults += [(f"[{place}].{key}{path}", sentence) for path, sentence in _text(inner)]
        return faults

    return check


def _performance(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, list) or not 0 < len(value) <= ITEMS:
        return [("", _("Send a list of {type, value, slice, confidence_interval}."))]
    faults: list[tuple[str, str]] = []
    for place, one in enumerate(value):
        at = f"[{place}]"
        if not isinstance(one, Mapping) or "type" not in one or "value" not in one:
            faults.append((at, _("Send an object with type and value.")))
            continue
        for key in one.keys() - {"type", "value", "slice", "confidence_interval"}:
            faults.append((f"{at}.{key}", _("There is no such key. Known: type, value, slice, confidence_interval.")))
        faults += [(f"{at}.{key}", s) for key in ("type", "slice") if key in one for _path, s in _text(one[key])]
        if not _finite(one["value"]):
            faults.append((f"{at}.value", _("Send a finite number.")))
        if "confidence_interval" in one:
            faults += [(f"{at}.confidence_interval", s) for s in _interval(one["confidence_interval"], one["value"])]
    return faults


def _interval(given: Any, value: Any) -> list[str]:
    if not isinstance(given, Mapping) or set(given) != {"lower", "upper"} or not all(map(_finite, given.values())):
        return [_("Send {lower, upper}: two finite numbers.")]
    if given["lower"] > given["upper"]:
        return [_("The lower bound lies above the upper one.")]
    if _finite(value) and not given["lower"] <= value <= given["upper"]:
        return [_("The value lies outside its own interval.")]
    return []


def _thresholds(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, Mapping) or not value or len(value) > ITEMS:
        return [("", _("Send an object: {metric: finite number}."))]
    return [(f".{metric}", _("Send a finite number.")) for metric, one in value.items() if not _finite(one)]


_FORMS: dict[str, Callable[[Any], list[tuple[str, str]]]] = {
    "approach": _one_of(APPROACHES),
    "task": _text,
    "architecture": _text,
    "inputs": _objects(_INPUT, "name"),
    "outputs": _objects(_INPUT, "name"),
    "performance": _performance,
    "limitations": _texts,
    "tradeoffs": _texts,
    "fairness": _objects(_FAIRNESS, "group_at_risk"),
    "oversight": _text,
    "autonomy_type": _one_of(AUTONOMY),
    "decision_thresholds": _thresholds,
}
