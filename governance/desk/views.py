"""The desk's pages for auditors and administrators, and search for everyone."""

from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.roles import Role
from governance.api.fields import MAX_ID
from governance.api.principals import person_of, principal_of
from governance.desk import access, acts, kinds, search
from governance.desk.actions.samples import draw_sample
from governance.desk.forms import AccessForm, ActsForm, SampleForm, begins
from governance.desk.models import Sample
from governance.desk.readers import desk_scope, reading_scope
from governance.desk.samples import drawn, readable_exports, readable_samples

PAGE = 50
#: Fields of the action, and what the form calls them.
SAMPLE_FIELDS = {"from_at": "since", "until_at": "until"}


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
            "per_kind": bool(form.cleaned_data["kind"]),
        }
    return render(request, "desk/acts.html", context, status=200 if form.is_valid() else 400)


@require_safe
@login_required
def act_page(request: HttpRequest, id: str) -> HttpResponse:
    """One act: everything it wrote, before and after, with the entries of the log."""
    reader = principal_of(request)
    scope = desk_scope(reader)
    act = acts.one(scope, id)
    if act is None:
        raise Http404
    after = number_of(request, "after") or 0
    written = acts.written(scope, act, reader=reader, after=after)
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


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def samples_page(request: HttpRequest) -> HttpResponse:
    """Samples that were drawn, newest first; POST draws one."""
    reader = principal_of(request)
    scope = desk_scope(reader)
    form = SampleForm(request.POST or None, scope=scope)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("audit-sample", _draw(person_of(request), form.cleaned_data).pk)
        except errors.Invalid as refusal:
            for field, sentences in refusal.errors.items():
                for sentence in sentences:
                    form.add_error(SAMPLE_FIELDS.get(field, field), sentence)
    rows = readable_samples(reader).select_related("namespace", "recorded_by").order_by("-pk")
    before = number_of(request, "before")
    found = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
    older = following(request, found[PAGE - 1].pk) if len(found) > PAGE else ""
    samples = [(sample, kinds.names_of(sample.kind)) for sample in found[:PAGE]]
    context = {"form": form, "samples": samples, "older": older, "spaces": _spaces(scope)}
    return render(request, "desk/samples.html", context, status=400 if form.errors else 200)


def _draw(auditor: Principal, data: dict[str, Any]) -> Sample:
    from_at, last = begins(data["since"]), begins(data["until"])
    assert from_at is not None
    assert last is not None
    return draw_sample(
        actor=auditor, reason=data["reason"], namespace=data["namespace"], kind=data["kind"], from_at=from_at,
        until_at=last + timedelta(days=1), size=data["size"], seed=data["seed"],
    )  # fmt: skip


@require_safe
@login_required
def sample_page(request: HttpRequest, id: str) -> HttpResponse:
    """One sample: what was drawn, and how to draw it again."""
    reader = principal_of(request)
    scope = desk_scope(reader)
    number = int(id) if id.isascii() and id.isdigit() and len(id) < 19 else -1
    sample = readable_samples(reader).select_related("namespace", "recorded_by").filter(pk=number).first()
    if sample is None:
        raise Http404
    context = {"sample": sample, "kind_name": kinds.names_of(sample.kind), "drawn": drawn(sample, scope)}
    return render(request, "desk/sample.html", context)


@require_safe
@login_required
def access_page(request: HttpRequest) -> HttpResponse:
    """The review of access: who could do what at a moment, granted and approved by whom, and who could sign."""
    scope = desk_scope(principal_of(request))
    form = AccessForm(request.GET, scope=scope)
    context: dict[str, Any] = {"form": form, "spaces": _spaces(scope)}
    if form.is_valid():
        data, at = form.cleaned_data, form.moment()
        narrowed = {
            "namespace": data["namespace"].pk if data["namespace"] else None,
            "role": data["role"] or None,
            "principal": data["who"].pk if data["who"] else None,
            "in_force": data["in_force"],
        }
        rows, after = access.page(access.source(scope, at, **narrowed), after=number_of(request, "after"))
        going_on, taken = request.GET.copy(), QueryDict(mutable=True)
        going_on["after"] = str(after)
        # The same review over the API: it names the namespace, and leaves out what was not asked for.
        named = {**narrowed, "namespace": data["namespace"] and data["namespace"].name, "form": "csv"}
        taken.update({name: str(value).lower() if value is True else value for name, value in named.items() if value})
        taken["at"] = at.isoformat()
        roles = dict(Role.choices)
        context |= {
            "rows": [{**row, "role": roles.get(row["role"], row["role"])} for row in rows],
            "at": at,
            "following": "?" + going_on.urlencode() if after else "",
            "taken": taken.urlencode(),
        }
    return render(request, "desk/access.html", context, status=200 if form.is_valid() else 400)


@require_safe
@login_required
def exports_page(request: HttpRequest) -> HttpResponse:
    """What can be taken out in bulk, and who took what."""
    reader = principal_of(request)
    desk_scope(reader)
    context = {
        "kinds": kinds.choices(),
        "taken": readable_exports(reader).select_related("recorded_by").order_by("-pk")[:PAGE],
        "quarters": _quarter_ends(timezone.now()),
    }
    return render(request, "desk/exports.html", context)


def _quarter_ends(now: datetime) -> list[tuple[date, str]]:
    """The last days of the four quarters that have ended, newest first, each with the moment after it."""
    first = date(now.year, 3 * ((now.month - 1) // 3) + 1, 1)
    found = []
    for _quarter in range(4):
        last = first - timedelta(days=1)
        found.append((last, f"{first.isoformat()}T00:00:00Z"))
        first = date(last.year, 3 * ((last.month - 1) // 3) + 1, 1)
    return found


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
