"""What the desk's pages are asked for, read from the address: wrong input is told beside its field, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import Namespace, Principal
from governance.accounts.roles import Role
from governance.api.fields import MAX_ID
from governance.desk import kinds
from governance.desk.acts import Wanted
from governance.desk.models import Sample
from governance.desk.readers import Scope

DOORS = (
    ("page", gettext_lazy("page")),
    ("api", gettext_lazy("API")),
    ("mlflow", gettext_lazy("MLflow client")),
    ("openlineage", gettext_lazy("OpenLineage event")),
    ("task", gettext_lazy("task")),
    ("command", gettext_lazy("command")),
)


#: Names of namespaces are suggested from the page's own list.
SUGGESTED = forms.TextInput(attrs={"list": "namespaces"})


class DayField(forms.DateField):
    """A day, in UTC."""

    widget = forms.DateInput(attrs={"type": "date"})


def begins(day: Any) -> datetime | None:
    """The moment a day begins, in UTC."""
    return datetime.combine(day, time(), UTC) if day else None


def principal_called(given: str) -> Principal | None:
    """The principal of that e-mail address, account name or display name; None for nothing given.

    Raises ValidationError where there is none, or several.
    """
    if not given.strip():
        return None
    called = Q(name__iexact=given.strip()) | Q(display_name__iexact=given.strip())
    found = list(Principal.objects.filter(called)[:2])
    if len(found) != 1:
        raise forms.ValidationError(
            _("Several are called so: give the e-mail address or the account's name.")
            if found
            else _("Nobody is called so. Give the whole name, or the e-mail address.")
        )
    return found[0]


def namespace_named(given: str, scope: Scope) -> Namespace | None:
    """The namespace of that name, among those of the scope; None for nothing given.

    Raises ValidationError for any other, whether it is there or not.
    """
    if not given.strip():
        return None
    found: Namespace | None = scope.narrow(Namespace.objects.filter(name=given.strip()), "pk").first()
    if found is None:
        raise forms.ValidationError(_("No such namespace, or none that you oversee."))
    return found


class ActsForm(forms.Form):
    """Which acts: every part may be left out."""

    who = forms.CharField(label=gettext_lazy("Who"), max_length=200, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Wrote"), required=False)
    object = forms.IntegerField(label=gettext_lazy("Record's id"), min_value=1, max_value=MAX_ID, required=False)
    namespace = forms.CharField(label=gettext_lazy("Namespace"), max_length=100, required=False, widget=SUGGESTED)
    since = DayField(label=gettext_lazy("From"), required=False)
    until = DayField(label=gettext_lazy("Until"), required=False)
    reason = forms.CharField(label=gettext_lazy("Reason holds"), max_length=200, required=False)
    door = forms.ChoiceField(label=gettext_lazy("Came in by"), required=False)
    name = forms.CharField(label=gettext_lazy("Action"), max_length=100, required=False)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.fields["kind"].choices = [("", _("anything")), *kinds.choices()]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["door"].choices = [("", _("any door")), *DOORS]  # type: ignore[attr-defined]  # as above

    def clean_who(self) -> Principal | None:
        """See principal_called."""
        return principal_called(self.cleaned_data["who"])

    def clean_namespace(self) -> Namespace | None:
        """See namespace_named."""
        return namespace_named(self.cleaned_data["namespace"], self.scope)

    def clean(self) -> dict[str, Any]:
        """A record's id says little without its kind; a period runs forwards."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("object") and not data.get("kind"):
            self.add_error("kind", _("Say of which kind the record with this id is."))
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("The period ends before it begins."))
        return data

    def wanted(self) -> Wanted:
        """What was asked for; of a form that is valid."""
        data = self.cleaned_data
        return Wanted(
            by=data["who"].pk if data["who"] else None,
            kind=data["kind"],
            object=data["object"],
            namespace=data["namespace"].pk if data["namespace"] else None,
            since=begins(data["since"]),
            until=begins(data["until"] + timedelta(days=1)) if data["until"] else None,
            reason=data["reason"],
            name=data["name"].strip(),
            door=data["door"],
        )


class SampleForm(forms.Form):
    """A sample to draw: of what, from which days, how many, why."""

    kind = forms.ChoiceField(label=gettext_lazy("Of what"))
    namespace = forms.CharField(
        label=gettext_lazy("Namespace"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Empty: of all."),
        widget=SUGGESTED,
    )
    since = DayField(label=gettext_lazy("From"), help_text=gettext_lazy("The day it begins, UTC."))
    until = DayField(label=gettext_lazy("Until"), help_text=gettext_lazy("The last day; it must be over, UTC."))
    size = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=Sample.MOST, initial=25)
    seed = forms.CharField(
        label=gettext_lazy("Seed"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Any text; one is made up when left empty."),
    )
    reason = forms.CharField(label=gettext_lazy("What for"), max_length=2000)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.fields["kind"].choices = kinds.populations()  # type: ignore[attr-defined]  # a ChoiceField

    def clean_namespace(self) -> Namespace | None:
        """See namespace_named."""
        return namespace_named(self.cleaned_data["namespace"], self.scope)


class AccessForm(forms.Form):
    """Which grants to review, and at which moment: the end of a day."""

    at = DayField(label=gettext_lazy("At the end of"), required=False, help_text=gettext_lazy("Empty: now."))
    namespace = forms.CharField(label=gettext_lazy("Namespace"), max_length=100, required=False, widget=SUGGESTED)
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False)
    who = forms.CharField(label=gettext_lazy("Who"), max_length=200, required=False)
    in_force = forms.BooleanField(label=gettext_lazy("Only what counted then"), required=False)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.fields["role"].choices = [("", _("any role")), *Role.choices]  # type: ignore[attr-defined]  # a ChoiceField

    def clean_namespace(self) -> Namespace | None:
        """See namespace_named."""
        return namespace_named(self.cleaned_data["namespace"], self.scope)

    def clean_who(self) -> Principal | None:
        """See principal_called."""
        return principal_called(self.cleaned_data["who"])

    def moment(self) -> datetime:
        """The moment asked for, never to come; of a form that is valid."""
        now = timezone.now()
        day = begins(self.cleaned_data["at"])
        return min(now, day + timedelta(days=1)) if day else now
