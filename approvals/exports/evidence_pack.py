"""The evidence pack of a release: every entry it rests on, with proofs, in one file that anyone can verify offline.

Which records belong to a release stands here; how a pack is made and checked, in `governance.ledger.pack` and
`governance.ledger.verifier`.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from approvals.gate.gate import ask
from approvals.gate.reading import as_read_by as requirements_as_read_by
from approvals.models import (
    ChangePlan,
    ChangePlanRevocation,
    ChangePlanUse,
    Evidence,
    EvidenceSource,
    EvidenceValue,
    GateDecision,
    Plan,
    PlanCriterion,
    Promotion,
    PromotionEnd,
    RefusedAttempt,
    Release,
    ReleaseClosure,
    ServingNotice,
    ServingNoticeEnd,
    SignOff,
    SignOffWithdrawal,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialDeviation,
    TrialDeviationAcceptance,
    TrialGuardrail,
    TrialLook,
)
from governance.accounts.models import Principal
from governance.api.views import readable
from governance.history.masking import as_read_by
from governance.history.models import GovernedModel, history_model
from governance.ledger.pack import Packed, write_pack
from lineage.models import (
    CollectionTerms,
    ColumnLineage,
    DatasetVersion,
    LinkCorrection,
    MlflowRegistration,
    Model,
    ModelVersion,
    ModelVersionArchival,
    ModelVersionCompletion,
    ModelVersionDescription,
    ModelVersionTag,
    PersonalDataFind,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
    TermsWithdrawal,
    VocabularyTerm,
)

Ids = list[int]


def write_evidence_pack(release: Release, file: Path, *, reader: Principal | None = None) -> Packed:
    """Write a release's pack.

    Records of namespaces that the reader does not read, and those that name them, are in it by their hash alone: that
    they are in the log is proved, and not what they say.

    Args:
        release: any release, decided or not. file: where to; replaced only when the pack is whole.
        reader: for whom; None: for the operator, whole.

    Raises:
        governance.ledger.pack.NotSealed: some entries are too young; seal, then ask again.
        OSError: the file cannot be written.
    """
    states = [_states(model, ids) for model, ids in records_of(release)]
    entries = sorted({entry for of in states for entry in of.values_list("ledger_entry_id", flat=True)})
    withheld = frozenset[int]() if reader is None else frozenset(_not_for(reader, states))
    half_made = file.with_name(file.name + ".part")
    try:
        packed = write_pack(
            half_made, entries, about=_about(release), attachments={"summary.json": _summary(release, reader)},
            withheld=withheld,
        )  # fmt: skip
        half_made.replace(file)
    finally:
        half_made.unlink(missing_ok=True)
    return packed


def records_of(release: Release) -> Iterator[tuple[type[GovernedModel], Ids]]:
    """The governed records a release rests on: what was judged, what it was made from, what was said, what followed."""
    version = release.model_version
    closure = _closure(version)
    corrections = _corrections(version)
    # A run whose link was voided lies above no more; what the correction is about is shown with it.
    corrected = LinkCorrection.objects.filter(pk__in=corrections).values_list("run_id", flat=True)
    closure["run"] = sorted({*closure["run"], *corrected})
    datasets = list(
        DatasetVersion.objects.filter(pk__in=closure["dataset_version"]).values_list("dataset_id", flat=True)
    )
    terms = _ids(CollectionTerms.objects.filter(dataset_id__in=datasets))
    plans = _ids(Plan.objects.filter(model=version.model))
    evidence = _ids(Evidence.objects.filter(model_version=version)) + _ids(
        Evidence.objects.filter(dataset_version_id__in=closure["dataset_version"])
    )
    votes = _ids(SignOff.objects.filter(release=release))
    promotions = _ids(Promotion.objects.filter(release=release))
    yield Release, [release.pk]
    yield ReleaseClosure, _ids(ReleaseClosure.objects.filter(release=release))
    yield Model, [version.model_id]
    yield ModelVersion, [version.pk, *closure["model_version"]]
    # Whoever described the version had a hand in it.
    told = (ModelVersionTag, ModelVersionDescription, ModelVersionArchival, ModelVersionCompletion, MlflowRegistration)
    for said in told:
        yield said, _ids(said._default_manager.filter(model_version=version))
    yield VocabularyTerm, _house_terms(release, terms, closure["dataset_version"])
    yield Run, closure["run"]
    yield RunInput, _ids(RunInput.objects.filter(run_id__in=closure["run"]))
    yield RunOutput, _ids(RunOutput.objects.filter(run_id__in=closure["run"]))
    yield ColumnLineage, _ids(ColumnLineage.objects.filter(target_id__in=closure["dataset_version"]))
    yield LinkCorrection, corrections
    yield DatasetVersion, closure["dataset_version"]
    yield CollectionTerms, terms
    yield TermsWithdrawal, _ids(TermsWithdrawal.objects.filter(terms_id__in=terms))
    yield SensitivityFlag, _ids(SensitivityFlag.objects.filter(dataset_version_id__in=closure["dataset_version"]))
    yield PersonalDataFind, _ids(PersonalDataFind.objects.filter(dataset_version_id__in=closure["dataset_version"]))
    changes = _change_plans(release)
    yield ChangePlan, changes
    yield ChangePlanUse, _ids(ChangePlanUse.objects.filter(change_plan_id__in=changes))
    yield ChangePlanRevocation, _ids(ChangePlanRevocation.objects.filter(change_plan_id__in=changes))
    yield Plan, plans
    yield PlanCriterion, _ids(PlanCriterion.objects.filter(plan_id__in=plans))
    yield Evidence, evidence
    yield EvidenceValue, _ids(EvidenceValue.objects.filter(evidence_id__in=evidence))
    yield EvidenceSource, _ids(EvidenceSource.objects.filter(evidence_id__in=evidence))
    yield from _trials(evidence)
    yield SignOff, votes
    yield SignOffWithdrawal, _ids(SignOffWithdrawal.objects.filter(sign_off_id__in=votes))
    yield RefusedAttempt, _ids(RefusedAttempt.objects.filter(release=release))
    yield Promotion, promotions
    yield GateDecision, _ids(GateDecision.objects.filter(promotion_id__in=promotions))
    yield PromotionEnd, _ids(PromotionEnd.objects.filter(promotion_id__in=promotions))
    notices = _ids(ServingNotice.objects.filter(promotion_id__in=promotions))
    yield ServingNotice, notices
    yield ServingNoticeEnd, _ids(ServingNoticeEnd.objects.filter(notice_id__in=notices))


def _change_plans(release: Release) -> Ids:
    """The retraining envelope that the release brought, and the one it went live on."""
    used = ChangePlanUse.objects.filter(promotion__release=release).values_list("change_plan_id", flat=True)
    return sorted({*used, *([release.change_plan_id] if release.change_plan_id else [])})


def _trials(evidence: Ids) -> Iterator[tuple[type[GovernedModel], Ids]]:
    """Of evidence that trials concluded with: what was planned, counted, looked at and went otherwise."""
    trials = _ids(Trial.objects.filter(plan__evidence__in=evidence))
    yield Trial, trials
    for kept in (TrialGuardrail, TrialCount, TrialLook, TrialDeviation, TrialConclusion):
        yield kept, _ids(kept._default_manager.filter(trial_id__in=trials))
    yield TrialDeviationAcceptance, _ids(TrialDeviationAcceptance.objects.filter(deviation__trial_id__in=trials))


def _house_terms(release: Release, terms: Ids, dataset_versions: Ids) -> Ids:
    """The terms of the house's own that any of it is written in, and what of the house's own lies above them."""
    named = {release.purpose, release.model_version.model.intended_purpose}
    for row in CollectionTerms.objects.filter(pk__in=terms):
        named.update((row.original_purpose, *row.permitted_purposes, *row.forbidden_purposes))
    for category, subjects in SensitivityFlag.objects.filter(dataset_version_id__in=dataset_versions).values_list(
        "category", "data_subjects"
    ):
        named.update((category, *subjects))
    found: set[int] = set()
    while named:
        rows = VocabularyTerm.objects.filter(term__in=named).exclude(pk__in=found)
        named = {above for row in rows for above in row.broader}
        found.update(row.pk for row in rows)
    return sorted(found)


def _ids(rows: Any) -> Ids:
    return list(rows.values_list("pk", flat=True))


def _corrections(version: ModelVersion) -> Ids:
    """Of links above it, also of those that lie there no more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT k FROM muniment.corrections_above(%s) k ORDER BY k", [version.pk])
        return [row[0] for row in cursor.fetchall()]


