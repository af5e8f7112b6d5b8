"""Addresses of inbox and outbox: pages, and the API's under /api/v1/."""

from django.urls import path

from governance.api.routers import collection_urls
from governance.outbox import views
from governance.outbox.api import NoticeViewSet, OutboxViewSet

urlpatterns = [
    path("inbox", views.inbox_page, name="inbox"),
    path("inbox/read", views.read_all, name="inbox-read"),
    path("inbox/<id>", views.open_notice, name="notice-open"),
    path("outbox", views.outbox_page, name="outbox"),
    path("outbox/replay", views.replay_page, name="outbox-replay"),
]
api_urlpatterns = collection_urls(NoticeViewSet, OutboxViewSet)
