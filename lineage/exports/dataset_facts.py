"""What documents say of a dataset version, read so that it can be read as of a moment too."""

from datetime import datetime

from lineage.models import CollectionTerms, DatasetVersion, Presence, SensitivityFlag, Treatment


def terms_at(dataset: int, at: datetime) -> CollectionTerms | None:
    """Those in force at a moment, as `muniment.terms_standing` has it: superseded terms do not come back.

    Args:
        dataset: its id.
    """
    begun = CollectionTerms.objects.filter(dataset=dataset, effective_from__lte=at)
    newest = begun.select_related("withdrawal").order_by("-number").first()
    if newest is None or (newest.effective_to is not None and newest.effective_to <= at):
        return None
    withdrawal = getattr(newest, "withdrawal", None)
    return None if withdrawal is not None and withdrawal.recorded_at <= at else newest


def flags(version: DatasetVersion) -> list[SensitivityFlag]:
    """The newest answer per column and category."""
    rows = SensitivityFlag.objects.filter(dataset_version=version).order_by("column", "category", "-pk")
    return list(rows.distinct("column", "category"))


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
