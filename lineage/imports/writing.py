"""Making what a plan found new, in bulk. Runs inside an action; the database's triggers record each row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.accounts.models import Namespace
from lineage.imports.plan import Plan, PlannedVersion
from lineage.models import Model, ModelVersion
from lineage.risk import tier_of

_BATCH = 1_000


@dataclass(slots=True)
class Written:
    """What was made, and which version each row is about."""

    models: int = 0
    versions: int = 0
    version_of_row: dict[int, ModelVersion] = field(default_factory=dict)


def write(plan: Plan, *, namespace: Namespace) -> Written:
    """Make the models and versions of the good rows.

    Raises:
        what the database refuses, such as a name that somebody took meanwhile: then nothing of it stands.
    """
    written = Written()
    new = {name: one for name, one in plan.models.items() if one.record is None}
    made = Model.objects.bulk_create([_model(namespace, one.said) for one in new.values()], batch_size=_BATCH)
    written.models = len(made)
    for planned, model in zip(new.values(), made, strict=True):
        planned.record = model
    new_versions: list[PlannedVersion] = []
    for planned in plan.models.values():
        assert planned.record is not None
        for version in planned.versions.values():
            if version.record is None:
                new_versions.append(version)
                version.record = _version(planned.record, version.said)
            written.version_of_row.update(dict.fromkeys(version.rows, version.record))
    ModelVersion.objects.bulk_create([one.record for one in new_versions if one.record], batch_size=_BATCH)
    written.versions = len(new_versions)
    return written


def _model(namespace: Namespace, said: Mapping[str, Any]) -> Model:
    answers = said.get("risk_answers", {})
    return Model(namespace=namespace, **{**said, "risk_answers": answers, "risk_tier": str(tier_of(answers))})


def _version(model: Model, said: Mapping[str, Any]) -> ModelVersion:
    digest = said.get("version_digest")
    return ModelVersion(
        model=model,
        digest_algorithm=digest.algorithm if digest else "",
        digest_value=digest.value if digest else "",
        artifact_uri=said.get("version_artifact_uri", ""),
        supplier=said.get("version_supplier", ""),
        code_commit=said.get("version_code_commit", ""),
    )
