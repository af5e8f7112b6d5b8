"""The product, set up for histories: one release, people with overlapping roles, data, plans, and policies to publish.

What is done here goes through the product's actions, and each history runs in a transaction of its own that is rolled
back. Names on this side of the fence (`r3`, `raw`, `plan1`) are the model's.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from approvals.actions import sign_offs
from approvals.actions._common import call
from approvals.actions.evidence import Measured as Measurement
from approvals.actions.evidence import report_evidence
from approvals.actions.findings import close_finding, raise_finding, reopen_finding
from approvals.actions.releases import close_release, open_release
from approvals.actions.sign_offs import declare_conflict, lift_veto, sign, withdraw_sign_off
from approvals.actions.statements import find_requirement, statement
from approvals.models import (
    Finding,
    Plan,
    Policy,
    PolicyPublication,
    PolicyVersion,
    ReauthenticationMethod,
    Release,
    ReleaseClosure,
    Requirement,
    SignOff,
    Vote,
)
from governance import errors
from governance.accounts.actions.grants import end_grant
from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import Principal, RoleGrant
from governance.unit_of_work import recorded_action
from lineage import actions as facts
from lineage.models import CollectionTerms, Model, ModelVersion, Run, RunOutput, RunRole
from tests.approvals.model.policies import BUSINESS, COMPLIANCE, OWNER, PEOPLE, POLICIES, ROLES
from tests.approvals.model.rules import Answer, Asked, Condition, Item, Measured, Terms, Text
from tests.approvals.world import WHY, World, dataset, flag, give_terms, sha, world
from tests.cast import Cast

COPIES = 3
GATE = "SELECT muniment.gate_rows(%s, clock_timestamp() + make_interval(days => %s))"
#: Answers to the questions of risk that make a tier.
TIERS = {
    "high": {},
    "medium": dict.fromkeys(("legal_or_similar_effect", "safety_component", "special_category_data"), False),
}
_number = itertools.count(1)
#: What the action works out in thirty queries, in one: requirement, evidence seen, grant, digest of the content.
BINDING = """
SELECT q.id, e.seen, g.id, muniment.digest_of(muniment.vote_binding(r.id, q.id, e.seen, g.id))
FROM (SELECT %s::bigint AS person, %s::bigint AS release, %s::text AS key) a
JOIN approvals_release r ON r.id = a.release
JOIN lineage_modelversion v ON v.id = r.model_version_id
JOIN lineage_model m ON m.id = v.model_id
JOIN approvals_requirement q ON q.key = a.key AND q.kind = 'signoff'
  AND q.policy_version_id = muniment.active_policy_version(r.environment_id, m.risk_tier, m.namespace_id, r.slot)
CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.id ORDER BY x.id), '{}') AS seen
                    FROM approvals_evidence x WHERE x.model_version_id = v.id) e
CROSS JOIN LATERAL (SELECT x.id FROM governance_rolegrant x WHERE x.principal_id = a.person
                    ORDER BY (x.role = q.params ->> 'role') DESC, x.id DESC LIMIT 1) g
