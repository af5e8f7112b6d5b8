"""Who is told of what, and the watch over what runs out.

| topic | payload | who is told |
|---|---|---|
| release.opened | {"release": id} | those whose signature is awaited |
| release.decided | {"release": id} | who opened it (after its ReleaseClosure) |
| promotion.live | {"promotion": id} | the model's owners, and who signed; newer data is checked against its data |
| promotion.ended | {"promotion": id} | the model's owners, unless superseded |
| trial.concluded | {"trial": id} | owners of model and plan, who planned it, risk managers; from `telling` |
| change_plan.revoked | {"change_plan": id} | the model's owners, who proposed it; from `telling` |
| change_plan.spent | {"change_plan": id} | the same; written by the database with its last use |
| change_plan.ended | {"change_plan": id, "why": reason} | the same; written by the database with what ended it |
| serving.noticed | {"notice": id} | the model's owners, and who may confirm; written by the database |
| found.fact-changed | {"as_found": id, "cause": cause} | its owners and risk managers; written by the database |
| serving.carried-out, serving.answered | {"notice": id} | the model's owners |
| monitoring.breached | {"finding": id} | the owners of model and plan, risk managers or business owners |
| monitoring.silent | {"promotion": id, "plan": id, "expected_by": when} | the model's owners, the plan's |
| terms.withdrawn | {"terms": id} | the dataset's steward and owner, the owners of what is live downstream |
| data_profile.recorded | {"profile": id} | nobody: it is held against what is expected; written by the database |
| expectations.recorded | {"expectation_set": id} | nobody: the newest versions are held against it |
| policy.margin | {"publication": id, "namespace": id} | the policy's owners: too few are left; from `margins` |
| policy.lapsed | {"id": id} | the policy's owners, who wrote it, who published it |
| reminder.due | {"what": source, "id": id, "stage": days, "due": when} | whom it concerns; from `reminders` |
| grant.expired, evidence.expired, terms.expired, finding.overdue | {"id": id} | whom it concerns; from `expiry` |

A topic without a handler would be tried again and again and hold up its subject: enqueue only what is listed here.
An action writes the message in its own transaction, after locking its root:
`enqueue("release.opened", {"release": release.pk}, subject=f"release:{release.pk}")`.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from approvals import jobs as _jobs  # noqa: F401  registers its kinds of jobs
from approvals import telling as _telling  # noqa: F401  handles its topics
from approvals.actions.expectations import RECORDED
from approvals.audience import (
    OF_ANOTHER,
    holders_of,
    live_downstream,
    may_sign,
    name_for,
    owners,
    owners_of,
    policy_owners,
    reads,
)
from approvals.checks import ask_against_what_is_live, ask_of_profile, ask_of_versions
from approvals.expiry import announce_expired, carry_out_overdue
from approvals.margins import all_margins, announce_margins
from approvals.models import (
    AsFound,
    Evidence,
    Finding,
    FindingEvent,
    Plan,
    PlanKind,
    Policy,
    PolicyLapse,
    Promotion,
    PromotionEnd,
    Release,
    ReleaseClosure,
    ServingNotice,
    ServingNoticeEnd,
    SignOff,
)
from approvals.models.serving import CHAIN_READ_BY
from approvals.monitoring.reading import silent
from approvals.monitoring.silence import announce_silence
from approvals.reminders import announce_reminders
from approvals.responses import Cause
from approvals.upkeep import (
    end_trials,
    open_reviews,
    record_lost_conclusions,
    report_late_found,
    report_overdue_reviews,
)
from approvals.wording import register
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.roles import Role
from governance.celery import app
from governance.history.masking import as_read_by
from governance.outbox import Message, handles, notify, reader_of
from lineage.models import CollectionTerms, DataProfile, ExpectationSet

EXPIRY_SECONDS = 60.0

SCHEDULE: dict[str, dict[str, Any]] = {
    "approvals-expiry": {
        "task": "approvals.expire",
        "schedule": EXPIRY_SECONDS,
        "options": {"expires": EXPIRY_SECONDS},
    },
    "approvals-upkeep": {
        "task": "approvals.upkeep",
        "schedule": EXPIRY_SECONDS,
        "options": {"expires": EXPIRY_SECONDS},
    },
}

register()


@app.task(name="approvals.expire")
def expire() -> None:
    """Announce what ran out, policies short of people and windows that never came; carry out what was to be done."""
    announce_expired()
    announce_reminders()
    announce_margins()
    announce_silence()
    carry_out_overdue()


@app.task(name="approvals.upkeep")
def keep_up() -> None:
    """End trials that are over, open reviews that are due, say which are overdue, and what serves late as found; record
    what a trial showed where that was lost."""
    end_trials()
    record_lost_conclusions()
    open_reviews()
    report_overdue_reviews()
    report_late_found()


@handles("data_profile.recorded")
def check_what_arrived(message: Message) -> None:
    """A job that holds it against what is expected of its dataset."""
    profile = DataProfile.objects.select_related("dataset_version").get(pk=message.payload["profile"])
    ask_of_profile(profile, reason="A profile was recorded")


@handles(RECORDED)
def check_what_is_there(message: Message) -> None:
    """Jobs for the newest versions, unless other expectations were recorded meanwhile."""
    asked = ExpectationSet.objects.get(pk=message.payload["expectation_set"])
    ask_of_versions(asked, reason="Expectations were recorded")


@handles("release.opened")
def tell_who_may_sign(message: Message) -> None:
    """Those whose signature is awaited; nobody when it is closed by now."""
    release = _release(message)
    if ReleaseClosure.objects.filter(release=release).exists():
        return
    notify(may_sign(release), "signature-awaited", _about(release), f"/releases/{release.pk}", message)


@handles("release.decided")
def tell_who_asked(message: Message) -> None:
    """Who opened the release, of how it ended; not of what they did themselves."""
    closure = ReleaseClosure.objects.get(release=message.payload["release"])
    release = _release(message)
    if closure.recorded_by_id == release.recorded_by_id and closure.kind != ReleaseClosure.Kind.PROMOTED:
        return
    params = _about(release) | {"reason": closure.reason, "by": closure.recorded_by.display_name}
    notify([release.recorded_by], f"release-{closure.kind}", params, f"/releases/{release.pk}", message)


@handles("promotion.live")
def tell_owners_and_signers(message: Message) -> None:
    """The model's owners and who signed; who opened the release hears of it as its outcome."""
    promotion = _promotions().get(pk=message.payload["promotion"])
    release = promotion.release
    signers = Principal.objects.filter(
        pk__in=SignOff.objects.filter(release=release, withdrawal=None).values("recorded_by")
    )
    opener = reader_of(release.recorded_by)
    people = [person for person in (*owners(promotion), *signers) if reader_of(person) != opener]
    notify(people, "version-live", _about(release), f"/releases/{release.pk}", message)
    ask_against_what_is_live(promotion, reason="What trained the live model changed")


