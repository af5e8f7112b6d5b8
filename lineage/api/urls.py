"""Addresses of facts, under /api/v1/."""

from django.urls import path

from governance.api.routers import collection_urls
from lineage.api import (
    corrections,
    documents,
    graph,
    intake,
    openlineage_records,
    personal_data,
    profiles,
    tracking,
    views,
    vocabularies,
)

urlpatterns = [
    path("lineage/graph", graph.GraphView.as_view(), name="lineage-graph"),
    path("lineage/upstream", graph.UpstreamView.as_view(), name="lineage-upstream"),
    path("lineage/downstream", graph.DownstreamView.as_view(), name="lineage-downstream"),
    path("lineage/flags", graph.FlagsView.as_view(), name="lineage-flags"),
    path("vocabularies", vocabularies.VocabulariesView.as_view(), name="vocabularies"),
    path("dataset-versions/<id>/croissant", documents.CroissantView.as_view(), name="dataset-version-croissant"),
    path("runs/<id>/openlineage", documents.RunEventsView.as_view(), name="run-openlineage"),
    path(
        "model-versions/<id>/openlineage", documents.ModelVersionEventsView.as_view(), name="model-version-openlineage"
    ),
    *collection_urls(
        views.DatasetViewSet,
        views.DatasetVersionViewSet,
        views.TermsViewSet,
        views.FlagViewSet,
        views.RunViewSet,
        corrections.ColumnLineageViewSet,
        corrections.LinkCorrectionViewSet,
        views.ModelViewSet,
        views.ModelVersionViewSet,
        views.RecallViewSet,
        tracking.TrackingServerViewSet,
        vocabularies.VocabularyTermViewSet,
        openlineage_records.OpenLineageEventViewSet,
        openlineage_records.OpenLineageNamespaceViewSet,
        openlineage_records.OpenLineageDatasetViewSet,
        openlineage_records.ReportedFactViewSet,
        profiles.DataProfileViewSet,
        openlineage_records.QualityResultViewSet,
        personal_data.PersonalDataFindViewSet,
        intake.RiskQuestionSetViewSet,
        intake.IntakeViewSet,
        intake.TierOverrideViewSet,
    ),
]
