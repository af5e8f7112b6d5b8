"""The links of a run as its page shows them: what it read, wrote and made of columns, and whether each stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from lineage.actions.corrections import CorrectedLink
from lineage.models import ColumnLineage, DatasetVersion, LinkCorrection, ModelVersion, Run, RunInput, RunOutput

#: Column links shown; a table of a thousand columns has as many.
COLUMNS_SHOWN = 200


@dataclass(frozen=True)
class ShownLink:
    """One link of a run."""

    key: str
    """What a form calls it, such as input-12."""
    link: CorrectedLink
    what: str
    name: str
    role: str
    newest: LinkCorrection | None

    @property
    def stands(self) -> bool:
        """Whether it is followed: no correction voids it."""
        return self.newest is None or self.newest.kind != LinkCorrection.Kind.VOID


def links_of(run: Run, readable: Collection[int]) -> list[ShownLink]:
    """The links of a run, with what was corrected. Four queries.

    Args:
        readable: ids of the namespaces whose names may be shown.
    """
    newest: dict[tuple[str, int], LinkCorrection] = {}
    for correction in LinkCorrection.objects.filter(run=run).select_related("recorded_by").order_by("pk"):
        for place, pk in (
            ("input", correction.run_input_id),
            ("output", correction.run_output_id),
            ("column", correction.column_lineage_id),
        ):
            if pk is not None:
                newest[place, pk] = correction
    related = ("dataset_version__dataset", "model_version__model", "run__namespace")
    found = []
    for prefix, kind, what in (("input", RunInput, _("read")), ("output", RunOutput, _("wrote"))):
        for one in kind.objects.filter(run=run).select_related(*related).order_by("pk"):
            name = _named(one.dataset_version or one.model_version, readable)
            found.append(
                ShownLink(f"{prefix}-{one.pk}", one, what, name, one.get_role_display(), newest.get((prefix, one.pk)))
            )
    columns = ColumnLineage.objects.filter(run=run).select_related(
        "source__dataset", "target__dataset", "run__namespace"
    )
    for column in columns.order_by("pk")[:COLUMNS_SHOWN]:
        source = _column(column.source, column.source_column, readable)
        name = f"{source} → {_column(column.target, column.target_column, readable)}"
        found.append(ShownLink(f"column-{column.pk}", column, _("column"), name, "", newest.get(("column", column.pk))))
    return found


def _named(item: DatasetVersion | ModelVersion | None, readable: Collection[int]) -> str:
    if isinstance(item, DatasetVersion):
        if item.dataset.namespace_id not in readable:
            return _("a dataset of another namespace")
        return f"{item.dataset.name} {item.label}"
    if isinstance(item, ModelVersion):
        if item.model.namespace_id not in readable:
            return _("a model of another namespace")
        return f"{item.model.name} {item.number}"
    return ""


def _column(version: DatasetVersion, column: str, readable: Collection[int]) -> str:
    name = _named(version, readable)
    return f"{name}.{column}" if version.dataset.namespace_id in readable else name
