"""Addresses of the pages on facts. Included with `{"judgements": …}`, which each view takes."""

from django.urls import path

from lineage import (
    views,
    views_answers,
    views_corrections,
    views_intake,
    views_lineage,
    views_openlineage,
    views_profiles,
    views_terms,
    views_tracking,
    views_vocabularies,
)

urlpatterns = [
    path("datasets", views.datasets_page, name="datasets"),
    path("datasets/<id>", views.dataset_page, name="dataset"),
    path("datasets/<id>/terms", views_terms.new_terms_page, name="terms-new"),
    path("terms/<id>", views_terms.terms_page, name="terms"),
    path("terms/<id>/withdraw", views_terms.withdraw_page, name="terms-withdraw"),
    path("vocabularies", views_vocabularies.vocabularies_page, name="vocabularies-page"),
    path("vocabularies/new", views_vocabularies.new_term_page, name="vocabulary-new"),
    path("vocabularies/<id>/retire", views_vocabularies.retire_term_page, name="vocabulary-retire"),
    path("dataset-versions/<id>/answers", views_answers.answers_page, name="dataset-version-answers"),
    path("dataset-versions/<id>/profiles", views_profiles.profiles_page, name="dataset-version-profiles"),
    path("dataset-versions/<id>/profiles/upload", views_profiles.upload_page, name="dataset-version-profile-upload"),
    path("dataset-versions/<id>/profiles/read", views_profiles.read_location_page, name="dataset-version-profile-read"),
    path("profiles/<id>", views_profiles.profile_page, name="profile"),
    path("openlineage", views_openlineage.events_page, name="openlineage"),
    path("openlineage/replay", views_openlineage.replay_page, name="openlineage-replay"),
    path("openlineage/<id>", views_openlineage.event_page, name="openlineage-event"),
    path("models", views.models_page, name="models"),
    path("models/<id>", views.model_page, name="model"),
    path("models/<id>/tier", views_intake.tier_page, name="model-tier"),
    path("intakes", views_intake.intakes_page, name="intakes"),
    path("intakes/new", views_intake.new_intake_page, name="intake-new"),
    path("intakes/<id>", views_intake.intake_page, name="intake"),
    *(
        path(
            f"{collection}/<id>/lineage", views_lineage.lineage_page, {"kind": kind}, name=f"{collection[:-1]}-lineage"
        )
        for collection, kind in (
            ("dataset-versions", "dataset_version"),
            ("runs", "run"),
            ("model-versions", "model_version"),
        )
    ),
    path("runs/<id>/links", views_corrections.run_links_page, name="run-links"),
    path("model-versions/<id>", views.model_version_page, name="model-version"),
    path("model-versions/<id>/complete", views_tracking.complete_page, name="model-version-complete"),
    path("model-versions/<id>/read-tracking", views_tracking.read_tracking_page, name="model-version-read"),
    path("tracking-servers", views_tracking.tracking_servers_page, name="tracking-servers-page"),
]
