"""Addresses of the pages on facts. Included with `{"judgements": …}`, which each view takes."""

from django.urls import path

from lineage import views, views_answers

urlpatterns = [
    path("datasets", views.datasets_page, name="datasets"),
    path("datasets/<id>", views.dataset_page, name="dataset"),
    path("dataset-versions/<id>/answers", views_answers.answers_page, name="dataset-version-answers"),
    path("models", views.models_page, name="models"),
    path("models/<id>", views.model_page, name="model"),
    path("model-versions/<id>", views.model_version_page, name="model-version"),
]
