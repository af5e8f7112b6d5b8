"""Records to judge: a model version with everything a policy may ask for, and the means to spoil one thing at a time.

Built with the ORM inside recorded actions: the gate's tests must not depend on what the actions of lineage refuse.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.plans import lock_plan
from approvals.actions.releases import open_release
from approvals.actions.sign_offs import sign
from approvals.actions.statements import find_requirement, statement
from approvals.gate.gate import RequirementStatus, ask
from approvals.models import (
    Environment,
    Evidence,
    Plan,
    PlanKind,
    Policy,
    PolicyPublication,
    PolicyVersion,
    Release,
    Requirement,
    SignOff,
    Slot,
    Vote,
)
from governance import errors
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.unit_of_work import recorded_action
from lineage.models import (
    CollectionTerms,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
)
from tests.cast import Cast

PURPOSE = "dpv:CreditChecking"
WHY = {"reason": "Set up by a test"}
_counter = itertools.count(1)

FACTS: list[dict[str, Any]] = [
    {"key": "artifact", "kind": "artifact"},
    {"key": "provenance", "kind": "provenance"},
    {"key": "terms", "kind": "terms"},
    {"key": "sensitive-data", "kind": "sensitivity"},
    {"key": "findings", "kind": "findings"},
]


def sha(text: str) -> str:
    """A digest for a test's content."""
    return hashlib.sha256(text.encode()).hexdigest()


def signature(key: str, role: str, *, count: int = 1, veto: bool = False, binds: Sequence[str] = ()) -> dict[str, Any]:
    """A sign-off requirement."""
    return {
        "key": key,
        "kind": "signoff",
        "params": {"role": role, "count": count, "veto": veto},
        "binds": list(binds) or ["subject", "data", "privacy", "use"],
    }


@dataclass
class World:
    """A model `scoring` 1 trained on `features`, made from `raw`, made from `source`: three datasets upstream."""

    cast: Cast
    model: Model
    version: ModelVersion
    datasets: dict[str, Dataset] = field(default_factory=dict)
    versions: dict[str, DatasetVersion] = field(default_factory=dict)
    terms: dict[str, CollectionTerms] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    @property
    def production(self) -> Environment:
        return Environment.objects.get(name="production")

    def release(self, version: ModelVersion | None = None, slot: Slot = Slot.CHAMPION, **more: Any) -> Release:
        """The open release of a version into production; of a challenger, with a trial of thirty days."""
        if slot == Slot.CHALLENGER:
            midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
            more = {
                "trial_plan": self.plan(PlanKind.AB_TEST, title="Trial"),
                "trial_ends_at": midnight + datetime.timedelta(days=30), **more,
            }  # fmt: skip
        return open_release(
            actor=self.cast.pipeline, model_version=version or self.version, environment=self.production, slot=slot,
            **more, **WHY,
        )[0]  # fmt: skip

    def draft(
        self, *requirements: dict[str, Any], namespace: Namespace | None = None, slot: str = "", **more: Any
    ) -> PolicyVersion:
        """Write a policy of exactly these requirements for the model's tier, past every check but the database's."""
        with recorded_action(actor=self.cast.policy, **WHY):
            place, _ = Policy.objects.get_or_create(
                environment=self.production, risk_tier=self.model.risk_tier, namespace=namespace, slot=slot
            )
            version = PolicyVersion.objects.create(policy=place, **more)
            for position, one in enumerate(requirements, start=1):
                Requirement.objects.create(
                    policy_version=version, position=position, **{"params": {}, "binds": [], **one}
                )
        return version

    def policy(self, *requirements: dict[str, Any], **more: Any) -> PolicyVersion:
        """Publish a policy of exactly these requirements for the model's tier, everywhere unless said otherwise.

        Everywhere, because a namespace's own policy may only tighten. People to spare are there while it is published.
        """
        version = self.draft(*requirements, **more)
        publish(self.cast, version)
        return version

    def ask(self, release: Release | None = None, **more: Any) -> dict[str, RequirementStatus]:
        """The gate's rows by key."""
        return {row.key: row for row in ask(release or self.release(), **more).requirements}

    def plan(self, kind: PlanKind = PlanKind.PERFORMANCE, *, subject: Any = None, title: str = "", **more: Any) -> Plan:
        """A locked plan: accuracy at least 0.9, unless said otherwise."""
        given = {"criteria": [{"metric": "accuracy", "comparator": "ge", "threshold": "0.9"}], **more}
        return lock_plan(
            actor=self.cast.validator, subject=subject or self.model, kind=kind,
            title=title or f"Plan {next(_counter)}", **given, **WHY,
        )[0]  # fmt: skip

    def evidence(
        self, plan: Plan, value: str | None = "0.95", *, by: Principal | None = None, subject: Any = None, **more: Any
    ) -> Evidence:
        """Evidence under a plan, of the model version unless said otherwise."""
        subject = subject or self.version
        values = [{"metric": "accuracy", "value": value}] if value is not None else []
        measured = Measured(**{"run_started_at": timezone.now(), "values": values, **more})
        digest = f"{subject.digest_algorithm}:{subject.digest_value}"
        return report_evidence(
            actor=by or self.cast.tester, plan=plan, subject=subject, subject_digest=digest, measured=measured, **WHY
        )[0]

    def vote(
        self, key: str, person: Principal, *, vote: Vote = Vote.APPROVE, release: Release | None = None, **more: Any
    ) -> SignOff:
        """A person reads the statement and signs it."""
        release = release or self.release()
        shown = statement(person=person, release=release, requirement=find_requirement(release, key), vote=vote)
        return sign(
            actor=person, release=release, requirement=key, vote=vote, statement_digest=shown.digest,
            reauthenticated_at=more.pop("reauthenticated_at", timezone.now()),
            comment="Not good enough" if vote == Vote.REJECT else "", **more, **WHY,
        )  # fmt: skip

    def retrain(self, number: int) -> ModelVersion:
        """Another version of the model, from a run of its own on the same data."""
        return train(self.cast, self.model, self.versions["features"], f"retrain-{number}")


