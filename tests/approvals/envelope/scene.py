"""A base version that is live with a retraining envelope, and retrains of it: inside every edge unless said otherwise."""

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from approvals.actions.change_plans import Envelope, propose_change_plan
from approvals.actions.promotions import ask_for_promotion
from approvals.gate.envelope import Judged, envelope_of
from approvals.models import ChangePlan, Plan, PlanKind, PolicyVersion, Promotion, Release
from governance.unit_of_work import recorded_action
from lineage.models import Dataset, DatasetVersion, ModelVersion
from tests.approvals.world import WHY, World, dataset, flag, give_terms, sha, signature, train

_numbers = itertools.count(1)
SCHEMA = [{"name": "income", "type": "double"}, {"name": "age", "type": "bigint"}]
COMMIT = "c0ffee"
PARAMETERS = {"C": 1.0, "seed": "7", "solver": "lbfgs"}
VARYING = {"C": {"min": "0.1", "max": "10"}, "solver": {"one_of": ["lbfgs", "saga"]}}
RISK = signature("risk", "risk_manager")
STEWARD = signature("steward", "data_steward")
VETO = signature("compliance", "compliance_officer", veto=True)
ASKED = ({"key": "artifact", "kind": "artifact"}, RISK, STEWARD, VETO)
SIGNERS = {"risk": "risk", "steward": "steward", "compliance": "compliance"}


@dataclass
class Scene:
    """The base version, its data, and the plans its bands are on."""

    w: World
    data: Dataset
    first: DatasetVersion
    base: ModelVersion
    performance: Plan
    drift: Plan
    policy: PolicyVersion

    def envelope(self, **more: Any) -> ChangePlan:
        """Accuracy at least 0.9 and not two points worse, drift at most 0.2, on the steward's signature alone."""
        proposed = propose_change_plan(
            actor=self.w.cast.owner, model_version=more.pop("base", self.base), environment=self.w.production,
            envelope=self.proposal(**more), **WHY,
        )  # fmt: skip
        return proposed[0]

    def proposal(self, **more: Any) -> Envelope:
        """The same, not yet proposed."""
        bands: Sequence[dict[str, Any]] = [
            {"plan": self.performance.pk, "metric": "accuracy", "low": "0.9", "change_low": "-0.02"},
            {"plan": self.drift.pk, "metric": "psi", "high": "0.2"},
        ]
        given = {
            "title": "Monthly", "bands": bands, "parameters": VARYING, "new_data": True, "keeps": ["steward"],
            "uses": 2, "ends_at": timezone.now() + datetime.timedelta(days=90),
        }  # fmt: skip
        return Envelope(**{**given, **more})

    def approve(self, plan: ChangePlan | None = None, **more: Any) -> Promotion:
        """Everyone signs the base version's release with its envelope, and it goes live."""
        plan = plan or self.envelope(**more)
        release = self.w.release(plan.model_version, change_plan=plan)
        self.sign(release, *SIGNERS)
        return self.go(release)

    def sign(self, release: Release, *keys: str) -> None:
        """Sign what is named."""
        for key in keys:
            self.w.vote(key, getattr(self.w.cast, SIGNERS[key]), release=release)

    def go(self, release: Release) -> Promotion:
        """Promote."""
        return ask_for_promotion(actor=self.w.cast.pipeline, release=release, **WHY)

    def newer(self, **more: Any) -> DatasetVersion:
        """Another version of the data, reviewed like the first, with its drift measured by the laboratory."""
        psi = more.pop("psi", "0.08")
        label = f"v{next(_numbers)}"
        with recorded_action(actor=self.w.cast.pipeline, **WHY):
            fields: dict[str, Any] = {
                "label": label, "digest_algorithm": "sha256", "digest_value": sha(label), "schema": SCHEMA,
                "source": "Core banking", "origin": "Branches", "origin_geography": "DE",
            }  # fmt: skip
            made = DatasetVersion.objects.create(dataset=more.pop("dataset", self.data), **{**fields, **more})
        flag(self.w.cast, made)
        if psi is not None:
            self.measure(made, psi)
        return made

    def measure(self, subject: Any, value: str, **more: Any) -> None:
        """Evidence by the laboratory: accuracy of a model version, psi of a dataset version."""
        plan = self.drift if isinstance(subject, DatasetVersion) else self.performance
        metric = "psi" if isinstance(subject, DatasetVersion) else "accuracy"
        self.w.evidence(plan, None, subject=subject, values=[{"metric": metric, "value": value}], **more)

    def retrain(
        self, *, accuracy: str | None = "0.94", data: DatasetVersion | None = None, **more: Any
    ) -> ModelVersion:
        """A version inside every edge."""
        fields = {"parameters": {**PARAMETERS, "C": 2.5}, "code_commit": COMMIT, **more}
        made = train(self.w.cast, self.w.model, data or self.newer(), f"retrain-{next(_numbers)}", **fields)
        if accuracy is not None:
            self.measure(made, accuracy)
        return made

    def judged(self, version: ModelVersion) -> Judged:
        """How the envelope judges the open release of a version."""
        found = envelope_of(self.w.release(version))
        assert found is not None
        return found

    def crossed(self, version: ModelVersion) -> list[tuple[str, str]]:
        """The edges that it crosses, and how."""
        crossed = self.judged(version).crossed
        assert "comparison" not in {one.key for one in crossed}, crossed
        return [(one.key, one.reason) for one in crossed]


def scene(w: World) -> Scene:
    """The base version, measured, and not yet released."""
    policy = w.policy(*ASKED)
    data, first = dataset(w.cast, "loans", schema=SCHEMA)
    give_terms(w.cast, data)
    flag(w.cast, first)
    performance = w.plan()
    psi = [{"metric": "psi", "comparator": "le", "threshold": "0.25"}]
    drift = w.plan(PlanKind.DRIFT, subject=data, criteria=psi)
    base = train(w.cast, w.model, first, "base", parameters=PARAMETERS, code_commit=COMMIT)
    made = Scene(w, data, first, base, performance, drift, policy)
    made.measure(base, "0.95")
    return made
