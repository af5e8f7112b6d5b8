"""Where flags arrive by column lineage, and by which way. What arrives is the database's to say (sql/47_travel.sql)."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lineage.models import ColumnLineage, DatasetVersion, SensitivityFlag, Transformation

#: A column of a dataset version; a blank name is the whole version.
Column = tuple[int, str]


# Each flag, once for each column it reached: where, whether it stands there itself, whether it was answered for.
_REACHED = """
SELECT f.*, t.dataset_version_id AS at_version, t.col AS at_column, t.origin, t.answered
FROM muniment.flags_travelled(muniment.data_above(%s::bigint[])) t JOIN lineage_sensitivityflag f ON f.id = t.flag_id"""


@dataclass(frozen=True, slots=True)
class Step:
    """A column on the way of a flag.

    Attributes:
        version: the dataset version, with its dataset. column: blank for the whole version. masking: whether the
            producer claims that values were masked on the way to it.
    """

    version: DatasetVersion
    column: str
    masking: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A flag that reached a column of another version.

    Attributes:
        flag: the one it began with. way: from where it stands to where it arrived, both included; a shortest one.
        answered: whether a data steward has answered for it there; if not, the gate stays closed.
    """

    flag: SensitivityFlag
    way: Sequence[Step]
    answered: bool

    @property
    def at(self) -> Step:
        """Where it arrived."""
        return self.way[-1]


def arrivals(versions: Collection[int]) -> list[Arrival]:
    """The flags that reach dataset versions by column lineage, however far above they stand.

    Args:
        versions: ids of dataset versions.

    Returns:
        By version, column and category; open ones first. Three queries, whatever the number.

    Raises:
        errors.Invalid: too much lies above (`travel-too-large`).
    """
    found = list(SensitivityFlag.objects.raw(_REACHED, [list(versions)]))
    arrived = [one for one in found if not one.origin and one.at_version in set(versions)]  # type: ignore[attr-defined]  # annotated
    if not arrived:
        return []
    reached: dict[int, set[Column]] = defaultdict(set)
    for one in found:
        if one.origin or not one.answered:  # type: ignore[attr-defined]  # annotated
            reached[one.pk].add((one.at_version, one.at_column))  # type: ignore[attr-defined]  # annotated
    known = {version for columns in reached.values() for version, _column in columns} | set(versions)
    links = list(
        ColumnLineage.objects.filter(source__in=known, target__in=known).values_list(
            "source", "source_column", "target", "target_column", "transformation", "masking"
        )
    )
    ways: list[tuple[SensitivityFlag, list[tuple[Column, bool]], bool]] = []
    for one in arrived:
        at = (one.at_version, one.at_column)  # type: ignore[attr-defined]  # annotated
        start = (one.dataset_version_id, one.column)
        ways.append((one, _way(start, at, reached[one.pk], links), one.answered))  # type: ignore[attr-defined]  # annotated
    named = DatasetVersion.objects.select_related("dataset__namespace").in_bulk(
        {column[0] for _flag, way, _done in ways for column, _masking in way}
    )
    told = [
        Arrival(flag, [Step(named[column[0]], column[1], masking) for column, masking in way], done)
        for flag, way, done in ways
        if way
    ]
    return sorted(told, key=lambda a: (a.answered, a.at.version.pk, a.at.column, a.flag.category, a.flag.pk))


def _way(
    start: Column, at: Column, reached: set[Column], links: Iterable[tuple[int, str, int, str, str, bool]]
) -> list[tuple[Column, bool]]:
    """A shortest way over columns that the flag reached; masking: whether the link before it claims it."""
    onward: dict[int, list[tuple[str, Column, bool]]] = defaultdict(list)
    for source, source_column, target, target_column, transformation, masking in links:
        whole = transformation == Transformation.INDIRECT
        onward[source].append((source_column, (target, "" if whole else target_column), masking))
    before: dict[Column, tuple[Column, bool] | None] = {start: None}
    waiting = deque([start])
    while waiting and at not in before:
        here = waiting.popleft()
        for source_column, there, masking in onward[here[0]]:
            if here[1] and source_column not in (here[1], ""):
                continue
            to = there if here[1] else (there[0], "")
            if to not in before and (to in reached or to == at):
                before[to] = (here, masking)
                waiting.append(to)
    way: list[tuple[Column, bool]] = []
    step: Column | None = at if at in before else None
    while step is not None:
        last = before[step]
        way.append((step, last[1] if last else False))
        step = last[0] if last else None
    return way[::-1]
