"""The calls of MLflow's registry that read."""

import json

from django.utils.translation import gettext as _

from approvals.mlflow import reading
from approvals.mlflow.answers import listed, wrapped
from approvals.mlflow.asked import Asked, Field
from approvals.mlflow.calls import (
    ALIAS,
    NAME,
    STAGES,
    VERSION,
    model_answer,
    model_asked,
    model_named,
    version_answer,
    version_asked,
    version_of,
)
from approvals.mlflow.door import call
from governance.errors import Invalid

FILTER = Field("text", 10_000)
ORDER = Field("texts", 10, default=())
TOKEN = Field("text", 5_000)
AT_ONCE = 10_000
"""Versions put together for one page: MLflow's limit of 200,000 would be hundreds of megabytes. Clients page on."""


@call("GET", "registered-models/get", "models", question=reading.model_named, name=NAME)
def get_registered_model(asked: Asked) -> str:
    """A model with its tags, aliases and newest versions."""
    if asked.answer is None:
        return model_answer(model_named(asked, asked["name"]))
    return wrapped("registered_model", asked.answer)


@call(
    "GET", "registered-models/search", "models", filter=FILTER, order_by=ORDER, page_token=TOKEN,
    max_results=Field("whole", 1_000, default=100),
)  # fmt: skip
def search_registered_models(asked: Asked) -> str:
    """Models that match a filter."""
    page = reading.search_models(
        asked.namespace, asked["filter"], asked["order_by"], asked["max_results"], asked["page_token"]
    )
    return listed("registered_models", *page)


@call("POST", "registered-models/get-latest-versions", "model-versions", reads=True, question=reading.ids, name=NAME,
      stages=Field("texts", 10, default=()))  # fmt: skip
@call("GET", "registered-models/get-latest-versions", "model-versions", question=reading.ids, name=NAME,
      stages=Field("texts", 10, default=()))  # fmt: skip
def get_latest_versions(asked: Asked) -> str:
    """The newest version of each stage."""
    stages = [stage.lower() for stage in asked["stages"]]
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise Invalid(_("The stages are None, Staging, Production and Archived; not “%(it)s”.") % {"it": unknown[0]})
    return listed("model_versions", reading.latest(model_asked(asked), stages))


@call("GET", "registered-models/alias", "models", question=reading.version_of_alias, name=NAME, alias=ALIAS)
def get_model_version_by_alias(asked: Asked) -> str:
    """The version an alias means: of a claimed one, what is live."""
    if asked.answer is None:
        model_named(asked, asked["name"])
        raise Invalid(_("Registered model alias %(alias)s not found.") % {"alias": asked["alias"]})
    return wrapped("model_version", asked.answer)


@call("GET", "model-versions/get", "model-versions", question=reading.version_numbered, name=NAME, version=VERSION)
def get_model_version(asked: Asked) -> str:
    """A version."""
    if asked.answer is None:
        return version_answer(version_of(asked, asked["name"], asked["version"]))
    return wrapped("model_version", asked.answer)


@call("GET", "model-versions/get-download-uri", "model-versions", question=reading.ids, name=NAME, version=VERSION)
def get_model_version_download_uri(asked: Asked) -> str:
    """Where the artifact lies; it is fetched from there, not from here."""
    version = version_asked(asked)
    return wrapped("artifact_uri", json.dumps(version.artifact_uri))


@call(
    "GET", "model-versions/search", "model-versions", filter=FILTER, order_by=ORDER, page_token=TOKEN,
    max_results=Field("whole", 200_000, default=10_000),
)  # fmt: skip
def search_model_versions(asked: Asked) -> str:
    """Versions that match a filter."""
    page = reading.search_versions(
        asked.namespace, asked["filter"], asked["order_by"], min(asked["max_results"], AT_ONCE), asked["page_token"]
    )
    return listed("model_versions", *page)
