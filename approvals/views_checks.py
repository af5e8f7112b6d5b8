"""Pages on checks of data: what is expected of a dataset, and how a version came out."""

from typing import Any

import yaml
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from approvals.actions.expectations import SETTERS, record_expectations
from approvals.api.serializers_checks import ExpectationSetWriteSerializer
from approvals.api.yaml_bodies import named_where_it_stands
from approvals.checks import newest_expectations, standing_of
from approvals.pages.checks import checks_of, history_of, rows_of
from approvals.strict_yaml import read
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.models import Dataset, DatasetVersion, ExpectationSet
from lineage.pages.paging import read_id

EXAMPLE = """\
items:
  - key: columns
    check: schema
    columns:
      - name: income
        type: number
  - key: income-there
    check: completeness
    column: income
    at_most: 0.01
  - key: income-alike
    check: distribution
    column: income
    method: psi
    at_most: 0.25
"""


def _dataset(reader: Principal, id: str) -> Dataset:
    found = readable(Dataset, reader).select_related("namespace").filter(pk=read_id(id)).first()
    if found is None:
        raise Http404
    return found  # type: ignore[no-any-return]  # readable is of any model


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def expectations_page(request: HttpRequest, id: str) -> HttpResponse:
    """What is expected of a dataset's versions, how they came out, and the form that records the next set."""
    if request.method != "POST":
        reader = principal_of(request)
        return _expectations(request, reader, _dataset(reader, id), {})
    person = person_of(request)
    dataset = _dataset(person, id)
    given, reason = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("reason", "")
    try:
        source = read(given)
        if not isinstance(source.value, dict):
            raise errors.Invalid(errors={"items": [_("Write items: and a list under it.")]})
        with named_where_it_stands(source):
            serializer = ExpectationSetWriteSerializer(data={**source.value, "dataset": dataset.pk})
            serializer.is_valid(raise_exception=True)
            items = serializer.validated_data["items"]
            made, created = record_expectations(actor=person, reason=reason, dataset=dataset, items=items)
    except errors.Refused as refusal:
        more = {"text": given, "reason": reason, "refusal": refusal}
        return _expectations(request, person, dataset, more, status=refusal.status)
    said = _("Recorded as number %(n)d. Versions that have a profile are being held against it.")
    messages.success(request, (said if created else _("Number %(n)d says just this.")) % {"n": made.number})
    return redirect("dataset-expectations", dataset.pk)


def _expectations(
    request: HttpRequest, reader: Principal, dataset: Dataset, more: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    asked = newest_expectations(dataset.pk)
    text = yaml.safe_dump({"items": asked.items}, sort_keys=False, allow_unicode=True) if asked else EXAMPLE
    context = {
        "dataset": dataset,
        "asked": asked,
        "text": text,
        "sets": ExpectationSet.objects.filter(dataset=dataset).select_related("recorded_by").order_by("-pk")[:50],
        "history": history_of(dataset, asked),
        "may": holds(reader, *SETTERS, namespace=dataset.namespace),
        **more,
    }
    return render(request, "approvals/expectations.html", context, status=status)


@require_safe
@login_required
def quality_page(request: HttpRequest, id: str) -> HttpResponse:
    """How a version stands to what is expected of its dataset: every figure, its bounds, the baseline, the picture."""
    reader = principal_of(request)
    found = readable(DatasetVersion, reader).select_related("dataset__namespace").filter(pk=read_id(id)).first()
    if found is None:
        raise Http404
    checks = checks_of(found.pk)
    context = {
        "version": found,
        "dataset": found.dataset,
        "standing": standing_of(found),
        "asked": newest_expectations(found.dataset_id),
        "newest": checks[0] if checks else None,
        "rows": rows_of(checks[0]) if checks else [],
        "earlier": checks[1:],
    }
    return render(request, "approvals/quality.html", context)