def _closure(version: ModelVersion) -> dict[str, Ids]:
    found: dict[str, Ids] = {"dataset_version": [], "model_version": [], "run": []}
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, id FROM muniment.closure_of_model_version(%s)", [version.pk])
        for kind, number in cursor.fetchall():
            found.setdefault(kind, []).append(number)
    return found


def _states(model: type[GovernedModel], ids: Ids) -> QuerySet[Any]:
    """Every recorded state of the given rows."""
    found: QuerySet[Any] = history_model(model)._default_manager.filter(id__in=ids)
    return found


def _not_for(reader: Principal, states: Iterable[QuerySet[Any]]) -> Iterator[int]:
    """The ledger entries of states that a reader may not read whole: of other namespaces, or naming what lies there."""
    for rows in states:
        model = rows.model.instance_type
        if model.namespace_path:
            theirs = readable(model, reader).filter(pk__in=rows.values("id")).values("pk")
            yield from rows.exclude(id__in=theirs).values_list("ledger_entry_id", flat=True)
        for name, function in model.masked.items():
            kept = list(rows.values_list("ledger_entry_id", name))
            read = as_read_by(reader, function, [value for _entry, value in kept])
            yield from (entry for (entry, value), shown in zip(kept, read, strict=True) if shown != value)


def _about(release: Release) -> dict[str, Any]:
    version = release.model_version
    return {
        "release": release.pk,
        "namespace": version.model.namespace.name,
        "model": version.model.name,
        "version": version.number,
        "digest": f"{version.digest_algorithm}:{version.digest_value}",
        "environment": release.environment.name,
        "slot": release.slot,
    }


def _summary(release: Release, reader: Principal | None) -> bytes:
    """The gate's answer today and the votes, for reading; what proves them are the entries."""
    answered = ask(release).requirements
    requirements = answered if reader is None else requirements_as_read_by(answered, reader)
    votes = [
        {
            "requirement": vote.requirement.key,
            "vote": vote.vote,
            "printed_name": vote.printed_name,
            "signed_at": vote.signed_at.isoformat(),
            "meaning": vote.meaning,
            "statement": vote.statement,
            "statement_digest": vote.statement_digest,
        }
        for vote in SignOff.objects.filter(release=release).select_related("requirement").order_by("id")
    ]
    body = {**_about(release), "gate": [one.as_dict() for one in requirements], "sign_offs": votes}
    return json.dumps(body, indent=1, ensure_ascii=False, default=str).encode()
