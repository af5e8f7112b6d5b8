"""Drift of the inputs of what is live: a window's profile against that of the data its version was trained on.

| metric of the plan | value |
|---|---|
| `psi(income)`, `ks(income)`, `js(income)`, `mean_shift(income)` | of that column against the training data's |
| `nulls(income)` | share of rows without a usable value |
| `rows` | how many rows the profile is of |

Figures are those of checks of data (docs/checks.md): intervals in which that of the raw data lies, of which the worse
end is judged.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from approvals.models import Comparator, PlanCriterion, Promotion
from approvals.monitoring.truth import Metric
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import DataProfile
from lineage.quality.documents import ColumnProfile, Profile, read_profile, to_json
from lineage.quality.finds import without_values

ASKED = re.compile(r"(psi|ks|js|mean_shift|nulls)\((.+)\)")


def measure_drift(
    document: Any, criteria: Iterable[PlanCriterion], promotion: Promotion, reader: Principal
) -> tuple[list[Metric], dict[str, Any]]:
    """What a profile says of the metrics that a plan names, and what it was worked out from.

    Only held against data that `reader` may read: who profiles what they like could ask for the other side bit by bit.

    Raises:
        errors.Invalid: it is no profile, or an incomplete one; the plan names nothing that it holds, or there is
            nothing to compare with.
    """
    # What is kept of it stays for good: of a column with personal data no value, as of any profile that is recorded.
    profile = without_values(read_profile(document, "profile"))
    if not profile.complete:
        raise _wrong(_("A limit stopped it: a part of a window is none. Profile all of it."))
    baselines = _baselines(promotion, reader)
    found: dict[str, Metric] = {}
    used: dict[str, int] = {}
    for criterion in criteria:
        one = _measure(criterion, profile, baselines, used)
        if one is not None:
            found[one.name] = one
    if not found:
        raise _wrong(_("The profile holds none of the plan's metrics, or the training data has no profile."))
    asked = [to_json(column) for column in profile.columns if column.name in used]
    kept = {"profile": {"digest": profile.digest, "rows": profile.rows, "columns": asked}, "baselines": used}
    return list(found.values()), kept


def _measure(
    criterion: PlanCriterion, profile: Profile, baselines: Mapping[int, Profile], used: dict[str, int]
) -> Metric | None:
    from lineage.quality import statistics  # late: scipy comes with parts of it, and web workers do without
    from lineage.quality.checks import rounded

    if criterion.metric == "rows" and profile.rows is not None:
        return Metric("rows", rounded(float(profile.rows), up=False))
    asked = ASKED.fullmatch(criterion.metric)
    column = profile.column(asked[2]) if asked else None
    if asked is None or column is None:
        return None  # a column that is missing leaves its limit unmet
    try:
        if asked[1] == "nulls":
            said, used[column.name] = statistics.null_fraction(column), 0
        else:
            before = _before(column, baselines, used)
            if before is None:
                return None
            compare = {
                "psi": statistics.population_stability_index, "ks": statistics.kolmogorov_smirnov,
                "js": statistics.jensen_shannon, "mean_shift": statistics.mean_shift,
            }[asked[1]]  # fmt: skip
            said = compare(before, column)
    except statistics.NotAnswered:
        return None
    low, high = rounded(said.low, up=False), rounded(said.high, up=True)
    best = low if criterion.comparator in (Comparator.GE, Comparator.GT) else high
    return Metric(criterion.metric, best, low, high)


def _before(column: ColumnProfile, baselines: Mapping[int, Profile], used: dict[str, int]) -> ColumnProfile | None:
    """The same column of the training data; of several datasets that have it, the one recorded first."""
    for pk, baseline in baselines.items():
        if (found := baseline.column(column.name)) is not None:
            used[column.name] = pk
            return found
    return None


def _baselines(promotion: Promotion, reader: Principal) -> dict[int, Profile]:
    """Profiles of the data that the live version was trained on, by id: the server's own before anybody's."""
    from lineage.quality.records import best_profile, profile_of

    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(muniment.training_of(%s)) ORDER BY 1", [promotion.release.model_version_id])
        versions = [row[0] for row in cursor.fetchall()]
    readable = DataProfile.objects.filter(namespace__in=readable_namespaces(reader))
    found = (best_profile(readable.filter(dataset_version=version)) for version in versions)
    return {one.pk: profile for one in found if one is not None and (profile := profile_of(one)).complete}


def _wrong(sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={"profile": [sentence]})
