"""Pages on judgements: overview, review queue, the release page and the acts on it. They parse and present."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from approvals.actions.promotions import ask_for_promotion
from approvals.actions.releases import close_release
from approvals.actions.sign_offs import Condition, declare_conflict, lift_veto, sign, withdraw_sign_off
from approvals.actions.statements import find_requirement
from approvals.forms import CloseForm, ConflictForm, LiftForm, PageForm, ReasonForm, SignForm
from approvals.jobs import ask_for_pack
from approvals.models import Environment, ReauthenticationMethod, Release, ReleaseClosure, SignOff, Vote
from approvals.pages import acts, judgements, reviews
from approvals.pages.policies import short_for
from approvals.pages.queue import waiting
from approvals.pages.release import ReleasePage, find, page_for
from approvals.pages.votes import meaning_of
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from governance.accounts.reauthentication import verify_password
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.pages.paging import read_id

RELEASES_ON_OVERVIEW = 8


@require_safe
@login_required
def overview_page(request: HttpRequest) -> HttpResponse:
    """What awaits the reader, what is live, what is open, what happened last."""
    reader = principal_of(request)
    found, more = waiting(reader, most=RELEASES_ON_OVERVIEW)
    mine = [one for one in found if one.mine]
    return render(
        request,
        "overview.html",
        {
            "mine": mine,
            "awaiting_count": len(mine),
            "open": found,
            "more": more,
            "live": list(judgements.with_flag(judgements.live_for(reader))[:50]),
            "found_live": judgements.found(Q(model__namespace__in=readable_namespaces(reader)), most=20),
            "reviews": reviews.due_for(reader),
            "observing": list(Environment.objects.filter(observe_only_until__gt=Now()).order_by("order")),
            "acts": acts.recent(reader),
            "short": short_for(reader),
        },
    )


@require_safe
@login_required
def reviews_page(request: HttpRequest) -> HttpResponse:
    """The reader's queue, and below it what waits for others; `?after=<id>` goes on behind a release."""
    after = request.GET.get("after", "")
    found, more = waiting(principal_of(request), after=read_id(after) if after else 0)
    mine = [one for one in found if one.mine]
    context = {
        "mine": mine, "others": [one for one in found if not one.mine], "first": not after,
        "next": found[-1].release.pk if more else None,
    }  # fmt: skip
    return render(request, "approvals/reviews.html", {**context, "awaiting_count": len(mine)})


@require_safe
@login_required
def release_page(request: HttpRequest, id: str) -> HttpResponse:
    """One release: what is to be decided, on what grounds, and what happens next."""
    reader = principal_of(request)
    return _shown(request, _release(reader, id), reader)


@require_POST
@sensitive_post_parameters("password")
@login_required
def sign_release(request: HttpRequest, id: str) -> HttpResponse:
    """Sign or reject one requirement of a release; what cannot be done is said on the page, with what was typed."""
    person = person_of(request)
    release = _release(person, id)
    vote = Vote.REJECT if request.POST.get("vote") == Vote.REJECT else Vote.APPROVE
    requirement = request.POST.get("requirement", "")
    form = SignForm(
        request.POST, vote=vote.value, marked=f"{requirement}_{vote.value}", people=page_for(release, person).people
    )
    if form.is_valid():
        try:
            # Before the password is tried: a form that cannot be right must not cost a try.
            role = find_requirement(release, requirement).params["role"]
            at, method = verify_password(request, form.cleaned_data["password"])
            sign(
                actor=person,
                reason=form.cleaned_data["comment"][:2000] or _("Signed on the release page"),
                release=release,
                requirement=requirement,
                vote=vote,
                statement_digest=form.cleaned_data["statement_digest"],
                reauthenticated_at=at,
                reauthentication_method=ReauthenticationMethod(method),
                meaning=meaning_of(vote.value, role),
                comment=form.cleaned_data["comment"],
                conditions=[
                    Condition(**{**one, "owner": Principal.objects.get(pk=one["owner"])}) for one in form.conditions()
                ],
            )
        except errors.Refused as refusal:
            return _refused(request, release, person, form, refusal)
        done = _("Your approval is signed and on record.") if vote == Vote.APPROVE else _(
            "Your rejection is signed and on record.")  # fmt: skip
        messages.success(request, done)
        return redirect(f"{reverse('release', args=[release.pk])}#{requirement}")
    return _shown(request, release, person, form, status=400)


