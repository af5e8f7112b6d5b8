"""Addresses of the pages on judgements."""

from django.urls import path

from approvals import views

urlpatterns = [
    path("", views.overview_page, name="overview"),
    path("reviews", views.reviews_page, name="review-queue"),
    path("releases/<id>", views.release_page, name="release"),
    path("releases/<id>/sign", views.sign_release, name="release-sign"),
    path("releases/<id>/promote", views.promote_release, name="release-promote"),
    path("releases/<id>/close", views.close_release_page, name="release-close"),
    path("releases/<id>/conflict", views.declare_conflict_page, name="release-conflict"),
    path("sign-offs/<id>/lift", views.lift_veto_page, name="sign-off-lift"),
    path("sign-offs/<id>/withdraw", views.withdraw_vote, name="sign-off-withdraw"),
]