"""


@dataclass
class Stage:
    """The records that histories begin with, and the state that a running one has changed."""

    w: World
    people: dict[str, Principal]
    plans: dict[str, Plan]
    drafts: dict[tuple[str, int], list[PolicyVersion]]
    release: Release
    boss: Principal
    """Head of the roles with a veto; never votes."""
    base: ModelVersion
    """A model that others are tuned from, without data on record."""
    grants: dict[tuple[str, str], RoleGrant] = field(default_factory=dict)
    spent: dict[tuple[str, int], int] = field(default_factory=dict)
    kept_terms: dict[str, CollectionTerms] = field(default_factory=dict)
    kept_votes: dict[int, SignOff] = field(default_factory=dict)
    kept_findings: list[Finding] = field(default_factory=list)
    day: int = 0
    """The gate is asked for so many days from now."""

    @contextmanager
    def history(self, way: type[Stage] | None = None) -> Iterator[Stage]:
        """A fresh copy to act on, in a transaction that leaves nothing behind. `way`: how it acts, when not as this one."""
        undone = transaction.atomic()
        undone._from_testcase = True  # type: ignore[attr-defined]  # actions ask for the outermost transaction, or a test's
        with undone:
            fresh = (way or type(self))(
                self.w, {name: copy(person) for name, person in self.people.items()}, self.plans,
                self.drafts, self.release, self.boss, self.base, dict(self.grants), {}, dict(self.w.terms), {},
            )  # fmt: skip
            try:
                yield fresh
            finally:
                transaction.set_rollback(True)

    # --- Acts -----------------------------------------------------------------------------------------------------

    def sign(
        self, person: str, key: str, approves: bool, condition: Condition | None = None, *, by_action: bool
    ) -> int | None:
        """The id of the vote; None where it was refused. By the action, or by the database's rules alone, a third as long."""
        try:
            made = (self._sign_by_action if by_action else self._sign)(
                self.people[person], key, Vote.APPROVE if approves else Vote.REJECT, self._conditions(condition)
            )
        except errors.Refused:
            return None
        self.kept_votes[made.pk] = made
        self.kept_findings.extend(Finding.objects.filter(sign_off=made) if condition else ())
        return made.pk

    def _conditions(self, condition: Condition | None) -> list[sign_offs.Condition]:
        """As the action takes them; nobody who votes answers them."""
        if condition is None:
            return []
        due = timezone.now() + timedelta(days=condition.due)
        overdue = Finding.WhenOverdue(condition.when_overdue)
        return [sign_offs.Condition("To be mended", self.w.cast.business, due, overdue)]

    def _sign_by_action(self, actor: Principal, key: str, vote: Vote, conditions: list[sign_offs.Condition]) -> SignOff:
        shown = statement(
            person=actor, release=self.release, requirement=find_requirement(self.release, key), vote=vote
        )
        return sign(
            actor=actor, release=self.release, requirement=key, vote=vote, statement_digest=shown.digest,
            reauthenticated_at=timezone.now(), comment="" if vote == Vote.APPROVE else "Not good enough",
            conditions=conditions, **WHY,
        )  # fmt: skip

    def _sign(self, actor: Principal, key: str, vote: Vote, conditions: list[sign_offs.Condition]) -> SignOff:
        """Under the newest grant of theirs of that role, even one that has ended; else under any."""
        with recorded_action(actor=actor, **WHY):
            with connection.cursor() as cursor:
                cursor.execute(BINDING, [actor.pk, self.release.pk, key])
                found = cursor.fetchone()
            if found is None:
                raise errors.Invalid("Nothing asks for it.")
            requirement, seen, grant, text = found
            kept = [one.as_dict() for one in conditions]
            if kept:
                text = f"{text}\n{call('condition_lines', json.dumps(kept))}"
            return SignOff.objects.create(
                release=self.release, requirement_id=requirement, vote=vote, meaning="Read and judged",
                comment="Not good enough", statement=text, statement_digest=sha(text), evidence_seen=seen,
                role_grant_id=grant, conditions=kept, reauthenticated_at=timezone.now(),
                reauthentication_method=ReauthenticationMethod.PASSWORD,
            )  # fmt: skip

    def lift(self, vote: int) -> None:
        lift_veto(actor=self.boss, sign_off=self.kept_votes[vote], reauthenticated_at=timezone.now(), **WHY)

    def recuse(self, person: str) -> None:
        declare_conflict(actor=self.people[person], model=self.w.model, text="We are related", **WHY)

    def withdraw(self, vote: int) -> None:
        made = self.kept_votes[vote]
        withdraw_sign_off(actor=made.recorded_by, sign_off=made, **WHY)

    def end_role(self, person: str, role: str) -> None:
        end_grant(actor=self.w.cast.admin, grant=self.grants.pop((person, role)), **WHY)

    def give_role(self, person: str, role: str, ends: int | None) -> None:
        self.grants[person, role] = grant(self.w.cast, self.people[person], role, effective_to=self.at(ends))

    def deactivate(self, person: str) -> None:
        deactivate_principal(actor=self.w.cast.admin, principal=self.people[person], **WHY)

    def reactivate(self, person: str) -> None:
        """No door offers this yet; the database would take it."""
        with recorded_action(actor=self.w.cast.admin, **WHY):
            self.people[person].is_active = True
            self.people[person].save(update_fields=["is_active"])

    def edit(self, person: str) -> None:
        """A new title: it changes nothing but who had a hand in it."""
        self._model(self.people[person], title=f"Title {next(_number)}")

    def change_purpose(self, purpose: str) -> None:
        self._model(self.w.cast.owner, intended_purpose=purpose)

    def change_places(self, places: list[str]) -> None:
        self._model(self.w.cast.owner, deployment_geography=places)

    def change_tier(self, tier: str) -> None:
        self._model(self.w.cast.owner, risk_answers=TIERS[tier])

    def _model(self, actor: Principal, **changes: Any) -> None:
        facts.update_model(actor=actor, model=self.w.model, changes=changes, **WHY)

    def publish(self, tier: str, variant: int) -> bool:
        """The next copy of a draft; False when there is none left."""
        used = self.spent.get((tier, variant), 0)
        if used == COPIES:
            return False
        self.spent[tier, variant] = used + 1
        self._publish(self.drafts[tier, variant][used])
        return True

    def _publish(self, draft: PolicyVersion) -> None:
        with recorded_action(actor=self.w.cast.policy2, **WHY):
            PolicyPublication.objects.create(policy_version=draft)

    def record_terms(self, name: str, terms: Terms) -> None:
        self.kept_terms[name] = facts.record_terms(
            actor=self.w.cast.steward, dataset=self.w.datasets[name], licence="CC-BY-4.0", legal_basis="eu-gdpr:A6-1-f",
            permitted_purposes=terms.purposes, forbidden_purposes=terms.forbidden, permitted_geographies=terms.places,
            storage_duration_days=terms.days, **WHY,
        ).record  # fmt: skip

    def withdraw_terms(self, name: str) -> None:
        facts.withdraw_terms(actor=self.w.cast.steward, terms=self.kept_terms[name], **WHY)

    def answer_flag(self, name: str, category: str, answer: Answer) -> None:
        facts.review_flag(
            actor=self.w.cast.steward, dataset_version=self.w.versions[name], category=category,
            present=answer.present, treatment=answer.treatment, **WHY,
        )  # fmt: skip

    def link(self, name: str, made: str, by: str | None = None) -> None:
        """Say that the run that made something read a dataset version, or the base model."""
        item = self.base if name == "base" else self.w.versions[name]
        facts.link_run_input(
            actor=self.people[by] if by else self.w.cast.pipeline, run=self.w.runs[made], item=item,
            role=RunRole.TRAINING if made == "model" and item is not self.base else RunRole.SOURCE, **WHY,
        )  # fmt: skip

    def report(self, item: Item) -> None:
        version = self.w.version
        report_evidence(
            actor=self.people[item.by] if item.by else self.w.cast.tester, plan=self.plans[item.plan], subject=version,
            subject_digest=f"{version.digest_algorithm}:{version.digest_value}",
            measured=Measurement(run_started_at=timezone.now(), valid_until=self.at(item.ends), values=[
                {"metric": "accuracy", "value": "0.95" if item.good else "0.5"}]), **WHY,
        )  # fmt: skip

    def find(self, place: str) -> None:
        subject = self.w.version if place == "model" else self.w.datasets[place]
        self.kept_findings.append(raise_finding(
            actor=self.w.cast.auditor, subject=subject, kind=Finding.Kind.AUDIT, text="Found", blocks=True,
            severity=Finding.Severity.HIGH, **WHY))  # fmt: skip

    def close_finding(self, position: int) -> None:
        """By the head of the compliance officers, who had a hand in nothing."""
        close_finding(actor=self.boss, finding=self.kept_findings[position], text="Mended", **WHY)

    def reopen_finding(self, position: int) -> None:
        reopen_finding(actor=self.boss, finding=self.kept_findings[position], text="Not mended", **WHY)

    def reopen(self) -> None:
        """Close the release and open another of the same version."""
        close_release(actor=self.w.cast.owner, release=self.release, kind=ReleaseClosure.Kind.WITHDRAWN, **WHY)
        self.release, _created = open_release(
            actor=self.w.cast.owner, model_version=self.w.version, environment=self.w.production, **WHY
        )

    # --- What the gate answers ------------------------------------------------------------------------------------

    def ask(self) -> list[dict[str, Any]]:
        """The gate's rows on that day: requirement, status, reason, who fills it and which votes do not count."""
        with connection.cursor() as cursor:
            cursor.execute(GATE, [self.release.pk, self.day])
            rows: list[dict[str, Any]] = json.loads(cursor.fetchone()[0])
        return rows

    def at(self, day: int | None) -> datetime | None:
        """So many days from now; None: never."""
        return None if day is None else timezone.now() + timedelta(days=day)


