"""What people type to plan a trial. Rules are the design's and the action's; here only shape."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from approvals.forms import PageForm, ReasonForm
from approvals.models import Better, Environment, MetricKind, Trial, TrialDeviation
from approvals.models.fields import NUMBER_LIMIT
from approvals.trials.design import MAX_LOOKS, MAX_UNITS, Design, Guardrail
from governance.unit_of_work import REASON_LIMIT

GUARDRAILS_ON_PAGE = 3  # over the API there are more
_PARTS = ("metric", "kind", "better", "margin")


def _number(
    label: Any, help_text: Any = "", *, required: bool = True, initial: str | None = None
) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, required=required, initial=initial, max_digits=60, decimal_places=30,
        min_value=-NUMBER_LIMIT, max_value=NUMBER_LIMIT, widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )  # fmt: skip


class TrialForm(PageForm):
    """A trial to plan: with it the sample size is worked out, or the trial is locked."""

    title = forms.CharField(label=_("Title"), max_length=200)
    hypothesis = forms.CharField(
        label=_("Hypothesis"), max_length=5000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What the challenger is expected to do better, and why."),
    )  # fmt: skip
    environment = forms.ChoiceField(label=_("Environment"), help_text=_("Where both will serve side by side."))
    metric = forms.CharField(label=_("Primary metric"), max_length=200)
    metric_kind = forms.ChoiceField(label=_("Kind of metric"), choices=MetricKind.choices)
    better = forms.ChoiceField(label=_("Better"), choices=Better.choices)
    sides = forms.ChoiceField(label=_("Sides"), choices=Trial.Sides.choices, initial=Trial.Sides.TWO)
    baseline = _number(_("Champion's rate or mean, as expected"), _("A rate between 0 and 1; a mean in its unit."))
    baseline_sd = _number(_("Standard deviation of one unit"), _("Of a mean only."), required=False)
    minimum_effect = _number(
        _("Smallest difference worth finding"), _("Absolute, in the metric's unit: 0.01 is one percentage point.")
    )
    alpha = _number(_("Alpha"), _("Chance to call it better where it is not."), initial="0.05")
    power = _number(_("Power"), _("Chance to find that difference where it is there."), initial="0.8")
    challenger_share = _number(_("Challenger's share of the units"), initial="0.5")
    units_per_day = forms.IntegerField(
        label=_("New units a day"), min_value=1, max_value=MAX_UNITS, help_text=_("Both arms together.")
    )
    looks = forms.IntegerField(
        label=_("Looks at the result, the end included"), min_value=1, max_value=MAX_LOOKS, initial=1
    )
    spending = forms.ChoiceField(
        label=_("How the looks share alpha"), choices=Trial.Spending.choices, initial=Trial.Spending.NONE
    )

    def __init__(self, *args: Any, environments: list[Environment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environment = self.fields["environment"]
        assert isinstance(environment, forms.ChoiceField)
        environment.choices = [(one.name, one.name) for one in environments]
        for n in range(1, GUARDRAILS_ON_PAGE + 1):
            self.fields.update(_guardrail_fields(n))

    @property
    def main_fields(self) -> list[Any]:
        """The fields beside the guardrails."""
        return [self[name] for name in self.fields if not name.startswith("guardrail_")]

    @property
    def guardrail_groups(self) -> list[tuple[int, list[Any]]]:
        """The fields of each place for a guardrail, by its number."""
        return [(n, [self[f"guardrail_{n}_{part}"] for part in _PARTS]) for n in range(1, GUARDRAILS_ON_PAGE + 1)]

    def clean(self) -> dict[str, Any]:
        """A guardrail that was begun is whole."""
        data: dict[str, Any] = super().clean() or {}
        for n in range(1, GUARDRAILS_ON_PAGE + 1):
            for one, other in (("metric", "margin"), ("margin", "metric")):
                name = f"guardrail_{n}_{other}"
                if data.get(f"guardrail_{n}_{one}") and not data.get(name) and name not in self.errors:
                    self.add_error(name, _("A guardrail has a metric and a margin above 0."))
        return data

    def design(self) -> Design:
        """What was typed. For a valid form."""
        data = self.cleaned_data
        exact: dict[str, Decimal] = {
            name: data[name] for name in ("minimum_effect", "baseline", "alpha", "power", "challenger_share")
        }
        return Design(
            hypothesis=data["hypothesis"], metric=data["metric"], metric_kind=MetricKind(data["metric_kind"]),
            better=Better(data["better"]), sides=Trial.Sides(data["sides"]), baseline_sd=data["baseline_sd"],
            units_per_day=data["units_per_day"], looks=data["looks"], spending=Trial.Spending(data["spending"]),
            guardrails=[
                Guardrail(
                    metric=data[f"guardrail_{n}_metric"], metric_kind=MetricKind(data[f"guardrail_{n}_kind"]),
                    better=Better(data[f"guardrail_{n}_better"]), margin=data[f"guardrail_{n}_margin"],
                )
                for n in range(1, GUARDRAILS_ON_PAGE + 1) if data.get(f"guardrail_{n}_metric")
            ],
            **exact,
        )  # fmt: skip

    def tell(self, faults: dict[str, list[str]]) -> None:
        """Show what the design finds wrong at its fields."""
        for name, sentences in faults.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


def _guardrail_fields(n: int) -> dict[str, forms.Field]:
    return {
        f"guardrail_{n}_metric": forms.CharField(label=_("Metric"), max_length=200, required=False),
        f"guardrail_{n}_kind": forms.ChoiceField(label=_("Kind of metric"), choices=MetricKind.choices),
        f"guardrail_{n}_better": forms.ChoiceField(label=_("Better"), choices=Better.choices),
        f"guardrail_{n}_margin": _number(_("How much worse would be borne"), required=False),
    }


class DeviationForm(PageForm):
    """Something that went otherwise than planned."""

    kind = forms.ChoiceField(label=_("What was otherwise"), choices=TrialDeviation.Kind.choices)
    happened_at = forms.DateTimeField(
        label=_("Since (UTC)"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    text = forms.CharField(
        label=_("How, and why"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("While nobody else accepts it, the trial cannot end well."),
    )  # fmt: skip


class AcceptForm(ReasonForm):
    """Why a deviation does not spoil the result."""
