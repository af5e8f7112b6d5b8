"""Where OpenLineage events come in, under /api/v1/: a list of its own, since it is looked at before all others."""

from django.urls import path

from lineage.api import openlineage

urlpatterns = [
    path("lineage", openlineage.LineageView.as_view(), name="lineage"),
    path("lineage/", openlineage.LineageSlashView.as_view(), name="lineage-slash"),
    path("lineage/batch", openlineage.LineageBatchView.as_view(), name="lineage-batch"),
    path("lineage/batch/", openlineage.LineageBatchSlashView.as_view(), name="lineage-batch-slash"),
]
