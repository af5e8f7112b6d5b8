"""What people type on the release page. Rules are the actions' and the database's; here only shape."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from approvals.models import ReleaseClosure, Vote
from governance.unit_of_work import REASON_LIMIT

COMMENT_LIMIT = 5000  # characters, as SignOff.comment


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

    def __init__(self, *args: Any, vote: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
