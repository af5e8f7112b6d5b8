"""What people type on the release page. Rules are the actions' and the database's; here only shape."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from approvals.models import Finding, ReleaseClosure, Vote
from governance.unit_of_work import REASON_LIMIT

COMMENT_LIMIT = 5000  # characters, as SignOff.comment
CONDITIONS_ON_PAGE = 3  # places for conditions on the form; over the API there are more


class PageForm(forms.Form):
    """A form that stands beside others of its kind: ids carry a prefix, names do not."""

    error_css_class = "error"

    def __init__(self, *args: Any, marked: str = "", **kwargs: Any) -> None:
        kwargs["auto_id"] = f"id_{marked}_%s" if marked else "id_%s"
        super().__init__(*args, **kwargs)


class SignForm(PageForm):
    """One vote on one requirement."""

    requirement = forms.SlugField(max_length=100, widget=forms.HiddenInput)
    vote = forms.ChoiceField(choices=Vote.choices, widget=forms.HiddenInput)
    statement_digest = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    comment = forms.CharField(
        label=_("Comment"), max_length=COMMENT_LIMIT, required=False, strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    password = forms.CharField(
        label=_("Your password, once more"), strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, vote: str, people: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = people
        if vote == Vote.APPROVE:
            for n in range(1, CONDITIONS_ON_PAGE + 1):
                self.fields.update(_condition_fields(n, people))
        comment = self.fields["comment"]
        if vote == Vote.REJECT:
            comment.required = True
            comment.label = _("Why you reject it")
            comment.help_text = _("Say what would have to change. It goes on record with your signature.")
            comment.error_messages["required"] = _("Say why you reject it.")
        else:
            comment.label = _("Comment (optional)")
            comment.help_text = _("It goes on record with your signature.")
        self.fields["password"].error_messages["required"] = _("Enter your password: signing asks who you are.")

    @property
    def condition_groups(self) -> list[tuple[int, list[Any]]]:
        """The fields of each place for a condition, by its number."""
        return [
            (n, [self[f"condition_{n}_{part}"] for part in _CONDITION_PARTS])
            for n in range(1, CONDITIONS_ON_PAGE + 1)
            if f"condition_{n}_text" in self.fields
        ]

    @property
    def conditional(self) -> bool:
        """Whether a condition was typed, or is wrong: its place is then shown open."""
        return any(name.startswith("condition_") for name in self.errors) or bool(self.conditions())

    def clean(self) -> dict[str, Any]:
        """A condition that was begun is whole."""
        data: dict[str, Any] = super().clean() or {}
        for n, fields in self.condition_groups:
            text, owner, due = (data.get(f"condition_{n}_{part}") for part in ("text", "owner", "due"))
            if not text and not owner and not due:
                continue
            for bound, value in zip(fields, (text, owner, due), strict=False):
                if not value and bound.name not in self.errors:
                    self.add_error(bound.name, _("A condition has a text, someone who answers it, and a day."))
        return data

    def conditions(self) -> list[dict[str, Any]]:
        """The conditions typed: text, owner (id), due (end of that day, UTC), when_overdue."""
        data = getattr(self, "cleaned_data", {})
        return [
            {
                "text": data[f"condition_{n}_text"],
                "owner": int(data[f"condition_{n}_owner"]),
                "due": end_of(data[f"condition_{n}_due"]),
                "when_overdue": Finding.WhenOverdue(data[f"condition_{n}_when_overdue"] or "nothing"),
            }
            for n, _fields in self.condition_groups
            if data.get(f"condition_{n}_text") and data.get(f"condition_{n}_owner") and data.get(f"condition_{n}_due")
        ]


_CONDITION_PARTS = ("text", "owner", "due", "when_overdue")


def _condition_fields(n: int, people: Sequence[tuple[int, str]]) -> dict[str, forms.Field]:
    return {
        f"condition_{n}_text": forms.CharField(
            label=_("What has to be done"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
        ),
        f"condition_{n}_owner": forms.ChoiceField(
            label=_("Who answers it"), required=False, choices=[("", "–"), *((str(pk), name) for pk, name in people)]
        ),
        f"condition_{n}_due": forms.DateField(
            label=_("Due"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
            help_text=_("By the end of that day, UTC."),
        ),
        f"condition_{n}_when_overdue": forms.ChoiceField(
            label=_("If it is not done by then"), choices=Finding.WhenOverdue.choices, required=False,
        ),
    }  # fmt: skip


class ReasonForm(PageForm):
    """An act that asks for a reason."""

    reason = forms.CharField(
        label=_("Reason"), max_length=REASON_LIMIT, strip=True, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It goes on record."), error_messages={"required": _("Give a reason: it goes on record.")},
    )  # fmt: skip


class CloseForm(ReasonForm):
    """Closing a release without a promotion, as `kind`: rejected or withdrawn."""

    def __init__(self, *args: Any, kind: ReleaseClosure.Kind, **kwargs: Any) -> None:
        super().__init__(*args, marked=f"close_{kind.value}", **kwargs)
        self.kind = kind


class LiftForm(ReasonForm):
    """Lifting a veto: why, and the password once more."""

    password = forms.CharField(
        label=_("Your password, once more"), strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password: lifting a veto asks who you are.")},
    )  # fmt: skip


class ConflictForm(PageForm):
    """Stepping aside from a model."""

    text = forms.CharField(
        label=_("What the conflict is"), max_length=REASON_LIMIT, strip=True, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It goes on record. Pages show others that you stepped aside; auditors and compliance read why."),
        error_messages={"required": _("Say what the conflict is.")},
    )  # fmt: skip
    until = forms.DateField(
        label=_("Until (optional)"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("By the end of that day, UTC. Left empty, it does not end."),
    )  # fmt: skip

    def end(self) -> datetime | None:
        """The moment it ends; None: it does not."""
        return end_of(self.cleaned_data["until"])


class ObserveForm(ReasonForm):
    """Until when an environment's gate observes only."""

    until = forms.DateField(
        label=_("Observe only until"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("By the end of that day, UTC; at most a year ahead. Left empty, the gate refuses again at once."),
    )  # fmt: skip

    def end(self) -> datetime | None:
        """The moment; None: the gate refuses again."""
        return end_of(self.cleaned_data["until"])


#: Kinds that come of a signature and of the clock.
_RAISED_BY_RULE = (Finding.Kind.CONDITION, Finding.Kind.REVIEW_DUE)


class FindingForm(PageForm):
    """A finding to raise."""

    kind = forms.ChoiceField(
        label=_("Kind"), choices=[one for one in Finding.Kind.choices if one[0] not in _RAISED_BY_RULE]
    )
    text = forms.CharField(
        label=_("What was found"), max_length=COMMENT_LIMIT, strip=True, widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Say what was found.")},
    )  # fmt: skip
    severity = forms.ChoiceField(label=_("Severity"), choices=Finding.Severity.choices, initial=Finding.Severity.MEDIUM)
    blocks = forms.BooleanField(
        label=_("It closes the gate while it is open"), required=False,
        help_text=_("Someone else then closes it: whoever holds a release up does not let it go on by themselves."),
    )  # fmt: skip
    owner = forms.ChoiceField(label=_("Who answers it (optional)"), required=False)
    due = forms.DateField(
        label=_("Due (optional)"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("By the end of that day, UTC."),
    )  # fmt: skip
    when_overdue = forms.ChoiceField(
        label=_("If it is not answered by then"), choices=Finding.WhenOverdue.choices,
        initial=Finding.WhenOverdue.NOTHING,
    )  # fmt: skip

    def __init__(self, *args: Any, people: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = [("", "–"), *((str(pk), name) for pk, name in people)]

    def clean(self) -> dict[str, Any]:
        """What overdue does needs a day that it is due."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("when_overdue", "nothing") != Finding.WhenOverdue.NOTHING and not data.get("due"):
            self.add_error("due", _("Say when it is due."))
        return data

    def end(self) -> datetime | None:
        """When it is due; None: never."""
        return end_of(self.cleaned_data["due"])


class EventForm(PageForm):
    """What is said to a finding, as `kind`: answered, closed or reopened."""

    text = forms.CharField(
        label=_("What you say"), max_length=COMMENT_LIMIT, strip=True, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It goes on record."), error_messages={"required": _("Say something: it goes on record.")},
    )  # fmt: skip

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, marked=kind, **kwargs)
        self.kind = kind


def end_of(day: date | None) -> datetime | None:
    """The end of a day, UTC."""
    return datetime.combine(day, time(23, 59), UTC) if day else None
