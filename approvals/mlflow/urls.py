"""Addresses of MLflow's registry."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from approvals.mlflow import calls, questions  # noqa: F401  # importing them declares the calls
from approvals.mlflow.answers import answer, unknown_endpoint
from approvals.mlflow.door import PREFIX, addresses


def server_info(request: HttpRequest) -> HttpResponse:
    """What a client asks before it names a workspace: that there are workspaces, which are our namespaces."""
    return answer('{"store_type": null, "workspaces_enabled": true, "trace_archival_enabled": false}')


urlpatterns = [
    path("api/3.0/mlflow/server-info", server_info, name="mlflow-server-info"),
    *addresses(),
    path(PREFIX + "<path:rest>", csrf_exempt(unknown_endpoint), name="mlflow-unknown"),
]
