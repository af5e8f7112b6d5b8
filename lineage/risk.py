"""How a model's risk tier follows from answered questions. One place, so that no door decides it otherwise."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import errors
from lineage.models import RiskTier

QUESTIONS = {
    "legal_or_similar_effect": gettext_lazy("Does it decide, or weigh in, on rights, money, work or access of people?"),
    "safety_component": gettext_lazy("Can a wrong answer harm body, health or property?"),
    "special_category_data": gettext_lazy("Does it use special categories of personal data?"),
    "personal_data": gettext_lazy("Does it use personal data?"),
    "no_human_review": gettext_lazy("Do its answers take effect without a person's review?"),
}
"""The questions by key; each is answered true or false."""

_HIGH = ("legal_or_similar_effect", "safety_component", "special_category_data")


def tier_of(answers: Mapping[str, object]) -> RiskTier:
    """The tier. A question left open counts as yes: not having asked is no reason for fewer signatures.

    Raises:
        errors.Invalid: a question that is not asked, or an answer that is neither true nor false.
    """
    wrong = {
        f"risk_answers.{key}": [
            _("There is no such question. Known: %(known)s.") % {"known": ", ".join(QUESTIONS)}
            if key not in QUESTIONS
            else _("Answer true or false.")
        ]
        for key, answer in answers.items()
        if key not in QUESTIONS or not isinstance(answer, bool)
    }
    if wrong:
        raise errors.Invalid(_("Some answers cannot be read."), errors=wrong)
    yes = {key for key in QUESTIONS if answers.get(key, True)}
    if yes.intersection(_HIGH):
        return RiskTier.HIGH
    return RiskTier.MEDIUM if yes else RiskTier.LOW
