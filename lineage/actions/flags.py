"""Sensitivity flags: raised by anyone who registers, made milder by a data steward alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.registering import Registered, lock_roots, may_register
from lineage.models import (
    Assessment,
    CollectedAs,
    DatasetVersion,
    Presence,
    RegulationSet,
    SensitivityFlag,
    Treatment,
)
from lineage.vocabularies import special, token, tokens


@action
def raise_flag(
    *,
    actor: Principal,
    reason: str,
    dataset_version: DatasetVersion,
    category: str,
    present: str,
    column: str = "",
    regulation_sets: Iterable[str] = (),
    special_category: bool = False,
    collected_as: str = CollectedAs.COLLECTED,
    data_subjects: Iterable[str] = (),
    treatment: str = Treatment.NONE,
    treatment_tool: str = "",
    treatment_parameters: Mapping[str, Any] | None = None,
    excluded_from_training: bool = False,
    assessment: str = Assessment.DECLARED,
    propagated_from: SensitivityFlag | None = None,
) -> Registered[SensitivityFlag]:
    """Say that a dataset version (or one column of it) holds a category of data: yes, no or unknown.

    The same answer as the one in force, or as the one a steward reviewed, adds nothing and is answered with that.

    Raises:
        errors.Forbidden. errors.SeparationOfDuties: it would make the flag milder.
        errors.Invalid: no such column or term.
    """
    may_register(actor, dataset_version.dataset.namespace)
    if assessment not in (Assessment.DECLARED, Assessment.DETECTED):
        raise errors.Invalid(errors={"assessment": [_("declared or detected; a steward reviews by another act.")]})
    answer = answer_of(
        dataset_version, column, category, present, regulation_sets, special_category, collected_as, data_subjects,
        treatment, treatment_tool, treatment_parameters, excluded_from_training,
    )  # fmt: skip
    lock_roots(("dataset", dataset_version.dataset_id))
    in_force = _in_force(dataset_version, answer)
    if in_force is not None and all(getattr(in_force, field) == value for field, value in answer.items()):
        return Registered(in_force, False)
    return Registered(
        SensitivityFlag.objects.create(
            dataset_version=dataset_version,
            assessment=assessment,
            supersedes=in_force,
            propagated_from=propagated_from,
            **answer,
        ),
        True,
    )


@action
def review_flag(
    *,
    actor: Principal,
    reason: str,
    dataset_version: DatasetVersion,
    category: str,
    present: str,
    column: str = "",
    regulation_sets: Iterable[str] = (),
    special_category: bool = False,
    collected_as: str = CollectedAs.COLLECTED,
    data_subjects: Iterable[str] = (),
    treatment: str = Treatment.NONE,
    treatment_tool: str = "",
    treatment_parameters: Mapping[str, Any] | None = None,
    excluded_from_training: bool = False,
    propagated_from: SensitivityFlag | None = None,
) -> Registered[SensitivityFlag]:
    """Answer as data steward: whatever stood there, this is in force from now on.

    Raises:
        errors.Forbidden: the actor is no data steward there. errors.Invalid: no such column or term.
    """
    require(actor, Role.DATA_STEWARD, namespace=dataset_version.dataset.namespace)
    answer = answer_of(
        dataset_version, column, category, present, regulation_sets, special_category, collected_as, data_subjects,
        treatment, treatment_tool, treatment_parameters, excluded_from_training,
    )  # fmt: skip
    lock_roots(("dataset", dataset_version.dataset_id))
    in_force = _in_force(dataset_version, answer)
    if (
        in_force is not None
        and in_force.assessment == Assessment.REVIEWED
        and all(getattr(in_force, field) == value for field, value in answer.items())
    ):
        return Registered(in_force, False)
    return Registered(
        SensitivityFlag.objects.create(
            dataset_version=dataset_version,
            assessment=Assessment.REVIEWED,
            supersedes=in_force,
            propagated_from=propagated_from,
            **answer,
        ),
        True,
    )


def answer_of(
    dataset_version: DatasetVersion,
    column: str,
    category: str,
    present: str,
    regulation_sets: Iterable[str],
    special_category: bool,
    collected_as: str,
    data_subjects: Iterable[str],
    treatment: str,
    treatment_tool: str,
    treatment_parameters: Mapping[str, Any] | None,
    excluded_from_training: bool,
) -> dict[str, Any]:
    """The columns of an answer, checked and in one form."""
    named = [one.get("name") for one in dataset_version.schema]
    if column and named and column not in named:
        raise errors.Invalid(errors={"column": [_("The version's schema has no such column.")]})
    for field, value, known in (
        ("present", present, Presence.values),
        ("collected_as", collected_as, CollectedAs.values),
        ("treatment", treatment, Treatment.values),
    ):
        if value not in known:
            raise errors.Invalid(errors={field: [_("One of %(known)s.") % {"known": ", ".join(known)}]})
    sets = sorted(set(regulation_sets))
    if unknown := [one for one in sets if one not in RegulationSet.values]:
        raise errors.Invalid(errors={"regulation_sets": [_("Unknown: %(sets)s.") % {"sets": ", ".join(unknown)}]})
    term = token(category, field="category", scheme="personal-data")
    return {
        "column": column,
        "category": term,
        "present": str(present),
        "regulation_sets": sets,
        "special_category": special_category or special(term),
        "collected_as": str(collected_as),
        "data_subjects": tokens(data_subjects, field="data_subjects", scheme="data-subject"),
        "treatment": str(treatment),
        "treatment_tool": treatment_tool,
        "treatment_parameters": dict(treatment_parameters or {}),
        "excluded_from_training": excluded_from_training,
    }


def _in_force(dataset_version: DatasetVersion, answer: Mapping[str, Any]) -> SensitivityFlag | None:
    return (
        SensitivityFlag.objects.filter(
            dataset_version=dataset_version, column=answer["column"], category=answer["category"]
        )
        .order_by("-id")
        .first()
    )