@handles("promotion.ended")
def tell_owners_of_an_end(message: Message) -> None:
    """The model's owners; of a successor they hear as it goes live."""
    promotion = _promotions().select_related("end__recorded_by").get(pk=message.payload["promotion"])
    if promotion.end.kind == PromotionEnd.Kind.SUPERSEDED:
        return
    params = _about(promotion.release) | {"reason": promotion.end.reason, "by": promotion.end.recorded_by.display_name}
    notify(owners(promotion), "version-ended", params, f"/releases/{promotion.release_id}", message)


@handles("serving.noticed")
def tell_of_a_change(message: Message) -> None:
    """Owners of what is live, and those who may keep it serving, with the way the change came."""
    notice = _notice(message)
    promotion, role = notice.promotion, notice.response["confirm"]
    people = list(owners(promotion))
    if role is not None:
        people += holders_of(role, promotion.model.namespace_id, besides=promotion.release.model_version_id)
    kind = "serving-flagged" if notice.due_at is None else "serving-due" if role is not None else "serving-changed"
    _tell_of_notice(people, kind, notice, message)


@handles("found.fact-changed")
def tell_of_a_change_under_what_was_found(message: Message) -> None:
    """The model's owners and risk managers: no policy answers for it yet, so people do."""
    entry = AsFound.objects.select_related("model__owner", "model__decision_owner", "model_version", "environment").get(
        pk=message.payload["as_found"]
    )
    model, version = entry.model, entry.model_version
    people = [*owners_of(model), *holders_of(Role.RISK_MANAGER, model.namespace_id, besides=version.pk)]
    params = {
        "cause": str(Cause(message.payload["cause"]).label), "model": model.name, "version": version.number,
        "environment": entry.environment.name,
    }  # fmt: skip
    notify(people, "found-changed", params, f"/as-found/{entry.pk}", message)


@handles("serving.carried-out")
def tell_of_what_was_carried_out(message: Message) -> None:
    """The model's owners, with what serves instead."""
    notice = _notice(message)
    stead = notice.end.fallback
    kind = "serving-stopped" if stead is None else "serving-fell-back"
    number = stead.release.model_version.number if stead is not None else ""
    _tell_of_notice(owners(notice.promotion), kind, notice, message, stead=number)


