"""What people type about terms and vocabularies. Rules are the actions' and the database's; here only shape."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from governance.unit_of_work import REASON_LIMIT
from lineage.models import CollectionTerms, ConsentStatus, LegalBasis, SpecialCondition, VocabularyTerm

BLANKS = 3  # further places of a list; after saving there are more


class ListWidget(forms.TextInput):
    """A list of terms: one input each, with as many blank ones at its end; all bear one name."""

    template_name = "lineage/widgets/list.html"

    def __init__(self, *, offered: str) -> None:
        super().__init__(attrs={"list": offered, "maxlength": 160, "autocomplete": "off"})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """With one row per term."""
        context: dict[str, Any] = super().get_context(name, None, attrs)
        given = list(value or [])
        context["widget"]["rows"] = [*given, *[""] * BLANKS]
        return context

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """From the project's templates, which Django's form renderer does not look through."""
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """What was typed, without the blanks."""
        typed = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [one.strip() for one in typed if one.strip()]


class ListField(forms.Field):
    """A list of terms; which ones, the action checks."""

    def __init__(self, *, offered: str, **kwargs: Any) -> None:
        super().__init__(widget=ListWidget(offered=offered), required=False, **kwargs)


class PlacesField(forms.CharField):
    """ISO 3166 codes or blocs, joined by commas or blanks."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=800, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The list as it is typed."""
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """The codes."""
        return [one for one in str(super().clean(value) or "").replace(",", " ").split() if one]


def _help(name: str) -> Any:
    return CollectionTerms._meta.get_field(name).help_text  # type: ignore[union-attr]  # columns, not relations


def _label(name: str) -> Any:
    field: Any = CollectionTerms._meta.get_field(name)
    return str(field.verbose_name)[:1].upper() + str(field.verbose_name)[1:]


_DAY = forms.DateInput(attrs={"type": "date"})


class TermsForm(forms.Form):
    """New terms of a dataset."""

    error_css_class = "error"
    licence = forms.CharField(max_length=128, widget=forms.TextInput(attrs={"list": "licences"}))
    document_digest = forms.CharField(max_length=80, required=False)
    legal_basis = forms.ChoiceField(choices=[("", _("none named")), *LegalBasis.choices], required=False)
    special_condition = forms.ChoiceField(choices=[("", _("none named")), *SpecialCondition.choices], required=False)
    consent_status = forms.ChoiceField(choices=[("", _("no consent involved")), *ConsentStatus.choices], required=False)
    consent_evidence = forms.CharField(max_length=5_000, required=False)
    original_purpose = forms.CharField(
        max_length=160, required=False, widget=forms.TextInput(attrs={"list": "purposes"})
    )
    permitted_purposes = ListField(offered="purposes")
    permits_narrower = forms.BooleanField(required=False)
    forbidden_purposes = ListField(offered="purposes")
    permitted_geographies = PlacesField()
    forbidden_geographies = PlacesField()
    permitted_storage_geographies = PlacesField()
    forbidden_storage_geographies = PlacesField()
    controller = forms.CharField(max_length=256, required=False)
    storage_duration_days = forms.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    effective_from = forms.DateField(required=False, widget=_DAY)
    effective_to = forms.DateField(required=False, widget=_DAY)
    reason = forms.CharField(
        label=_("Reason"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It goes on record."), error_messages={"required": _("Give a reason: it goes on record.")},
    )  # fmt: skip

    GROUPS: Sequence[tuple[Any, tuple[str, ...]]] = (
        (_("Licence and legal ground"),
         ("licence", "document_digest", "legal_basis", "special_condition", "consent_status", "consent_evidence")),
        (_("For what"), ("original_purpose", "permits_narrower", "permitted_purposes", "forbidden_purposes")),
        (_("Where"),
         ("permitted_geographies", "forbidden_geographies", "permitted_storage_geographies",
          "forbidden_storage_geographies")),
        (_("Who, and how long"), ("controller", "storage_duration_days", "effective_from", "effective_to")),
        (_("On record"), ("reason",)),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name != "reason":
                field.label, field.help_text = _label(name), _help(name)
        self.fields["effective_from"].help_text = _("From the beginning of that day, UTC; empty: from now on.")
        self.fields["effective_to"].help_text = _("Until the end of that day, UTC; empty: no end.")

    @property
    def groups(self) -> list[tuple[Any, list[Any]]]:
        """The fields under their headings."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS]

    def terms(self) -> dict[str, Any]:
        """The action's arguments."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "reason"}
        start, end = data.pop("effective_from"), data.pop("effective_to")
        return {**data, "effective_from": _start_of(start), "effective_to": _end_of(end)}

    @staticmethod
    def as_typed(terms: CollectionTerms) -> dict[str, Any]:
        """What a form begins with that goes on from the newest terms; their period does not."""
        skipped = ("reason", "effective_from", "effective_to")
        return {name: getattr(terms, name) for name in TermsForm.base_fields if name not in skipped}


class WithdrawForm(forms.Form):
    """Why terms are withdrawn."""

    error_css_class = "error"
    reason = forms.CharField(
        label=_("Why they are withdrawn"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It goes on record, and whoever is concerned reads it."),
        error_messages={"required": _("Say why: it goes on record.")},
    )  # fmt: skip


class VocabularyTermForm(forms.Form):
    """A term of the house's own."""

    error_css_class = "error"
    scheme = forms.ChoiceField(label=_("Vocabulary"), choices=VocabularyTerm.Scheme.choices)
    term = forms.CharField(
        label=_("Term"), max_length=160,
        help_text=_("prefix:Name with a prefix of your house, such as bank:MortgageScoring."),
    )  # fmt: skip
    label = forms.CharField(label=_("Label"), max_length=256, help_text=_("What people read."))
    definition = forms.CharField(
        label=_("Definition"), max_length=2_000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What it means and what not: others choose by it."),
    )  # fmt: skip
    broader = ListField(
        offered="terms", label=_("Broader terms"),
        help_text=_("What it is a case of. Terms of use that forbid one of these forbid it, too. They never change."),
    )  # fmt: skip
    special = forms.BooleanField(
        label=_("Special category"), required=False,
        help_text=_("Of a category of personal data: whether GDPR article 9 covers it."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Reason"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It goes on record."), error_messages={"required": _("Give a reason: it goes on record.")},
    )  # fmt: skip


def refuse(form: forms.Form, faults: Mapping[str, Sequence[Any]], detail: str) -> None:
    """Put what an action refused beside its fields, and what concerns none above them."""
    for name, sentences in faults.items():
        field = name.partition("[")[0].partition(".")[0]
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, str(sentence))
    if not faults:
        form.add_error(None, detail)


def _start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(0), UTC) if day else None


def _end_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(23, 59, 59), UTC) if day else None
