"""The desk's pages for auditors and administrators, and search for everyone."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.accounts.models import Namespace
from governance.api.fields import MAX_ID
from governance.api.principals import principal_of
from governance.desk import acts, kinds, search
from governance.desk.forms import ActsForm
from governance.desk.readers import desk_scope, reading_scope

PAGE = 50


@require_safe
@login_required
def acts_page(request: HttpRequest) -> HttpResponse:
    """Acts, newest first, narrowed by who, what, where, when, why and how."""
    scope = desk_scope(principal_of(request))
    form = ActsForm(request.GET, scope=scope)
    context: dict[str, Any] = {"form": form, "spaces": _spaces(scope), "asked": any(request.GET.values())}
    if form.is_valid():
        rows = acts.wanted_acts(scope, form.wanted())
        found, older = acts.page(rows, before=number_of(request, "before"), size=PAGE)
        count = acts.counted(rows)
        context |= {
            "acts": acts.told(found, scope),
            "older": following(request, older),
            "newest": following(request, None) if "before" in request.GET else "",
            "count": count,
            "more": count > acts.COUNTED,
            "counted": acts.COUNTED,
            "per_kind": bool(form.cleaned_data["kind"]),
        }
    return render(request, "desk/acts.html", context, status=200 if form.is_valid() else 400)


@require_safe
@login_required
def act_page(request: HttpRequest, id: str) -> HttpResponse:
    """One act: everything it wrote, before and after, with the entries of the log."""
    scope = desk_scope(principal_of(request))
    act = acts.one(scope, id)
    if act is None:
        raise Http404
    after = number_of(request, "after") or 0
    written = acts.written(scope, act, after=after)
    following_entry = written[acts.WRITTEN_SHOWN - 1]["entry"] if len(written) > acts.WRITTEN_SHOWN else None
    context = {"act": act, "written": written[: acts.WRITTEN_SHOWN], "after": after, "more": following_entry}
    return render(request, "desk/act.html", context)


@require_safe
@login_required
def search_page(request: HttpRequest) -> HttpResponse:
    """Search over everything the reader may read; auditors also find why people acted."""
    reader = principal_of(request)
    scope = reading_scope(reader)
    given = request.GET.get("q", "").replace("\x00", "").strip()[: search.LENGTH]
    kind = request.GET.get("kind", "")
    kind = kind if kind in kinds.models_by_kind() else ""
    context: dict[str, Any] = {"wanted": given, "kind": kind, "kinds": kinds.choices()}
    if given:
        before = number_of(request, "before")
        hits, older = search.find(scope, given, kind=kind, before=before)
        context |= {"hits": hits, "older": following(request, older), "first": before is None}
    return render(request, "desk/search.html", context)


def number_of(request: HttpRequest, name: str) -> int | None:
    """A whole number from the address; None where it is not given. Raises Http404 for anything else."""
    given = request.GET.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 19 and int(given) <= MAX_ID):
        raise Http404
    return int(given)


def following(request: HttpRequest, before: int | None) -> str:
    """The query string of this list, going on before an id; from the beginning with None on a later page."""
    query = request.GET.copy()
    query.pop("before", None)
    if before is None:
        return "?" + query.urlencode() if "before" in request.GET else ""
    query["before"] = str(before)
    return "?" + query.urlencode()


def _spaces(scope: Any) -> list[str]:
    """Names of namespaces to choose from, as far as a list of suggestions carries."""
    return list(scope.narrow(Namespace.objects.all(), "pk").order_by("name").values_list("name", flat=True)[:500])
