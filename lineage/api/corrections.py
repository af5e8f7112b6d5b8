"""The end points of column lineage, and of corrections of links."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.views import resolve
from lineage import actions, queries
from lineage.actions.bulk import Registration
from lineage.api import bodies, filters, records, references
from lineage.api.bulk import BulkMixin
from lineage.api.views import FactViewSet
from lineage.models import ColumnLineage, LinkCorrection, RunInput, RunOutput


class ColumnLineageViewSet(BulkMixin, FactViewSet):
    """Column lineage: which column of what a run wrote was made from which column of what it read."""

    collection = "column-lineage"
    model = ColumnLineage
    related = ("run__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("source_column", "target_column", "run__run_key")
    serializer_class = records.ColumnLineageSerializer
    create_serializer_class = bodies.ColumnLineageWriteSerializer
    filter_class = filters.ColumnLineageFilters

    def create(self, request: Request) -> Response:
        """Say that a run made one column from another; the same again is the same."""
        return self.registered(self.read(bodies.ColumnLineageWriteSerializer))

    def registration(self, data: dict[str, Any]) -> Registration:
        """With its run and both dataset versions."""
        data["run"] = self.named(references.run, data["run"], "run")
        for side in ("source", "target"):
            data[side] = self.named(references.dataset_version, data[side], side)
        return Registration(actions.link_column, data)


class LinkCorrectionViewSet(FactViewSet):
    """Corrections of links: what a run was said to read, write or make of columns, and did not."""

    collection = "link-corrections"
    model = LinkCorrection
    related = ("run__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("reason", "run__run_key")
    serializer_class = records.LinkCorrectionSerializer
    create_serializer_class = bodies.LinkCorrectionWriteSerializer
    filter_class = filters.LinkCorrectionFilters

    def create(self, request: Request) -> Response:
        """Void a link that was wrong, or restore it. By a data steward or model owner who did not record it."""
        data = self.read(bodies.LinkCorrectionWriteSerializer)
        reason = self.reason(data)
        link: Any = None
        for field, kind in (("run_input", RunInput), ("run_output", RunOutput), ("column_lineage", ColumnLineage)):
            if field in data:
                link = resolve(queries.readable(kind, self.principal), data.pop(field), field=field)
        record = actions.correct_link(actor=self.principal, reason=reason, link=link, **data)
        return self.written(record, created=True)