@require_POST
@login_required
def promote_release(request: HttpRequest, id: str) -> HttpResponse:
    """Ask for the promotion. A closed gate is put on record and said on the page."""
    person = person_of(request)
    release = _release(person, id)
    form = ReasonForm(request.POST, marked="promote")
    if not form.is_valid():
        return _shown(request, release, person, form, status=400)
    try:
        ask_for_promotion(actor=person, reason=form.cleaned_data["reason"], release=release)
    except errors.Refused as refusal:
        return _refused(request, release, person, form, refusal)
    messages.success(request, _("Promoted: it is live now."))
    return redirect("release", release.pk)


@require_POST
@login_required
def close_release_page(request: HttpRequest, id: str) -> HttpResponse:
    """Close the release without a promotion."""
    person = person_of(request)
    release = _release(person, id)
    withdrawn = request.POST.get("kind") == ReleaseClosure.Kind.WITHDRAWN
    form = CloseForm(request.POST, kind=ReleaseClosure.Kind.WITHDRAWN if withdrawn else ReleaseClosure.Kind.REJECTED)
    if not form.is_valid():
        return _shown(request, release, person, form, status=400)
    try:
        close_release(actor=person, reason=form.cleaned_data["reason"], release=release, kind=form.kind)
    except errors.Refused as refusal:
        return _refused(request, release, person, form, refusal)
    messages.success(request, _("The release is closed."))
    return redirect("release", release.pk)


@require_POST
@login_required
def pack_page(request: HttpRequest, id: str) -> HttpResponse:
    """Ask for the release's evidence pack; its job's page shows how far it is."""
    person = person_of(request)
    release = _release(person, id)
    job, _created = ask_for_pack(actor=person, reason=_("Asked for on the release page"), release=release)
    return redirect("job", job.pk)


@require_POST
@login_required
def withdraw_vote(request: HttpRequest, id: str) -> HttpResponse:
    """Take one's own vote back."""
    person = person_of(request)
    vote = readable(SignOff, person).filter(pk=read_id(id), recorded_by=person).first()
    if vote is None:
        raise Http404
    release = _release(person, str(vote.release_id))
    form = ReasonForm(request.POST, marked=f"withdraw_{vote.pk}")
    if not form.is_valid():
        return _shown(request, release, person, form, status=400)
    try:
        withdraw_sign_off(actor=person, reason=form.cleaned_data["reason"], sign_off=vote)
    except errors.Refused as refusal:
        return _refused(request, release, person, form, refusal)
    messages.success(request, _("Your vote is taken back; that, too, is on record."))
    return redirect("release", release.pk)


@require_POST
@sensitive_post_parameters("password")
@login_required
def lift_veto_page(request: HttpRequest, id: str) -> HttpResponse:
    """Lift another's veto as the head of its role."""
    person = person_of(request)
    veto = readable(SignOff, person).select_related(
        "release__model_version__model__namespace", "role_grant"
    ).filter(pk=read_id(id), vote=Vote.REJECT).first()  # fmt: skip
    if veto is None:
        raise Http404
    release = _release(person, str(veto.release_id))
    form = LiftForm(request.POST, marked=f"lift_{veto.pk}")
    if not form.is_valid():
        return _shown(request, release, person, form, status=400)
    try:
        at, method = verify_password(request, form.cleaned_data["password"])
        lift_veto(
            actor=person, reason=form.cleaned_data["reason"], sign_off=veto, reauthenticated_at=at,
            reauthentication_method=ReauthenticationMethod(method),
        )  # fmt: skip
    except errors.Refused as refusal:
        return _refused(request, release, person, form, refusal)
    messages.success(request, _("The veto is lifted; it stays on record, with your reason."))
    return redirect("release", release.pk)


