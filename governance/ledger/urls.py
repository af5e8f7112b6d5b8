"""`/log/…`: the transparency log. Include at `log/`."""

from django.urls import path

from governance.ledger import views

urlpatterns = [
    path("checkpoint", views.checkpoint, name="log-checkpoint"),
    path("tile/<path:path>", views.tile, name="log-tile"),
]
