"""Addresses of collections: /<collection>, /<collection>/{id}, /<collection>/{id}/<act>; no slash at the end."""

from django.urls import URLPattern, URLResolver
from rest_framework.routers import SimpleRouter

from governance.api.views import RecordViewSet


def collection_urls(*viewsets: type[RecordViewSet]) -> list[URLPattern | URLResolver]:
    """The URL patterns of these collections, named `<collection>-list`, `<collection>-detail`, `<collection>-<act>`."""
    router = SimpleRouter(trailing_slash=False)
    for viewset in viewsets:
        router.register(viewset.collection, viewset, basename=viewset.collection)
    return list(router.urls)
