"""Claims that personal data is there, beside each other and beside what data stewards have answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lineage.models import Presence, SensitivityFlag
from lineage.openlineage.said import FlagClaim


def both(one: FlagClaim, other: FlagClaim) -> FlagClaim:
    """Two claims on one category in one column: yes before unknown, all sets, special if either says so."""
    return FlagClaim(
        column=one.column,
        category=one.category,
        present="yes" if "yes" in (one.present, other.present) else "unknown",
        regulation_sets=tuple(sorted({*one.regulation_sets, *other.regulation_sets})),
        special_category=one.special_category or other.special_category,
    )


def covers(answer: SensitivityFlag, flag: FlagClaim) -> bool:
    """Whether an answer says as much as the claim."""
    return (
        (answer.present == flag.present or (answer.present == "yes" and flag.present == "unknown"))
        and set(flag.regulation_sets) <= set(answer.regulation_sets)
        and (answer.special_category or not flag.special_category)
    )


def beside(answer: SensitivityFlag, flag: FlagClaim) -> FlagClaim:
    """The claim, with what is in force added where that says more: a claim makes nothing milder."""
    if answer.present == Presence.NO:
        return flag
    return both(
        flag,
        FlagClaim(flag.column, flag.category, answer.present, tuple(answer.regulation_sets), answer.special_category),
    )


def as_answer(flag: FlagClaim, chain: Sequence[SensitivityFlag]) -> dict[str, Any]:
    """The claim as an answer to record, with what the last answer that it is there says besides."""
    before = chain[-1] if chain and chain[-1].present != Presence.NO else None
    return {
        **flag._asdict(),
        "excluded_from_training": before.excluded_from_training if before else False,
        "data_subjects": before.data_subjects if before else (),
    }
