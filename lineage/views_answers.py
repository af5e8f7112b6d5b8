"""The page on which a steward answers for all columns of a dataset version in one sitting."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.accounts.roles import Role
from governance.api.principals import principal_of
from governance.api.views import readable
from lineage import actions, vocabularies
from lineage.actions.registering import REGISTRARS
from lineage.models import DatasetVersion, Treatment
from lineage.pages.answers import ROWS_SHOWN, Row, answers_of, overtaken, rows_of, typed
from lineage.pages.paging import read_id

_PLACE = re.compile(r"answers\[(\d+)\]")
SECTIONS = (
    ("unknown", gettext_lazy("Unknown")),
    ("open", gettext_lazy("Not answered yet")),
    ("yes", gettext_lazy("Yes")),
    ("no", gettext_lazy("No")),
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def answers_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Every column with its answer in force; POST records what was answered, all of it or nothing."""
    reader = principal_of(request)
    version = readable(DatasetVersion, reader).select_related("dataset__namespace").filter(pk=read_id(id)).first()
    if version is None:
        raise Http404
    rows = rows_of(version)
    more = max(0, len(rows) - ROWS_SHOWN)
    rows = rows[:ROWS_SHOWN]
    if request.method != "POST":
        return _shown(request, reader, version, rows, more)
    rows = typed(rows, request.POST)
    review = holds(reader, Role.DATA_STEWARD, namespace=version.dataset.namespace)
    given = answers_of(
        rows, rest_no="rest_no" in request.POST, confirm="confirm" in request.POST and review, review=review
    )
    summary: list[str] = []
    if lost := overtaken(rows, request.POST):
        summary.append(
            ngettext(
                "Somebody answered on %(n)d row meanwhile; it stands below as it is now. Decide on it anew.",
                "Somebody answered on %(n)d rows meanwhile; they stand below as they are now. Decide on them anew.",
                lost,
            )
            % {"n": lost}
        )
    reason = request.POST.get("reason", "").strip()
    if not reason:
        summary.append(_("Give a reason: it goes on record."))
    if not given and not summary:
        summary.append(_("Nothing is answered yet. Choose yes, no or unknown in at least one row."))
    if summary:
        return _shown(request, reader, version, rows, more, summary, status=409 if lost else 400)
    try:
        answered = actions.answer_flags(
            actor=reader, reason=reason, dataset_version=version, answers=[one for _row, one in given]
        )
    except errors.Refused as refusal:
        summary = [str(refusal.detail), *_beside(refusal, [row for row, _answer in given])]
        return _shown(request, reader, version, rows, more, summary, status=refusal.status)
    new = sum(one.created for one in answered)
    said = ngettext("%(n)d answer is on record.", "%(n)d answers are on record, in one act.", new) % {"n": new}
    messages.success(request, said)
    return redirect("dataset-version-answers", version.pk)


def _beside(refusal: errors.Refused, rows: list[Row]) -> list[str]:
    """Put each sentence of a refusal beside its row; what belongs to none is returned."""
    whole: list[str] = []
    for path, sentences in refusal.errors.items():
        place = _PLACE.match(path)
        if place and int(place[1]) < len(rows):
            rows[int(place[1])].faults += [str(one) for one in sentences]
        else:
            whole += [str(one) for one in sentences]
    return whole


def _shown(
    request: HttpRequest,
    reader: Principal,
    version: DatasetVersion,
    rows: list[Row],
    more: int,
    summary: list[str] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    namespace = version.dataset.namespace
    steward = holds(reader, Role.DATA_STEWARD, namespace=namespace)
    context = {
        "version": version,
        "dataset": version.dataset,
        "sections": [
            (key, label, found) for key, label in SECTIONS if (found := [row for row in rows if row.state == key])
        ],
        "more": more,
        "remaining": sum(row.remaining for row in rows),
        "unreviewed": sum(not row.reviewed and not row.remaining for row in rows),
        "faulty": [row for row in rows if row.faults],
        "steward": steward,
        "may": steward or holds(reader, *REGISTRARS, namespace=namespace),
        "treatments": Treatment.choices,
        "categories": vocabularies.search("personal-data", limit=vocabularies.SEARCHED_AT_MOST),
        "summary": summary or [],
        "posted": request.POST,
    }
    return render(request, "lineage/answers.html", context, status=status)