def publish(cast: Cast, version: PolicyVersion) -> PolicyPublication:
    """Publish as the second policy owner, with as many persons of each role as the database wants to see."""
    with people_to_spare(cast, version), recorded_action(actor=cast.policy2, **WHY):
        return PolicyPublication.objects.create(policy_version=version)


@contextmanager
def people_to_spare(cast: Cast, version: PolicyVersion) -> Iterator[None]:
    """For a moment enough persons hold every role a version asks for, everywhere; none where there are enough."""
    asked = [r.params for r in version.requirements.filter(kind="signoff")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(m.margin) FROM approvals_policyversion v,"
            " muniment.policy_margins(v.id, muniment.policy_namespaces(v.policy_id) || 0::bigint) m WHERE v.id = %s",
            [version.pk],
        )
        margin = cursor.fetchone()[0]
    if margin is None or margin >= 1:
        yield
        return
    with recorded_action(actor=cast.admin, **WHY):
        spare = [
            Principal.objects.create(kind="person", name=f"spare{next(_counter)}@bank.example", display_name="Spare")
            for _ in range(1 + sum(params.get("count", 1) for params in asked))
        ]
        grants = RoleGrant.objects.bulk_create(
            RoleGrant(principal=person, role=role) for person in spare for role in {params["role"] for params in asked}
        )
    mine = RoleGrant.objects.filter(pk__in=[grant.pk for grant in grants])
    with recorded_action(actor=cast.admin2, **WHY):
        mine.update(approved_by=cast.admin2, approved_at=timezone.now())
    yield
    with recorded_action(actor=cast.admin, **WHY):
        mine.update(ended_by=cast.admin, ended_at=timezone.now())


def world(cast: Cast) -> World:
    """Build it: complete provenance, terms that permit, everything reviewed. Where it is already, it is found."""
    model = Model.objects.filter(namespace=cast.retail, name="scoring").first()
    return build(cast) if model is None else found(cast, model)


def found(cast: Cast, model: Model) -> World:
    """What `build` made in this database."""
    versions = {v.dataset.name: v for v in DatasetVersion.objects.select_related("dataset")}
    outputs = RunOutput.objects.select_related("run", "dataset_version__dataset")
    runs = {o.dataset_version.dataset.name: o.run for o in outputs if o.dataset_version is not None}
    version = ModelVersion.objects.select_related("source_run", "model").get(model=model)
    runs["model"] = version.source_run  # type: ignore[assignment]  # train() always makes a run
    terms = {t.dataset.name: t for t in CollectionTerms.objects.select_related("dataset")}
    return World(cast, model, version, {n: v.dataset for n, v in versions.items()}, versions, terms, runs)


