"""Addresses of facts, under /api/v1/."""

from django.urls import path

from governance.api.routers import collection_urls
from lineage.api import corrections, documents, intake, tracking, views, vocabularies

urlpatterns = [
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
        intake.RiskQuestionSetViewSet,
        intake.IntakeViewSet,
        intake.TierOverrideViewSet,
    ),
]
