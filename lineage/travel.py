"""Where flags arrive by column lineage, and by which way. What arrives is the database's to say (sql/47_travel.sql)."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from lineage.models import ColumnLineage, DatasetVersion, SensitivityFlag, Transformation

#: A column of a dataset version; a blank name is the whole version.
Column = tuple[int, str]


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
        By version, column and category; open ones first. Four queries, whatever the number.

    Raises:
        errors.Invalid: too much lies above (`travel-too-large`).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT flag_id, dataset_version_id, col, origin, answered"
            " FROM muniment.flags_travelled(muniment.data_above(%s::bigint[]))",
            [list(versions)],
        )
        rows = cursor.fetchall()
    wanted = set(versions)
    arrived = [(flag, (version, col), done) for flag, version, col, origin, done in rows if not origin]
    arrived = [one for one in arrived if one[1][0] in wanted]
    if not arrived:
        return []
    reached: dict[int, set[Column]] = defaultdict(set)
    for flag, version, col, origin, done in rows:
        if origin or not done:
            reached[flag].add((version, col))
    flags = SensitivityFlag.objects.in_bulk({flag for flag, _at, _done in arrived})
    known = {version for _flag, version, *_rest in rows}
    links = list(
        ColumnLineage.objects.filter(source__in=known, target__in=known).values_list(
            "source", "source_column", "target", "target_column", "transformation", "masking"
        )
    )
    found: list[tuple[SensitivityFlag, list[tuple[Column, bool]], bool]] = []
    for flag_id, at, done in arrived:
        flag = flags[flag_id]
        start = (flag.dataset_version_id, flag.column)
        found.append((flag, _way(start, at, reached[flag_id], links), done))
    named = DatasetVersion.objects.select_related("dataset__namespace").in_bulk(
        {column[0] for _flag, way, _done in found for column, _masking in way}
    )
    told = [
        Arrival(flag, [Step(named[column[0]], column[1], masking) for column, masking in way], done)
        for flag, way, done in found
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
