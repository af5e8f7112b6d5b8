"""Pages on policies: the grid, a place, a version, writing as a form or as YAML, publishing. They parse and present."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import policy_forms
from approvals.actions.policies import newest_published, publish_policy, write_policy_version
from approvals.api.policies import environment_named
from approvals.api.serializers_policies import PolicyWriteSerializer
from approvals.api.yaml_bodies import named_where_it_stands
from approvals.documents import VERSION_FIELDS, Document, Place, document_of, place_of, to_yaml
from approvals.forms import ReasonForm
from approvals.models import Policy, PolicyVersion, RequirementKind, Slot
from approvals.pages import policies as pages
from approvals.policy_wording import label
from approvals.strict_yaml import MAX_BYTES, read
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.api.principals import namespace_of, person_of, principal_of
from lineage.models import RiskTier
from lineage.pages.paging import read_id

Record = TypeVar("Record", Policy, PolicyVersion)


@require_safe
@login_required
def policies_page(request: HttpRequest) -> HttpResponse:
    """Every place with a policy: what is in force, how many persons could be missing."""
    reader = principal_of(request)
    sheets = pages.grid(reader)
    short = [c for s in sheets for line in s.lines for c in line.cells if c.margin and c.margin.margin.is_short]
    context = {"sheets": sheets, "tiers": RiskTier, "short": len(short), "may_write": pages.owns_anywhere(reader)}
    return render(request, "approvals/policies.html", context)


@require_safe
@login_required
def policy_page(request: HttpRequest, id: str) -> HttpResponse:
    """One place: what is in force there in sentences, drafts, earlier versions."""
    reader = principal_of(request)
    policy = _found(pages.readable_policies(reader).filter(pk=read_id(id)).first())
    return render(request, "approvals/policy.html", {"page": pages.place_page(reader, policy)})


@require_safe
@login_required
def policy_version_page(request: HttpRequest, id: str) -> HttpResponse:
    """One version: what it changes, what publishing it would do, and the button."""
    reader = principal_of(request)
    return _shown(request, reader, _version(reader, id))


@require_POST
@login_required
def publish_page(request: HttpRequest, id: str) -> HttpResponse:
    """Publish a version as the second policy owner."""
    person = person_of(request)
    version = _version(person, id)
    form = ReasonForm(request.POST, marked="publish")
    if not form.is_valid():
        return _shown(request, person, version, form, status=400)
    seen = request.POST.get("seen", "")
    try:
        publish_policy(
            actor=person, reason=form.cleaned_data["reason"], policy_version=version,
            seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else -1,
        )  # fmt: skip
    except errors.Refused as refusal:
        form.add_error(None, str(refusal.detail))
        return _shown(request, person, version, form, status=refusal.status)
    messages.success(request, _("Published: it is in force now."))
    return redirect("policy", version.policy_id)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def write_page(request: HttpRequest) -> HttpResponse:
    """Write a version as a form; buttons add, remove and move its rows."""
    person = person_of(request)
    if request.method != "POST":
        place, document = _start(request, person)
        _require_owner(person, place)
        return _form(request, person, place, policy_forms.data_of(document))
    data = request.POST.copy()
    place = _place_in(data)
    if policy_forms.changed_rows(data):
        _require_owner(person, place)
        return _form(request, person, place, data)
    try:
        version = _write(person, place, policy_forms.document_from(data), data.get("reason") or "")
    except errors.Refused as refusal:
        return _form(request, person, place, data, refusal)
    return _written(request, version)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def yaml_page(request: HttpRequest) -> HttpResponse:
    """Write a version as YAML: pasted, or from a file."""
    person = person_of(request)
    if request.method != "POST":
        place, document = _start(request, person)
        _require_owner(person, place)
        text = to_yaml(document, place) if document["requirements"] else ""
        return render(request, "approvals/policy_yaml.html", {"text": text})
    upload = request.FILES.get("file")
    given = upload.read(MAX_BYTES + 1) if upload else request.POST.get("text", "").replace("\r\n", "\n")
    try:
        version = _write_yaml(person, given, request.POST.get("reason", ""))
    except errors.Refused as refusal:
        shown = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
        context = {"text": shown, "refusal": refusal, "reason": request.POST.get("reason", "")}
        return render(request, "approvals/policy_yaml.html", context, status=refusal.status)
    return _written(request, version)


def _write_yaml(person: Principal, given: str | bytes, reason: str) -> PolicyVersion:
    source = read(given)
    with named_where_it_stands(source):
        serializer = PolicyWriteSerializer(data=source.value)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        place = Place(data["environment"], data["risk_tier"], data["namespace"], data["slot"])
        return _write(person, place, data, data.get("reason") or reason)


def _write(person: Principal, place: Place, document: Mapping[str, Any], reason: str) -> PolicyVersion:
    if place.risk_tier not in RiskTier.values or place.slot not in ("", *Slot.values):
        raise errors.Invalid(_("Choose a risk tier and a slot."), errors={"risk_tier": [_("Choose one.")]})
    return write_policy_version(
        actor=person,
        reason=reason,
        environment=environment_named(place.environment),
        risk_tier=RiskTier(place.risk_tier),
        namespace=namespace_of(person, place.namespace) if place.namespace else None,
        slot=place.slot,
        requirements=document["requirements"],
        **{name: document[name] for name in VERSION_FIELDS if name in document},
    )


def _written(request: HttpRequest, version: PolicyVersion) -> HttpResponse:
    messages.success(request, _("Written as version %(n)d. Another policy owner publishes it.") % {"n": version.number})
    return redirect("policy-version", version.pk)


def _start(request: HttpRequest, person: Principal) -> tuple[Place, Document]:
    """What the form begins with: a version (`?from=`), or nothing for a place."""
    if request.GET.get("from"):
        version = _version(person, request.GET["from"])
        return place_of(version), document_of(version)
    return _place_in(request.GET), {**VERSION_FIELDS, "requirements": []}


def _place_in(data: Any) -> Place:
    return Place(
        data.get("environment") or "",
        data.get("risk_tier") or "",
        data.get("namespace") or None,
        data.get("slot") or "",
    )


def _require_owner(person: Principal, place: Place) -> None:
    """Raises Forbidden unless the person is a policy owner of the place, or of any while it is not chosen."""
    if place.namespace:
        require(person, Role.POLICY_OWNER, namespace=namespace_of(person, place.namespace))
    elif not pages.owns_anywhere(person):
        require(person, Role.POLICY_OWNER, namespace=None)


def _form(
    request: HttpRequest, person: Principal, place: Place, data: Any, refusal: errors.Refused | None = None
) -> HttpResponse:
    names = pages.names_of(person)
    faults: Mapping[str, Sequence[Any]] = refusal.errors if refusal else {}
    context = {
        **names, "place": place, "data": data, "tiers": RiskTier.choices, "slots": Slot.choices, "refusal": refusal,
        "kinds": RequirementKind.choices, "rows": policy_forms.rows(data, names["environments"], faults),
        "responses": policy_forms.response_rows(data), "summary": data.get("summary") or "",
        "numbers": [(name, label(name), data.get(name) or "") for name in policy_forms.NUMBERS],
        "reason": data.get("reason") or "",
    }  # fmt: skip
    return render(request, "approvals/policy_write.html", context, status=refusal.status if refusal else 200)


def _shown(
    request: HttpRequest, reader: Principal, version: PolicyVersion, form: ReasonForm | None = None, status: int = 200
) -> HttpResponse:
    page = pages.version_page(reader, version, newest_published(version.policy))
    publish = (form or ReasonForm(marked="publish")) if page.may_publish or form else None
    context = {"page": page, "version": version, "publish": publish, "tried": form, "yaml": _yaml_address(version)}
    return render(request, "approvals/policy_version.html", context, status=status)


def _yaml_address(version: PolicyVersion) -> str:
    return reverse("policies-yaml", args=[version.pk])


def _version(reader: Principal, id: str) -> PolicyVersion:
    return _found(pages.readable_versions(reader).filter(pk=read_id(id)).prefetch_related("requirements").first())


def _found(record: Record | None) -> Record:
    """Raises Http404 where there is none."""
    if record is None:
        raise Http404
    return record
