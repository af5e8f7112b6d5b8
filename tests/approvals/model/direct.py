"""The stage without Python between: each act is the statement that its action comes down to, under the app's own login.

The rules are the database's, so this asks all of them, in one journey for each step with the gate's answer: a million
steps take an hour instead of three. Each tenth history still goes through the actions.
"""

from __future__ import annotations

import functools
import json
import uuid
import weakref
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import Error, connection, models
from django.utils import timezone

from approvals.models import (
    ConflictOfInterest,
    Evidence,
    Finding,
    FindingEvent,
    PolicyPublication,
    Release,
    ReleaseClosure,
    SignOff,
)
from governance import errors
from governance.accounts.models import Principal, RoleGrant
from lineage.models import CollectionTerms, Model, RunInput, RunRole, SensitivityFlag, TermsWithdrawal
from tests.approvals.model.policies import OWNER
from tests.approvals.model.rules import Answer, Condition, Item, Terms
from tests.approvals.model.stage import BINDING, GATE, Stage
from tests.approvals.world import WHY

Statement = tuple[str, Sequence[Any]]
_prepared: weakref.WeakSet[Any] = weakref.WeakSet()
STAMP = """
SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', %s, true),
       set_config('muniment.action', %s, true), set_config('muniment.xid', pg_current_xact_id()::text, true)
"""
#: Person, release, requirement, vote, conditions. Planned once for a connection: it takes longer than doing it.
SIGN = f"""
PREPARE model_sign (bigint, bigint, text, text, jsonb) AS
WITH bound (requirement, seen, role_grant, content) AS MATERIALIZED ({BINDING % ("$1", "$2", "$3")})
INSERT INTO approvals_signoff (release_id, requirement_id, vote, meaning, comment, statement, statement_digest,
  evidence_seen, role_grant_id, reauthenticated_at, reauthentication_method, signature, conditions)
SELECT $2, b.requirement, $4, 'Read and judged', 'Not good enough', s.text,
       encode(sha256(convert_to(s.text, 'UTF8')), 'hex'), b.seen, b.role_grant, clock_timestamp(), 'password', '', $5
FROM bound b
CROSS JOIN LATERAL (SELECT CASE $5 WHEN '[]' THEN b.content
                           ELSE b.content || E'\\n' || muniment.condition_lines($5) END AS text OFFSET 0) s
RETURNING id
"""
APPROVE = """
UPDATE governance_rolegrant SET approved_by_id = %s, approved_at = recorded_at WHERE id = (
  SELECT max(id) FROM governance_rolegrant WHERE principal_id = %s AND role = %s)
"""
LIFT = """
INSERT INTO approvals_vetolift (sign_off_id, role_grant_id, reason, reauthenticated_at, reauthentication_method)
SELECT s.id, h.id, %s, clock_timestamp(), 'password' FROM approvals_signoff s
JOIN governance_rolegrant g ON g.id = s.role_grant_id
JOIN governance_rolegrant h ON h.role = g.role AND h.is_head AND h.principal_id = %s WHERE s.id = %s
"""
VALUE = """
INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)
SELECT max(id), 'accuracy', %s, '', '', '' FROM approvals_evidence
"""
OPEN = """
INSERT INTO approvals_release (model_version_id, environment_id, slot, purpose)
SELECT r.model_version_id, r.environment_id, r.slot, m.intended_purpose FROM approvals_release r
JOIN lineage_modelversion v ON v.id = r.model_version_id JOIN lineage_model m ON m.id = v.model_id
WHERE r.id = %s RETURNING id
"""