def build(cast: Cast, mark: str = "") -> World:
    """Build it, in a database without. `mark` stands before each name."""
    datasets: dict[str, Dataset] = {}
    versions: dict[str, DatasetVersion] = {}
    terms: dict[str, CollectionTerms] = {}
    runs: dict[str, Run] = {}
    for name in ("source", "raw", "features"):
        datasets[name], versions[name] = dataset(cast, mark + name)
        terms[name] = give_terms(cast, datasets[name])
        flag(cast, versions[name])
    for above, below in (("source", "raw"), ("raw", "features")):
        runs[below] = derive(cast, versions[above], versions[below])
    with recorded_action(actor=cast.pipeline, **WHY):
        model = Model.objects.create(
            namespace=cast.retail, name=f"{mark}scoring", intended_purpose=PURPOSE, risk_tier="high",
            deployment_geography=["DE"],
        )  # fmt: skip
    version = train(cast, model, versions["features"], "train-1")
    runs["model"] = version.source_run  # type: ignore[assignment]  # train() always makes a run
    return World(cast, model, version, datasets, versions, terms, runs)


def dataset(cast: Cast, name: str, **more: Any) -> tuple[Dataset, DatasetVersion]:
    """A dataset with one version of complete provenance."""
    with recorded_action(actor=cast.pipeline, **WHY):
        made = Dataset.objects.create(namespace=cast.retail, name=name)
        fields: dict[str, Any] = {
            "label": "1", "digest_algorithm": "sha256", "digest_value": sha(name), "source": "Core banking",
            "origin": "Branches", "origin_geography": "DE", "date": datetime.date(2026, 1, 31),
            "generation_period_start": datetime.date(2025, 1, 1), "generation_period_end": datetime.date(2025, 12, 31),
            "generation_method": "Measured", **more,
        }  # fmt: skip
        return made, DatasetVersion.objects.create(dataset=made, **fields)


def give_terms(cast: Cast, dataset: Dataset, **more: Any) -> CollectionTerms:
    """Terms that permit the test's purpose in the EU."""
    with recorded_action(actor=cast.steward, **WHY):
        return CollectionTerms.objects.create(
            dataset=dataset,
            **{
                "licence": "CC-BY-4.0", "legal_basis": "eu-gdpr:A6-1-f", "permitted_purposes": [PURPOSE],
                "permitted_geographies": ["EU"], "effective_from": timezone.now() - datetime.timedelta(days=30), **more,
            },
        )  # fmt: skip


def flag(cast: Cast, version: DatasetVersion, *, by: Principal | None = None, **more: Any) -> SensitivityFlag:
    """A steward's answer: no personal data, unless said otherwise."""
    with recorded_action(actor=by or cast.steward, **WHY):
        fields = {"category": "dpv:PersonalData", "present": "no", "assessment": "reviewed", **more}
        return SensitivityFlag.objects.create(dataset_version=version, **fields)


def derive(cast: Cast, above: DatasetVersion, below: DatasetVersion) -> Run:
    """A run that made one dataset version out of another."""
    with recorded_action(actor=cast.pipeline, **WHY):
        run = Run.objects.create(namespace=cast.retail, job_name="derive", run_key=f"derive-{above.pk}-{below.pk}")
        RunInput.objects.create(run=run, dataset_version=above, role="source")
        RunOutput.objects.create(run=run, dataset_version=below, role="output")
        return run


def train(cast: Cast, model: Model, data: DatasetVersion | None, key: str, **more: Any) -> ModelVersion:
    """A model version out of a training run of its own."""
    with recorded_action(actor=cast.pipeline, **WHY):
        run = Run.objects.create(namespace=cast.retail, job_name="train", run_key=f"{key}-{next(_counter)}")
        if data is not None:
            RunInput.objects.create(run=run, dataset_version=data, role="training")
        fields = {"digest_algorithm": "sha256", "digest_value": sha(key), "features_used": ["income"], **more}
        return ModelVersion.objects.create(model=model, source_run=run, **fields)


def database(query: str, *arguments: Any) -> Any:
    """The first value of a query on Django's connection."""
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return cursor.fetchone()[0]


def refused(act: Callable[[], Any], kind: type[errors.Refused], code: str) -> None:
    """Check that an act is refused with a guard's code."""
    with pytest.raises(kind) as refusal:
        act()
    assert refusal.value.params.get("code") == code, f"{refusal.value.params} {refusal.value}"
