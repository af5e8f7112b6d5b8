"""Records to judge: a model trained on five datasets with fifty above them, evidence, and everyone's signatures.

Made as the product makes them: facts inside recorded actions under the app's login, judgements by the actions.
"""

import datetime
import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.plans import lock_plan
from approvals.actions.releases import open_release
from approvals.actions.sign_offs import sign
from approvals.actions.statements import find_requirement, statement
from approvals.models import Environment, Plan, PlanKind, Release, Vote
from bench.people import SIGNERS, WHY, namespace, person
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

TRAINING = 5
ABOVE = (2, 4, 4)  # datasets above each training set, by generation: fifty in all
PURPOSE = "dpv:CreditChecking"
CATEGORIES = ("dpv:PersonalData", "pd:Health", "pd:EthnicOrigin")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Judged:
    """A model with the plans that its versions are measured under."""

    model: Model
    plans: dict[PlanKind, Plan]


def training_sets() -> list[DatasetVersion]:
    """Five dataset versions, each with ten above it: complete provenance, terms that permit, flags reviewed."""
    return [_made_from(len(ABOVE)) for _ in range(TRAINING)]


def _made_from(generations: int) -> DatasetVersion:
    """A dataset version and those above it: each generation is what the one below was made from."""
    made = below = [_dataset()]
    for count in ABOVE[:generations]:
        above = [_dataset() for _ in range(count)]
        for number, one in enumerate(below):
            _derive([a for i, a in enumerate(above) if i % len(below) == number], one)
        below = above
    return made[0]


def _dataset() -> DatasetVersion:
    number = next(_numbers)
    with recorded_action(actor=person("pipeline"), **WHY):
        dataset = Dataset.objects.create(namespace=namespace(), name=f"dataset-{number}")
        version = DatasetVersion.objects.create(
            dataset=dataset, label="1", digest_algorithm="sha256", digest_value=_sha(f"dataset {number}"),
            source="Core banking", origin="Branches", origin_geography="DE", date=datetime.date(2026, 1, 31),
            generation_period_start=datetime.date(2025, 1, 1), generation_period_end=datetime.date(2025, 12, 31),
            generation_method="Measured", schema=[{"name": "income", "type": "float"}, {"name": "age", "type": "int"}],
        )  # fmt: skip
    with recorded_action(actor=person("steward"), **WHY):
        CollectionTerms.objects.create(
            dataset=dataset, licence="CC-BY-4.0", legal_basis="eu-gdpr:A6-1-f", permitted_purposes=[PURPOSE],
            permitted_geographies=["EU"], effective_from=timezone.now() - datetime.timedelta(days=30),
        )  # fmt: skip
        for category in CATEGORIES:
            SensitivityFlag.objects.create(
                dataset_version=version, category=category, present="no", assessment="reviewed"
            )
    return version


def _derive(above: list[DatasetVersion], below: DatasetVersion) -> None:
    with recorded_action(actor=person("pipeline"), **WHY):
        run = Run.objects.create(namespace=namespace(), job_name="derive", run_key=f"derive-{next(_numbers)}")
        for one in above:
            RunInput.objects.create(run=run, dataset_version=one, role="source")
        RunOutput.objects.create(run=run, dataset_version=below, role="output")


def judged_model() -> Judged:
    """A model of high risk, its plans locked before anything is measured."""
    with recorded_action(actor=person("pipeline"), **WHY):
        model = Model.objects.create(
            namespace=namespace(), name=f"scoring-{next(_numbers)}", intended_purpose=PURPOSE, risk_tier="high",
            deployment_geography=["DE"],
        )  # fmt: skip
    plans = {}
    for kind in (PlanKind.PERFORMANCE, PlanKind.FAIRNESS):
        plans[kind], _ = lock_plan(
            actor=person("pipeline"), subject=model, kind=kind, title=f"{kind.label} of {model.name}",
            criteria=[{"metric": "accuracy", "comparator": "ge", "threshold": "0.9"}], **WHY,
        )  # fmt: skip
    return Judged(model, plans)


def whole_release(judged: Judged, data: list[DatasetVersion], *, accuracy: str = "0.95") -> Release:
    """A release with all its evidence and all six signatures; open unless its accuracy fails the plan."""
    version = _train(judged.model, data)
    for kind, by in ((PlanKind.PERFORMANCE, "tester"), (PlanKind.FAIRNESS, "pipeline")):
        measured = Measured(run_started_at=timezone.now(), values=[{"metric": "accuracy", "value": accuracy}])
        report_evidence(
            actor=person(by), plan=judged.plans[kind], subject=version, subject_digest=f"sha256:{version.digest_value}",
            measured=measured, **WHY,
        )  # fmt: skip
    release, _ = open_release(
        actor=person("pipeline"), model_version=version, environment=Environment.objects.get(name="production"), **WHY
    )
    for requirement, name in SIGNERS:
        _sign(release, requirement, name)
    return release


def _train(model: Model, data: list[DatasetVersion]) -> ModelVersion:
    key = f"train-{next(_numbers)}"
    with recorded_action(actor=person("pipeline"), **WHY):
        run = Run.objects.create(namespace=namespace(), job_name="train", run_key=key)
        for one in data:
            RunInput.objects.create(run=run, dataset_version=one, role="training")
        return ModelVersion.objects.create(
            model=model, source_run=run, digest_algorithm="sha256", digest_value=_sha(key), features_used=["income"]
        )


def _sign(release: Release, requirement: str, name: str) -> None:
    signer = person(name)
    asked: Any = find_requirement(release, requirement)
    shown = statement(person=signer, release=release, requirement=asked, vote=Vote.APPROVE)
    sign(
        actor=signer, release=release, requirement=requirement, vote=Vote.APPROVE, statement_digest=shown.digest,
        reauthenticated_at=timezone.now(), **WHY,
    )  # fmt: skip


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