class Direct(Stage):
    """What a stage does, as statements."""

    _answered: str | None = None
    """The gate's answer that came with the last act."""

    def sign(
        self, person: str, key: str, approves: bool, condition: Condition | None = None, *, by_action: bool
    ) -> int | None:
        actor = self.people[person]
        kept = json.dumps([one.as_dict() for one in self._conditions(condition)])
        vote = [actor.pk, self.release.pk, key, "approve" if approves else "reject", kept]
        if connection.connection not in _prepared:
            _prepared.add(connection.connection)
            with connection.cursor() as cursor:
                cursor.execute(SIGN)
        try:
            _saved, _stamped, made = self._send(
                ("SAVEPOINT vote", ()), _stamp(actor), ("EXECUTE model_sign (%s, %s, %s, %s, %s)", vote)
            )
        except Error as error:
            if errors.from_database(error) is None:
                raise
            self._send(("ROLLBACK TO SAVEPOINT vote", ()))
            return None
        if made is None:
            return None
        self.kept_votes[made[0]] = SignOff(pk=made[0], recorded_by=actor)
        self.kept_findings.extend(Finding.objects.filter(sign_off=made[0]) if condition else ())
        return int(made[0])

    def lift(self, vote: int) -> None:
        self._do(self.boss, (LIFT, [WHY["reason"], self.boss.pk, vote]))

    def recuse(self, person: str) -> None:
        self._do(self.people[person], insertion(ConflictOfInterest(model=self.w.model, text="We are related")))

    def withdraw(self, vote: int) -> None:
        statement = "INSERT INTO approvals_signoffwithdrawal (sign_off_id, reason) VALUES (%s, %s)"
        self._do(self.kept_votes[vote].recorded_by, (statement, [vote, WHY["reason"]]))

    def end_role(self, person: str, role: str) -> None:
        ended, admin = self.grants.pop((person, role)), self.w.cast.admin
        statement = "UPDATE governance_rolegrant SET ended_by_id = %s, ended_at = recorded_at WHERE id = %s"
        self._do(admin, (statement, [admin.pk, ended.pk]))

    def give_role(self, person: str, role: str, ends: int | None) -> None:
        holder, first, second = self.people[person], self.w.cast.admin, self.w.cast.admin2
        assert role != OWNER, "an owner's grant awaits no approval"
        given = RoleGrant(principal=holder, role=role, effective_to=self.at(ends))
        _stamped, made, *_rest = self._send(
            _stamp(first), insertion(given), _stamp(second), (APPROVE, [second.pk, holder.pk, role])
        )
        assert made is not None
        given.pk = made[0]
        self.grants[person, role] = given

    def deactivate(self, person: str) -> None:
        self._activate(person, False)

    def reactivate(self, person: str) -> None:
        self._activate(person, True)

    def _activate(self, person: str, active: bool) -> None:
        statement = "UPDATE governance_principal SET is_active = %s WHERE id = %s"
        self._do(self.w.cast.admin, (statement, [active, self.people[person].pk]))

    def _model(self, actor: Principal, **changes: Any) -> None:
        fields: list[Any] = [Model._meta.get_field(name) for name in changes]
        places = ", ".join(f"{field.column} = {_place(field)}" for field in fields)
        values = [f.get_db_prep_save(value, connection) for f, value in zip(fields, changes.values(), strict=True)]
        self._do(actor, (f"UPDATE lineage_model SET {places} WHERE id = %s", [*values, self.w.model.pk]))

    def _publish(self, draft: Any) -> None:
        self._do(self.w.cast.policy2, insertion(PolicyPublication(policy_version=draft)))

    def record_terms(self, name: str, terms: Terms) -> None:
        recorded = CollectionTerms(
            dataset=self.w.datasets[name], licence="CC-BY-4.0", legal_basis="eu-gdpr:A6-1-f",
            permitted_purposes=sorted(terms.purposes), forbidden_purposes=sorted(terms.forbidden),
            permitted_geographies=sorted(terms.places), storage_duration_days=terms.days, effective_from=timezone.now(),
        )  # fmt: skip
        recorded.pk = self._do(self.w.cast.steward, insertion(recorded))
        self.kept_terms[name] = recorded

    def withdraw_terms(self, name: str) -> None:
        self._do(
            self.w.cast.steward, insertion(TermsWithdrawal(terms_id=self.kept_terms[name].pk, reason=WHY["reason"]))
        )

    def answer_flag(self, name: str, category: str, answer: Answer) -> None:
        self._do(self.w.cast.steward, insertion(SensitivityFlag(
            dataset_version=self.w.versions[name], category=category, present=answer.present,
            treatment=answer.treatment, assessment="reviewed")))  # fmt: skip

    def link(self, name: str, made: str, by: str | None = None) -> None:
        read = RunInput(run=self.w.runs[made], role=RunRole.SOURCE)
        if name == "base":
            read.model_version = self.base
        else:
            read.dataset_version = self.w.versions[name]
            read.role = RunRole.TRAINING if made == "model" else RunRole.SOURCE
        self._do(self.people[by] if by else self.w.cast.pipeline, insertion(read))

    def report(self, item: Item) -> None:
        version, plan = self.w.version, self.plans[item.plan]
        reported = Evidence(
            namespace=plan.namespace, plan=plan, model_version=version, valid_until=self.at(item.ends),
            subject_digest=f"{version.digest_algorithm}:{version.digest_value}", run_started_at=timezone.now(),
        )  # fmt: skip
        by = self.people[item.by] if item.by else self.w.cast.tester
        self._do(by, insertion(reported), (VALUE, ["0.95" if item.good else "0.5"]))

    def find(self, place: str) -> None:
        subject = {"model_version": self.w.version} if place == "model" else {"dataset": self.w.datasets[place]}
        found = Finding(
            namespace=self.w.cast.retail, kind="audit", text="Found", severity="high", blocks=True, **subject
        )
        found.pk = self._do(self.w.cast.auditor, insertion(found))
        self.kept_findings.append(found)

    def close_finding(self, position: int) -> None:
        self._do(self.boss, insertion(FindingEvent(finding=self.kept_findings[position], kind="closed", text="Mended")))

    def reopen_finding(self, position: int) -> None:
        self._do(
            self.boss, insertion(FindingEvent(finding=self.kept_findings[position], kind="reopened", text="Not so"))
        )

    def reopen(self) -> None:
        closure = ReleaseClosure(release=self.release, kind=ReleaseClosure.Kind.WITHDRAWN, reason=WHY["reason"])
        _stamped, _closed, opened = self._send(_stamp(self.w.cast.owner), insertion(closure), (OPEN, [self.release.pk]))
        assert opened is not None
        self.release = Release(pk=opened[0])
        self._answered = None  # it was of the release before

    def ask(self) -> list[dict[str, Any]]:
        if self._answered is None:
            self._send()
        assert self._answered is not None
        rows: list[dict[str, Any]] = json.loads(self._answered)
        return rows

    def _do(self, actor: Principal, *statements: Statement) -> Any:
        """Do it as someone; the first value that the first statement returns."""
        _stamped, first, *_rest = self._send(_stamp(actor), *statements)
        return first and first[0]

    def _send(self, *statements: Statement) -> list[tuple[Any, ...] | None]:
        """All statements and then the gate's question in one journey; the first row of each statement."""
        everything = [*statements, (GATE, [self.release.pk, self.day])]
        with connection.cursor() as cursor:
            cursor.execute(
                ";".join(sql for sql, _values in everything), [v for _sql, values in everything for v in values]
            )
            found = [cursor.fetchone() if cursor.description else None]
            while cursor.nextset():
                found.append(cursor.fetchone() if cursor.description else None)
        asked = found.pop()
        assert asked is not None
        self._answered = asked[0]
        return found


def _stamp(actor: Principal) -> Statement:
    return STAMP, [str(actor.pk), WHY["reason"], str(uuid.uuid4())]


def _place(field: Any) -> str:
    return f"%s::{field.db_type(connection)}" if isinstance(field, ArrayField) else "%s"


@functools.cache
def _insert(model: type[models.Model]) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    names, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(map(_place, fields))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places}) RETURNING id', fields


def insertion(row: models.Model) -> Statement:
    """The statement that records a row: what its model fills in when nothing is said, and what was said."""
    statement, fields = _insert(type(row))
    return statement, [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