@handles("serving.answered")
def tell_of_an_answer(message: Message) -> None:
    """The model's owners, when someone confirmed or cleared; what was carried out they hear of as that."""
    notice = _notice(message)
    end = notice.end
    if end.kind == ServingNoticeEnd.Kind.CARRIED_OUT:
        return
    by = {"by": end.recorded_by.display_name, "reason": end.reason}
    _tell_of_notice(owners(notice.promotion), f"serving-{end.kind}", notice, message, **by)


@handles("monitoring.breached")
def tell_of_a_breach(message: Message) -> None:
    """The model's and the plan's owners, and who oversees that viewpoint: business owners, or risk managers."""
    finding = Finding.objects.select_related("plan__owner").get(pk=message.payload["finding"])
    plan = finding.plan
    assert plan is not None  # the database's own finding names both
    assert finding.promotion_id is not None
    promotion = _promotions().select_related("model").get(pk=finding.promotion_id)
    role = Role.BUSINESS_OWNER if plan.kind == PlanKind.MONITORING_BUSINESS else Role.RISK_MANAGER
    overseers = holders_of(role, promotion.model.namespace_id, besides=promotion.release.model_version_id)
    newest = finding.events.filter(kind=FindingEvent.Kind.RECURRED).order_by("-pk").first()
    params = {**_about(promotion.release), "plan": plan.title, "text": (newest or finding).text[:400]}
    people = [*owners(promotion), plan.owner, *overseers]
    notify(people, "monitoring-breached", params, f"/promotions/{promotion.pk}/monitoring", message)


@handles("monitoring.silent")
def tell_of_silence(message: Message) -> None:
    """The model's and the plan's owners, unless a window has come or the promotion has ended meanwhile."""
    promotion = _promotions().select_related("model").get(pk=message.payload["promotion"])
    plan = Plan.objects.select_related("owner").get(pk=message.payload["plan"])
    if plan.pk not in [pk for pk, _by in silent([promotion.pk], timezone.now())[promotion.pk]]:
        return
    due = datetime.fromisoformat(message.payload["expected_by"]).strftime("%Y-%m-%d %H:%M UTC")
    params = {**_about(promotion.release), "plan": plan.title, "due": due, "every": plan.expected_every_minutes}
    people = [*owners(promotion), plan.owner]
    notify(people, "monitoring-silent", params, f"/promotions/{promotion.pk}/monitoring", message)


@handles("terms.withdrawn")
def tell_of_withdrawn_terms(message: Message) -> None:
    """The dataset's people, and for each owner downstream what of theirs is live."""
    _tell_of_terms(message, message.payload["terms"], "terms-withdrawn")


@handles("terms.expired")
def tell_of_expired_terms(message: Message) -> None:
    """The same people when terms ran out with none to follow."""
    _tell_of_terms(message, message.payload["id"], "terms-expired")


@handles("grant.expired")
def tell_of_an_expired_grant(message: Message) -> None:
    """Whose role it was, and on whose behalf it was held."""
    grant = RoleGrant.objects.select_related("principal", "on_behalf_of", "namespace").get(pk=message.payload["id"])
    people = [person for person in (grant.principal, grant.on_behalf_of) if person is not None]
    params = {
        "person": grant.principal.display_name,
        "role": grant.role.replace("_", " "),
        "namespace": grant.namespace.name if grant.namespace else "*",
    }
    notify(people, "role-expired", params, "", message)


@handles("evidence.expired")
def tell_of_expired_evidence(message: Message) -> None:
    """Who reported it, who owns the plan, and the model's owner."""
    evidence = Evidence.objects.select_related("plan__owner", "model_version__model__owner").get(
        pk=message.payload["id"]
    )
    version = evidence.model_version
    if version is None:
        return
    people = [evidence.recorded_by, evidence.plan.owner, *([version.model.owner] if version.model.owner else [])]
    params = {"plan": evidence.plan.title, "model": version.model.name, "version": version.number}
    notify(people, "evidence-expired", params, f"/models/{version.model_id}", message)


@handles("finding.overdue")
def tell_of_an_overdue_finding(message: Message) -> None:
    """Who has to answer it, and who raised it."""
    finding = Finding.objects.select_related("owner", "recorded_by").get(pk=message.payload["id"])
    people = [person for person in (finding.owner, finding.recorded_by) if person is not None]
    notify(people, "finding-overdue", {"finding": finding.text[:200]}, "", message)


@handles("policy.margin")
def tell_of_too_few(message: Message) -> None:
    """The policy's owners, unless enough people are there again."""
    place = (message.payload["publication"], message.payload["namespace"])
    found = [one for one in all_margins() if (one.publication, one.namespace) == place and one.is_short]
    for one in found:
        policy = Policy.objects.select_related("namespace", "environment").get(pk=one.policy)
        params = {
            "policy": str(policy), "namespace": one.namespace_name, "asked": one.asked, "holders": one.holders,
            "roles": ", ".join(role.replace("_", " ") for role in one.roles),
            "consequence": gettext("Nobody can satisfy it.") if (one.margin or 0) < 0 else gettext(
                "One more absence, and nobody can satisfy it."),
        }  # fmt: skip
        notify(policy_owners(policy), "policy-margin", params, f"/policies/{policy.pk}", message)


