"""The calls of MLflow's registry that write. Each reads its fields, calls one action, and answers with what stands."""

import json
import re
from typing import Any

from django.utils.translation import gettext as _

from approvals.mlflow import promoting, reading
from approvals.mlflow.answers import AlreadyExists, KeptForGood, wrapped
from approvals.mlflow.asked import Asked, Field
from approvals.mlflow.door import call
from approvals.mlflow.filters import PROMPT_TAG
from governance.errors import AlreadyDifferent, Invalid, Missing
from governance.history.partial import known_as
from lineage import actions
from lineage.models import Model, ModelVersion
from lineage.models.registry import ALIAS_PATTERN, RESERVED_ALIAS_PATTERN

NAME = Field("name", 256, required=True)
VERSION = Field("version", 9, required=True)
ALIAS = Field("text", 255, required=True)
KEY = Field("key", 250, required=True)
#: One that is taken away may be of the time before keys were looked at.
OLD_KEY = Field("text", 250, required=True)
VALUE = Field("text", 100_000)
TAGS = Field("tags", default={})
DESCRIPTION = Field("text", 5_000)
STAGES = ("none", "staging", "production", "archived")
_OWN_VERSION = re.compile(r"models:/([^/@]+)/([0-9]{1,9})")


def model_named(asked: Asked, name: str) -> Model:
    """The model of that name in the workspace. Raises Missing."""
    return _model(asked, name, reading.answer(reading.ids({"name": name}), asked.namespace)[0])


def model_asked(asked: Asked) -> Model:
    """The model that the call names, which `reading.ids` asked for. Raises Missing."""
    return _model(asked, asked["name"], asked.answer[0])


def _model(asked: Asked, name: str, pk: int | None) -> Model:
    if pk is None:
        raise Missing(_("There is no registered model named %(name)s.") % {"name": name})
    model = known_as(Model, id=pk, name=name, namespace_id=asked.namespace.pk)
    model.namespace = asked.namespace
    return model


def version_of(asked: Asked, name: str, number: int) -> ModelVersion:
    """The version of that number. Raises Missing."""
    found = reading.answer(reading.ids({"name": name, "version": number}), asked.namespace)
    return _version(asked, name, number, *found)


def version_asked(asked: Asked) -> ModelVersion:
    """The version that the call names, which `reading.ids` asked for. Raises Missing."""
    return _version(asked, asked["name"], asked["version"], *asked.answer)


def _version(asked: Asked, name: str, number: int, model_id: int | None, pk: int | None) -> ModelVersion:
    model = _model(asked, name, model_id)
    if pk is None:
        raise Missing(_("%(name)s has no version %(number)d.") % {"name": name, "number": number})
    version = known_as(ModelVersion, id=pk, number=number, model_id=model.pk)
    version.model = model
    return version


def acting(asked: Asked) -> dict[str, Any]:
    """Who acts and why, as each action takes it."""
    return {"actor": asked.principal, "reason": asked.reason}


def refuse_prompts(tags: dict[str, Any]) -> None:
    """Raises Invalid: a prompt comes through the calls of a model and is none."""
    if str(tags.get(PROMPT_TAG, "")).lower() == "true":
        raise Invalid(
            _("Prompts are not kept here: this registry governs models. Keep them with your tracking server, without")
            + " "
            + _("mlflow.set_registry_uri, or record the prompt as a file of the model's artifact.")
        )


def model_answer(model: Model) -> str:
    """`{"registered_model": …}`."""
    return wrapped("registered_model", reading.model_body(model.pk))


def version_answer(version: ModelVersion) -> str:
    """`{"model_version": …}`."""
    return wrapped("model_version", reading.version_body(version.pk))


# --- Registered models ---------------------------------------------------------------------------------------------


