"""The form a model is proposed with, and what its pages show."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import in_force
from governance.unit_of_work import REASON_LIMIT
from lineage.models import Intake, Model, ModelVersion, RiskQuestionSet, RiskTier

PROSE = ("description", "business_case", "affected", "expected_data", "approach", "oversight", "out_of_scope_uses")


class IntakeForm(forms.Form):
    """A model to propose. The questions are those worded now; their set goes along, so that what was asked is known."""

    error_css_class = "error"

    namespace = forms.ChoiceField(label=_("Namespace"))
    name = forms.CharField(
        label=_("Name"), max_length=256, help_text=_("The name the model will have, unique in its namespace.")
    )
    title = forms.CharField(label=_("Title (optional)"), max_length=256, required=False)
    intended_purpose = forms.CharField(
        label=_("Intended purpose"), max_length=160, widget=forms.TextInput(attrs={"list": "purposes"}),
        help_text=_("As dpv:Name, such as dpv:CreditChecking."),
    )  # fmt: skip
    deployment_geography = forms.CharField(
        label=_("Where it is to decide"), max_length=500, help_text=_("ISO 3166 codes or blocs, such as DE, AT or EU.")
    )
    owner = forms.ChoiceField(label=_("Who will answer for it"))
    decision_owner = forms.ChoiceField(label=_("Who will answer for decisions made with it"), required=False)
    question_set = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason"), max_length=REASON_LIMIT, help_text=_("Why it is proposed now; it goes on record."),
        error_messages={"required": _("Give a reason: it goes on record.")},
    )  # fmt: skip

    def __init__(
        self,
        *args: Any,
        namespaces: Sequence[str],
        people: Sequence[tuple[int, str]],
        asked: RiskQuestionSet,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        persons = [("", "–"), *((str(pk), name) for pk, name in people)]
        for name, choices in (
            ("namespace", [(one, one) for one in namespaces]), ("owner", persons), ("decision_owner", persons),
        ):  # fmt: skip
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
        for name in PROSE:
            field_of = Intake._meta.get_field(name)
            assert isinstance(field_of, Field)
            self.fields[name] = forms.CharField(
                label=str(field_of.verbose_name).capitalize(), max_length=5_000, help_text=field_of.help_text,
                required=name in ("description", "business_case", "affected", "expected_data"),
                widget=forms.Textarea(attrs={"rows": 3}),
            )  # fmt: skip
        for question in asked.questions:
            self.fields[f"answer_{question['key']}"] = forms.ChoiceField(
                label=question["text"], choices=[("yes", _("Yes")), ("no", _("No"))], widget=forms.RadioSelect,
                error_messages={"required": _("Answer yes or no.")},
            )  # fmt: skip
        self.initial["question_set"] = asked.pk
        first = ("namespace", "name", "title", "description", "business_case", "intended_purpose")
        self.order_fields([*first, "deployment_geography", "affected", "expected_data", "approach", "oversight"])

    @property
    def told(self) -> list[Any]:
        """The fields before the questions."""
        return [f for f in self if not f.name.startswith("answer_") and f.name not in ("question_set", "reason")]

    @property
    def questions(self) -> list[Any]:
        """The questions, in the order they are asked."""
        return [field for field in self if field.name.startswith("answer_")]

    def answers(self) -> dict[str, bool]:
        """The answers given, true or false."""
        data = self.cleaned_data
        return {name.removeprefix("answer_"): data[name] == "yes" for name in data if name.startswith("answer_")}


class TierForm(forms.Form):
    """Another tier, and why."""

    error_css_class = "error"
    tier = forms.ChoiceField(
        label=_("Tier that is to hold"), required=False,
        choices=[*RiskTier.choices, ("", _("What follows from the answers"))], widget=forms.RadioSelect,
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Reason"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("It is part of what you sign."),
        error_messages={"required": _("Say why: it is part of what you sign.")},
    )  # fmt: skip


class TierSignForm(TierForm):
    """The same, with the statement that was shown and the password."""

    statement_digest = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    password = forms.CharField(
        label=_("Your password, once more"), strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password: signing asks who you are.")},
    )  # fmt: skip


def people_of(namespaces: Sequence[Namespace]) -> list[tuple[int, str]]:
    """Persons with a role in one of the namespaces, or everywhere, by name."""
    grants = RoleGrant.objects.filter(in_force())
    held = grants.filter(namespace__in=namespaces) | grants.filter(namespace__isnull=True)
    people = Principal.objects.filter(kind=Principal.Kind.PERSON, pk__in=held.values("principal"))
    return list(people.order_by("display_name").values_list("pk", "display_name"))


def of_model(model: Model) -> list[Intake]:
    """The proposals of a model's name, newest first, with what was decided."""
    return list(
        Intake.objects.filter(namespace=model.namespace, name=model.name)
        .select_related("decision__recorded_by", "recorded_by").order_by("-id")[:10]
    )  # fmt: skip


def after_training(intake: Intake, model: Model | None) -> bool:
    """Whether a version was on record before the proposal was: it came after the fact."""
    if model is None:
        return False
    return ModelVersion.objects.filter(model=model, recorded_at__lt=intake.recorded_at).exists()


def answered(intake: Intake) -> list[tuple[str, bool]]:
    """Each question as it was worded then, with its answer."""
    return [(one["text"], intake.risk_answers[one["key"]]) for one in intake.question_set.questions]