@handles("policy.lapsed")
def tell_of_a_lapse(message: Message) -> None:
    """The policy's owners, and who wrote and published what has lapsed."""
    lapse = PolicyLapse.objects.select_related(
        "recorded_by", "publication__recorded_by", "publication__policy_version__recorded_by",
        "publication__policy_version__policy__namespace", "publication__policy_version__policy__environment",
        "cause__policy_version__policy__namespace", "cause__policy_version__policy__environment",
    ).get(pk=message.payload["id"])  # fmt: skip
    version = lapse.publication.policy_version
    params = {
        "policy": str(version.policy), "above": str(lapse.cause.policy_version), "by": lapse.recorded_by.display_name,
        "loosened": ", ".join(f"{one['key']} {one['field']}".strip() for one in lapse.loosened),
    }  # fmt: skip
    people = [*policy_owners(version.policy), version.recorded_by, lapse.publication.recorded_by]
    notify(people, "policy-lapsed", params, f"/policies/{version.policy_id}", message)


def _tell_of_terms(message: Message, terms_id: int, kind: str) -> None:
    terms = CollectionTerms.objects.select_related("dataset__steward", "dataset__owner").get(pk=terms_id)
    dataset = terms.dataset
    concerned: dict[Principal, list[Promotion]] = defaultdict(list)
    for person in _readers(dataset.steward, dataset.owner):
        concerned[person] = []
    for promotion in live_downstream(dataset).order_by("pk"):
        for person in _readers(*owners(promotion)):
            concerned[person].append(promotion)
    for person, live in concerned.items():
        params = {"dataset": name_for(person, dataset), "number": terms.number, "live": _names(live)}
        suffix = "-downstream" if live else ""
        url = f"/datasets/{dataset.pk}" if reads(person, dataset) else f"/promotions/{live[0].pk}" if live else ""
        notify([person], kind + suffix, params, url, message)


def _readers(*principals: Principal | None) -> set[Principal]:
    found = {reader_of(principal) for principal in principals if principal is not None}
    return {person for person in found if person is not None}


def _names(promotions: Iterable[Promotion]) -> str:
    """'fraud 3 (production), churn 1 (staging)'; after ten, how many more."""
    names = [
        f"{p.release.model_version.model.name} {p.release.model_version.number} ({p.environment.name})"
        for p in promotions
    ]
    return ", ".join(names[:10]) + (f", … +{len(names) - 10}" if len(names) > 10 else "")


def _release(message: Message) -> Release:
    releases = Release.objects.select_related("model_version__model", "environment", "recorded_by")
    return releases.get(pk=message.payload["release"])


def _notice(message: Message) -> ServingNotice:
    found = ServingNotice.objects.select_related(
        "promotion__environment", "promotion__model", "promotion__release__model_version__model",
        "end__recorded_by", "end__fallback__release__model_version",
    )  # fmt: skip
    return found.get(pk=message.payload["notice"])


def _tell_of_notice(
    people: Iterable[Principal], kind: str, notice: ServingNotice, message: Message, **more: Any
) -> None:
    """Each of them, with the way the change came as they may read it."""
    for person in _readers(*people):
        params = {**_about_notice(notice, person), **more}
        notify([person], kind, params, f"/promotions/{notice.promotion_id}", message)


def _about_notice(notice: ServingNotice, reader: Principal) -> dict[str, Any]:
    """What a notice says: what changed, by which way, and until when."""
    chain = as_read_by(reader, CHAIN_READ_BY, [notice.chain])[0]
    names = [str(OF_ANOTHER) if node.get("hidden") else f"{node['name']} {node['detail']}".strip() for node in chain]
    return {
        **_about(notice.promotion.release),
        "environment": notice.promotion.environment.name,
        "cause": str(notice.get_cause_display()),
        "chain": " → ".join(names[:4] + ["…"] * (len(names) > 8) + names[4:][-4:]),
        "due": notice.due_at.strftime("%Y-%m-%d %H:%M UTC") if notice.due_at else "",
        "role": (notice.response["confirm"] or "").replace("_", " "),
    }


def _promotions() -> "QuerySet[Promotion]":
    return Promotion.objects.select_related("environment", "release__model_version__model", "release__recorded_by")


def _about(release: Release) -> dict[str, Any]:
    version = release.model_version
    return {"model": version.model.name, "version": version.number, "environment": release.environment.name}