@call("POST", "registered-models/create", "models", name=NAME, tags=TAGS, description=DESCRIPTION)
def create_registered_model(asked: Asked) -> str:
    """Register a model under its name, with tags."""
    refuse_prompts(asked["tags"])
    there = AlreadyExists(_("Registered Model (name=%(name)s) already exists.") % {"name": asked["name"]})
    try:
        model, created = actions.register_tagged_model(
            namespace=asked.namespace, name=asked["name"], description=asked["description"], tags=asked["tags"],
            **acting(asked),
        )  # fmt: skip
    except AlreadyDifferent:
        raise there from None
    if not created:
        raise there
    return model_answer(model)


@call("PATCH", "registered-models/update", "models", question=reading.ids, name=NAME, description=DESCRIPTION)
def update_registered_model(asked: Asked) -> str:
    """Describe a model."""
    model = model_asked(asked)
    actions.update_model(model=model, changes={"description": asked["description"]}, **acting(asked))
    return model_answer(model)


@call("POST", "registered-models/rename", "models", question=reading.ids, name=NAME, new_name=NAME)
def rename_registered_model(asked: Asked) -> str:
    """Give a model another name; what is live keeps its own."""
    model = model_asked(asked)
    try:
        actions.rename_model(model=model, name=asked["new_name"], **acting(asked))
    except AlreadyDifferent as taken:
        raise AlreadyExists(taken.detail) from None
    return model_answer(model)


@call("DELETE", "registered-models/delete", "models", question=reading.ids, name=NAME)
def delete_registered_model(asked: Asked) -> str:
    """Refused: records are kept."""
    model_asked(asked)
    raise KeptForGood(
        _("Records are kept for good: no model is deleted. Archive its versions (stage Archived) instead.")
    )


@call("POST", "registered-models/set-tag", "models", question=reading.ids, name=NAME, key=KEY, value=VALUE)
def set_registered_model_tag(asked: Asked) -> str:
    """Tag a model."""
    refuse_prompts({asked["key"]: asked["value"]})
    actions.tag_model(model=model_asked(asked), tags={asked["key"]: asked["value"]}, **acting(asked))
    return "{}"


@call("DELETE", "registered-models/delete-tag", "models", question=reading.ids, name=NAME, key=OLD_KEY)
def delete_registered_model_tag(asked: Asked) -> str:
    """Take a tag of a model away; the record of it stays."""
    actions.tag_model(model=model_asked(asked), tags={asked["key"]: None}, **acting(asked))
    return "{}"


# --- Aliases -------------------------------------------------------------------------------------------------------


def alias_of(asked: Asked) -> str:
    """The alias of a call. Raises Invalid unless it is plain letters, and not reserved."""
    alias: str = asked["alias"]
    if re.match(RESERVED_ALIAS_PATTERN, alias):
        raise Invalid(_("The alias “%(alias)s” is reserved: it means a version by itself.") % {"alias": alias})
    if not re.fullmatch(ALIAS_PATTERN[1:-1], alias):
        raise Invalid(
            _("An alias is letters a to z, digits, _ and -, with nothing around; not “%(alias)s”.")
            % {"alias": alias[:60]}
            + " "
            + _("Letters of other scripts look like these and would pass for another alias.")
        )
    return alias


@call("POST", "registered-models/alias", "models", question=reading.alias, name=NAME, alias=ALIAS, version=VERSION)
def set_registered_model_alias(asked: Asked) -> str:
    """Let an alias mean a version. One that an environment claims is a promotion: the gate answers."""
    alias = alias_of(asked)
    model_id, pk, claims, look = json.loads(asked.answer)
    environment = promoting.claiming(alias, claims, look)
    version = _version(asked, asked["name"], asked["version"], model_id, pk)
    if environment is None:
        actions.set_alias(model_version=version, alias=alias, **acting(asked))
    else:
        promoting.go_live(asked, version, environment)
    return "{}"