@require_POST
@login_required
def declare_conflict_page(request: HttpRequest, id: str) -> HttpResponse:
    """Step aside from the model of a release."""
    person = person_of(request)
    release = _release(person, id)
    form = ConflictForm(request.POST, marked="conflict")
    if not form.is_valid():
        return _shown(request, release, person, form, status=400)
    try:
        declare_conflict(
            actor=person, reason=_("Declared on the release page"), model=release.model_version.model,
            text=form.cleaned_data["text"], until=form.end(),
        )  # fmt: skip
    except errors.Refused as refusal:
        return _refused(request, release, person, form, refusal)
    messages.success(request, _("You are recused: votes you gave on this model count no more, and none is awaited."))
    return redirect("release", release.pk)


# --- What the views share ------------------------------------------------------------------------------------------


def _release(reader: Principal, id: str) -> Release:
    release = find(reader, read_id(id))
    if release is None:
        raise Http404
    return release


def _refused(
    request: HttpRequest, release: Release, person: Principal, form: PageForm, refusal: errors.Refused
) -> HttpResponse:
    for name, sentences in refusal.errors.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, str(sentence))
    if not refusal.errors or str(refusal.detail) != str(refusal.title):
        form.add_error(None, str(refusal.detail))
    return _shown(request, _release(person, str(release.pk)), person, form, status=refusal.status)


def _shown(
    request: HttpRequest, release: Release, reader: Principal, tried: PageForm | None = None, *, status: int = 200
) -> HttpResponse:
    """The release page; `tried`: the form that was sent and did not go through, shown again as it was typed."""
    page = page_for(release, reader)
    context = {"page": page, "release": release, "tried": tried, **_forms(page, tried)}
    return render(request, "approvals/release.html", context, status=status)


def _forms(page: ReleasePage, tried: PageForm | None) -> dict[str, Any]:
    def again(form: PageForm) -> PageForm:
        same = tried is not None and type(tried) is type(form) and tried.auto_id == form.auto_id
        return tried if same and tried is not None else form

    rows = []
    for card in page.cards:
        row: dict[str, Any] = {"card": card, "votes": [], "withdraw": None}
        signing = card.signing
        for vote, statement in signing.statements.items() if signing else ():
            initial = {"requirement": card.key, "vote": vote, "statement_digest": statement.digest}
            form = again(SignForm(vote=vote, marked=f"{card.key}_{vote}", initial=initial, people=page.people))
            meaning = meaning_of(vote, signing.role) if signing else ""
            row["votes"].append({"vote": vote, "form": form, "tried": form is tried, "statement": statement,
                                 "meaning": meaning})  # fmt: skip
        row["lifts"] = [(veto, again(LiftForm(marked=f"lift_{veto.pk}"))) for veto in card.to_lift]
        if signing and signing.mine:
            row["withdraw"] = again(ReasonForm(marked=f"withdraw_{signing.mine.pk}"))
        rows.append(row)
    return {
        "rows": rows,
        "open_rows": [row for row in rows if not row["card"].status.passes],
        "met_rows": [row for row in rows if row["card"].status.passes],
        "promote_form": again(ReasonForm(marked="promote")),
        "conflict_form": again(ConflictForm(marked="conflict")),
        "close_forms": [
            again(CloseForm(kind=kind))
            for kind, may in (
                (ReleaseClosure.Kind.REJECTED, page.may_reject), (ReleaseClosure.Kind.WITHDRAWN, page.may_withdraw),
            )
            if may
        ],
    }  # fmt: skip
