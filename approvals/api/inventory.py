"""GET /api/v1/exports/inventory: the inventory of models as of a moment, such as the end of a quarter."""

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from approvals.exports.inventory import inventory
from governance.api.fields import MomentField
from governance.desk.api.exports import ANSWERS, ExportQuery, ExportView, past
from governance.desk.exports import Source


class InventoryQuery(ExportQuery):
    """As of when."""

    as_of = MomentField(
        required=False, validators=[past], help_text=gettext_lazy("The state recorded by then; left out: now.")
    )


class InventoryExport(ExportView):
    """The inventory."""

    query_class = InventoryQuery

    @extend_schema(operation_id="exports_inventory", parameters=[InventoryQuery], responses=ANSWERS)
    def get(self, request: Request) -> StreamingHttpResponse:
        """Models, their risk tiers and owners, the versions that were live and who had signed them; key: `row`."""
        return self.stream(request)

    def source(self, asked: dict[str, Any]) -> Source:
        """As of the moment asked for."""
        return inventory(self.principal, asked.get("as_of") or timezone.now())