@call("DELETE", "registered-models/alias", "models", question=reading.ids, name=NAME, alias=ALIAS)
def delete_registered_model_alias(asked: Asked) -> str:
    """Take an alias away. One that an environment claims ends what is live: that is a person's to do."""
    alias = alias_of(asked)
    model = model_asked(asked)
    environment = promoting.environment_of_alias(alias)
    if environment is None:
        actions.remove_alias(model=model, alias=alias, **acting(asked))
    else:
        promoting.step_down(asked, model, environment)
    return "{}"


# --- Versions ------------------------------------------------------------------------------------------------------


@call(
    "POST", "model-versions/create", "model-versions", question=reading.ids, name=NAME,
    source=Field("text", 500, required=True), run_id=Field("text", 256), run_link=Field("text", 500), tags=TAGS,
    description=DESCRIPTION, model_id=Field("text", 250),
)  # fmt: skip
def create_model_version(asked: Asked) -> str:
    """Register a version with what the client knows of it. The same again is the same version."""
    refuse_prompts(asked["tags"])
    model = model_asked(asked)
    told = {name: asked[name] for name in ("source", "run_id", "run_link", "tags", "description", "model_id")}
    copied = _OWN_VERSION.fullmatch(asked["source"])
    parent = version_of(asked, copied[1], int(copied[2])) if copied else None
    if parent is not None:
        parent = ModelVersion.objects.select_related("model__namespace").get(pk=parent.pk)
    said = actions.Told(**told)
    version, created = actions.register_from_mlflow(model=model, told=said, copied_from=parent, **acting(asked))
    if created and parent is None and not said.tags and not said.description:
        return wrapped("model_version", reading.new_version_body(version, said, asked.principal))
    return version_answer(version)


@call("PATCH", "model-versions/update", "model-versions", question=reading.ids, name=NAME, version=VERSION,
      description=DESCRIPTION)  # fmt: skip
def update_model_version(asked: Asked) -> str:
    """Describe a version."""
    version = version_asked(asked)
    actions.describe_model_version(model_version=version, text=asked["description"], **acting(asked))
    return version_answer(version)


@call(
    "POST", "model-versions/transition-stage", "model-versions", question=reading.ids, name=NAME, version=VERSION,
    stage=Field("text", 40, required=True), archive_existing_versions=Field("flag", default=False),
)  # fmt: skip
def transition_model_version_stage(asked: Asked) -> str:
    """Let a version enter a stage. One that an environment claims is a promotion: the gate answers."""
    stage = asked["stage"].lower() if asked["stage"].isascii() else ""
    if stage not in STAGES:
        raise Invalid(
            _("The stages are None, Staging, Production and Archived; not “%(it)s”.") % {"it": asked["stage"]}
        )
    version = version_asked(asked)
    promoting.enter_stage(asked, version, stage, archive_existing=asked["archive_existing_versions"])
    return version_answer(version)


@call("DELETE", "model-versions/delete", "model-versions", question=reading.ids, name=NAME, version=VERSION)
def delete_model_version(asked: Asked) -> str:
    """Refused: records are kept."""
    version_asked(asked)
    raise KeptForGood(
        _("Records are kept for good: no version is deleted. Archive it (transition to stage Archived) instead.")
    )


@call("POST", "model-versions/set-tag", "model-versions", question=reading.ids, name=NAME, version=VERSION, key=KEY,
      value=VALUE)  # fmt: skip
def set_model_version_tag(asked: Asked) -> str:
    """Tag a version. A tag promotes nothing; those of ours carry facts that the client has no field for."""
    refuse_prompts({asked["key"]: asked["value"]})
    version = version_asked(asked)
    actions.tag_and_complete(model_version=version, tags={asked["key"]: asked["value"]}, **acting(asked))
    return "{}"


@call("DELETE", "model-versions/delete-tag", "model-versions", question=reading.ids, name=NAME, version=VERSION,
      key=OLD_KEY)  # fmt: skip
def delete_model_version_tag(asked: Asked) -> str:
    """Take a tag of a version away; the record of it stays."""
    version = version_asked(asked)
    actions.tag_model_version(model_version=version, tags={asked["key"]: None}, **acting(asked))
    return "{}"
