"""Answering on many columns of a dataset version at once, in one act: all of it or nothing.

Who may say what stays the database's rule (lineage/sql/40_rules.sql). When it refuses, the answers are tried one by one
inside the act, which is given up afterwards: only so is each refused answer named by its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import Error, transaction
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage import queries
from lineage.actions.flags import answer_of
from lineage.actions.registering import Registered, lock_roots, may_register
from lineage.models import Assessment, DatasetVersion, SensitivityFlag

ANSWERS_LIMIT = 2_000
"""Answers of one act. A wider table is answered in several; each is whole."""
FAULTS_SHOWN = 200
"""Refused answers named at once."""


@action
def answer_flags(
    *, actor: Principal, reason: str, dataset_version: DatasetVersion, answers: Sequence[Mapping[str, Any]]
) -> list[Registered[SensitivityFlag]]:
    """Answer on many columns and categories of one dataset version, all or nothing.

    Args:
        answers: each as `raise_flag` takes it (`column`, `category`, `present`, …), with `assessment` declared,
            detected or reviewed; reviewed is a data steward's. `in_force`, if given, is the id of the answer it was
            given upon (0: none was there); another one in force by now refuses it.

    Returns:
        One per answer, in their order; `created` is False where the same answer was in force already.

    Raises:
        errors.Forbidden: nobody who registers there, or a review by no steward.
        errors.Invalid, errors.Conflict, errors.SeparationOfDuties: `errors` names each answer that cannot be, as
            `answers[3].category`, and nothing is recorded.
    """
    namespace = dataset_version.dataset.namespace
    if not answers or len(answers) > ANSWERS_LIMIT:
        raise errors.Invalid(errors={"answers": [_("Send 1 to %(limit)d answers at once.") % {"limit": ANSWERS_LIMIT}]})
    reviewed = [one.get("assessment") == Assessment.REVIEWED for one in answers]
    if any(reviewed):
        require(actor, Role.DATA_STEWARD, namespace=namespace)
    if not all(reviewed):
        may_register(actor, namespace)
    read = _read(dataset_version, answers)
    lock_roots(("dataset", dataset_version.dataset_id))
    standing = {(one.column, one.category): one for one in queries.flags_in_force(dataset_version)}
    _refuse_overtaken(answers, read, standing)
    found: list[SensitivityFlag | None] = []
    fresh: list[tuple[int, SensitivityFlag]] = []
    for index, answer in enumerate(read):
        before = standing.get((answer["column"], answer["category"]))
        if before is not None and _says_the_same(before, answer, review=reviewed[index]):
            found.append(before)
            continue
        assessment = answers[index].get("assessment", Assessment.DECLARED)
        made = SensitivityFlag(dataset_version=dataset_version, assessment=assessment, supersedes=before, **answer)
        found.append(None)
        fresh.append((index, made))
    for (index, _unsaved), flag in zip(fresh, _record(fresh), strict=True):
        found[index] = flag
    new = {index for index, _flag in fresh}
    return [Registered(flag, index in new) for index, flag in enumerate(found) if flag is not None]


def _read(dataset_version: DatasetVersion, answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each answer in the form it is kept in. Raises errors.Invalid, naming every answer that has none."""
    faults: dict[str, list[Any]] = {}
    read: list[dict[str, Any]] = []
    places: dict[tuple[str, str], int] = {}
    for index, given in enumerate(answers):
        at = f"answers[{index}]"
        if given.get("assessment", Assessment.DECLARED) not in Assessment.values:
            faults[f"{at}.assessment"] = [_("One of %(known)s.") % {"known": ", ".join(Assessment.values)}]
        try:
            answer = answer_of(
                dataset_version, given.get("column", ""), given["category"], given["present"],
                given.get("regulation_sets", ()), given.get("special_category", False),
                given.get("collected_as", "collected"), given.get("data_subjects", ()), given.get("treatment", "none"),
                given.get("treatment_tool", ""), given.get("treatment_parameters"),
                given.get("excluded_from_training", False),
            )  # fmt: skip
        except errors.Invalid as wrong:
            faults.update({f"{at}.{field}": sentences for field, sentences in wrong.errors.items()})
            continue
        first = places.setdefault((answer["column"], answer["category"]), index)
        if first != index:
            faults[f"{at}.category"] = [
                _("Answered already in answers[%(first)d]: one answer per column and category.") % {"first": first}
            ]
        read.append(answer)
    if faults:
        raise errors.Invalid(_("Some answers cannot be kept. Nothing was recorded."), errors=faults)
    return read


def _refuse_overtaken(
    answers: Sequence[Mapping[str, Any]],
    read: Sequence[Mapping[str, Any]],
    standing: Mapping[tuple[str, str], SensitivityFlag],
) -> None:
    faults = {}
    for index, (given, answer) in enumerate(zip(answers, read, strict=True)):
        before = standing.get((answer["column"], answer["category"]))
        if "in_force" in given and given["in_force"] != (before.pk if before else 0):
            faults[f"answers[{index}].present"] = [_("Somebody answered meanwhile. Read that answer and decide anew.")]
    if faults:
        raise errors.Conflict(_("Some answers were overtaken. Nothing was recorded."), errors=faults)


def _says_the_same(before: SensitivityFlag, answer: Mapping[str, Any], *, review: bool) -> bool:
    """Whether an answer adds nothing: the same as the one in force, which a steward reviewed if this is a review."""
    if review and before.assessment != Assessment.REVIEWED:
        return False
    return all(getattr(before, field) == value for field, value in answer.items())


def _record(fresh: Sequence[tuple[int, SensitivityFlag]]) -> list[SensitivityFlag]:
    """The flags, recorded. Raises what the guards refuse, each refused answer named by its place."""
    try:
        with transaction.atomic():
            return SensitivityFlag.objects.bulk_create([flag for _index, flag in fresh])
    except Error as error:
        first = errors.from_database(error)
        if first is None:
            raise
    faults: dict[str, list[Any]] = {}
    for index, flag in fresh:
        flag.pk = None
        try:
            with transaction.atomic():
                SensitivityFlag.objects.bulk_create([flag])
        except Error as error:
            refusal = errors.from_database(error)
            if refusal is None:
                raise
            faults[f"answers[{index}].present"] = [str(refusal.detail)]
            if len(faults) == FAULTS_SHOWN:
                break
    sentence = _("%(why)s Nothing was recorded.") % {"why": first.detail}
    raise type(first)(sentence, errors=faults, params=first.params) if faults else first