def grant(cast: Cast, person: Principal, role: str, **more: Any) -> RoleGrant:
    """A role everywhere, by two administrators, in two statements."""
    with recorded_action(actor=cast.admin, **WHY):
        made = RoleGrant.objects.create(principal=person, role=role, **more)
    made.refresh_from_db()
    if role != OWNER:
        with recorded_action(actor=cast.admin2, **WHY):
            made.approved_by, made.approved_at = cast.admin2, made.recorded_at
            made.save(update_fields=["approved_by", "approved_at"])
    return made


def build(cast: Cast) -> Stage:
    """Set it up, once for many histories."""
    w = world(cast)
    for name in ("spare", "far"):
        w.datasets[name], w.versions[name] = dataset(cast, name)
        flag(cast, w.versions[name])
    with recorded_action(actor=cast.pipeline, **WHY):  # nobody has said yet what `spare` was made from
        w.runs["spare"] = Run.objects.create(namespace=cast.retail, job_name="derive", run_key="spare")
        RunOutput.objects.create(run=w.runs["spare"], dataset_version=w.versions["spare"], role="output")
    w.terms["spare"] = give_terms(cast, w.datasets["spare"])
    plans = {f"plan{n}": w.plan(title=f"Plan {n}") for n in range(2)}
    with recorded_action(actor=cast.admin, **WHY):
        people = {
            name: Principal.objects.create(kind="person", name=f"{name}@bank.example", display_name=name)
            for name in [*PEOPLE, "boss", *(f"bench{n}" for n in range(9))]
        }
    grants = {(name, role): grant(cast, people[name], role) for name, roles in PEOPLE.items() for role in roles}
    for name, person in people.items():
        if name.startswith("bench"):  # they never act: policies ask for more people than histories leave
            for role in ROLES:
                grant(cast, person, role)
    for role in (COMPLIANCE, BUSINESS):
        grant(cast, people["boss"], role, is_head=True)
    drafts = {
        (tier, variant): [_draft(w, tier, texts) for _copy in range(COPIES)]
        for tier, variants in POLICIES.items()
        for variant, texts in enumerate(variants)
    }
    with recorded_action(actor=cast.pipeline, **WHY):
        other = Model.objects.create(namespace=cast.retail, name="base", risk_tier="high")
        base = ModelVersion.objects.create(model=other, digest_algorithm="sha256", digest_value=sha("base"))
    acting = {name: people[name] for name in PEOPLE}
    stage = Stage(w, acting, plans, drafts, w.release(), people["boss"], base, grants)
    for tier in POLICIES:
        first = _draft(w, tier, POLICIES[tier][0])
        with recorded_action(actor=cast.policy2, **WHY):
            PolicyPublication.objects.create(policy_version=first)
    return stage


def _draft(w: World, tier: str, texts: list[Text]) -> PolicyVersion:
    """A policy version everywhere, written and not published."""
    with recorded_action(actor=w.cast.policy, **WHY):
        place, _created = Policy.objects.get_or_create(environment=w.production, risk_tier=tier, namespace=None)
        version = PolicyVersion.objects.create(policy=place)
        for position, text in enumerate(texts, start=1):
            Requirement.objects.create(policy_version=version, position=position, key=text.key, **_asks(text))
    return version


def _asks(text: Text) -> dict[str, Any]:
    match text:
        case Asked():
            params = {"role": text.role, "count": text.count, "veto": text.veto}
            return {"kind": "signoff", "title": text.title, "params": params, "binds": sorted(text.binds)}
        case Measured():
            params = {"plan_kind": "performance", "max_age_days": text.max_age, "independent": text.independent}
            return {"kind": "evidence", "title": "Measured", "params": params}
        case _:
            return {"kind": "findings", "title": "Nothing found"}
