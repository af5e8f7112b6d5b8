"""What documents say of a dataset version, read so that it can be read as of a moment too."""

from collections.abc import Collection
from datetime import datetime

from lineage.models import CollectionTerms, DatasetVersion, Presence, SensitivityFlag, Treatment


def terms_at(dataset: int, at: datetime) -> CollectionTerms | None:
    """Those of one dataset, as `terms_of` tells those of several."""
    return terms_of([dataset], at).get(dataset)


def terms_of(datasets: Collection[int], at: datetime) -> dict[int, CollectionTerms]:
    """Those in force at a moment, as `muniment.terms_standing` has it: superseded terms do not come back. One query.

    Args:
        datasets: their ids; one without terms in force has no entry.
    """
    begun = CollectionTerms.objects.filter(dataset__in=datasets, effective_from__lte=at)
    newest = begun.select_related("withdrawal").order_by("dataset", "-number").distinct("dataset")
    return {one.dataset_id: one for one in newest if _stand(one, at)}


def _stand(newest: CollectionTerms, at: datetime) -> bool:
    if newest.effective_to is not None and newest.effective_to <= at:
        return False
    withdrawal = getattr(newest, "withdrawal", None)
    return withdrawal is None or withdrawal.recorded_at > at


def flags(version: DatasetVersion) -> list[SensitivityFlag]:
    """The newest answer per column and category of one version, as `flags_of` tells those of several."""
    return flags_of([version.pk])[version.pk]


def flags_of(versions: Collection[int]) -> dict[int, list[SensitivityFlag]]:
    """The newest answer per column and category, in their order, by version; each has an entry. One query."""
    rows = SensitivityFlag.objects.filter(dataset_version__in=versions)
    newest = rows.order_by("dataset_version", "column", "category", "-pk")
    found: dict[int, list[SensitivityFlag]] = {one: [] for one in versions}
    for flag in newest.distinct("dataset_version", "column", "category"):
        found[flag.dataset_version_id].append(flag)
    return found


def sensitive(flag: SensitivityFlag) -> str:
    """One answer in a line: `pd:Income in income: yes; special category; pseudonymised; reviewed`."""
    where = f" in {flag.column}" if flag.column else ""
    parts = [f"{flag.category}{where}: {flag.present}"]
    if flag.present != Presence.NO:
        parts += ["special category"] if flag.special_category else []
        parts += [*flag.regulation_sets, flag.collected_as]
        parts += [f"about {', '.join(flag.data_subjects)}"] if flag.data_subjects else []
        parts += [flag.treatment] if flag.treatment != Treatment.NONE else []
        parts += ["excluded from training"] if flag.excluded_from_training else []
    return "; ".join([*parts, flag.assessment])
