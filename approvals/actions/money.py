"""The currency of a model, and what it brought and cost besides what its windows say."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from approvals.models import ModelCurrency, MoneyEntry
from approvals.monitoring.currencies import CURRENCIES
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.registering import lock_roots
from lineage.models import Model

ENTERING = (Role.PIPELINE, Role.MODEL_OWNER, Role.BUSINESS_OWNER)


@action
def set_currency(*, actor: Principal, reason: str, model: Model, currency: str) -> tuple[ModelCurrency, bool]:
    """Record in which currency a model's money is counted, for good; the same one again is found again.

    Raises:
        errors.Forbidden: the actor does not answer for the model's money.
        errors.Invalid: no currency of ISO 4217. errors.AlreadyDifferent: it is counted in another one.
    """
    require(actor, Role.MODEL_OWNER, Role.BUSINESS_OWNER, namespace=model.namespace)
    if currency not in CURRENCIES:
        raise errors.Invalid(errors={"currency": [_("A currency's code of ISO 4217, such as EUR.")]})
    lock_roots(("model", model.pk))
    found = ModelCurrency.objects.filter(model=model).first()
    if found is None:
        return ModelCurrency.objects.create(model=model, currency=currency), True
    if found.currency != currency:
        sentence = _("The money of this model is counted in %(currency)s, for good: its sums would mix two currencies.")
        raise errors.AlreadyDifferent(errors={"currency": [sentence % {"currency": found.currency}]})
    return found, False


@action
def enter_money(
    *, actor: Principal, reason: str, model: Model, kind: MoneyEntry.Kind, amount: Decimal, currency: str,
    period_start: datetime, period_end: datetime, note: str = "",
) -> tuple[MoneyEntry, bool]:  # fmt: skip
    """Enter what a model brought or cost over a period; the same entry of the same account is found again.

    Args:
        amount: in `currency`, the model's own; negative takes back what was entered too much, and `note` says why.

    Raises:
        errors.Forbidden: the actor enters no money there.
        errors.Invalid: another currency, a period that is not over. errors.Conflict: the model has no currency yet.
    """
    require(actor, *ENTERING, namespace=model.namespace)
    if amount < 0 and not note.strip():
        raise errors.Invalid(errors={"note": [_("Say what a negative amount takes back.")]})
    lock_roots(("model", model.pk))
    fixed: Mapping[str, Any] = {
        "model": model, "window": None, "kind": kind, "amount": amount, "currency": currency,
        "period_start": period_start, "period_end": period_end, "note": note,
    }  # fmt: skip
    found = MoneyEntry.objects.filter(recorded_by=actor, **fixed).first()
    return (found, False) if found is not None else (MoneyEntry.objects.create(**fixed), True)
