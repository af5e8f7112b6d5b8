"""What registries say of models: free aliases, tags, another name; and a version as a client of MLflow registers it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.history.partial import known_as
from governance.unit_of_work import action, action_at_once, carry_out, part
from lineage.actions.annotations import DESCRIBERS, TAGS_AT_ONCE, describe_model_version, tag_model_version
from lineage.actions.carriers import CARRIERS, OURS, complete_from_tags, digest_in_tags
from lineage.actions.model_registry import ask_where_it_came_from, register_model, register_model_version
from lineage.actions.registering import REGISTRARS, Registered, get_or_register, lock_roots, may_register
from lineage.digests import Digest
from lineage.models import (
    MlflowRegistration,
    Model,
    ModelAlias,
    ModelTag,
    ModelVersion,
    ModelVersionTag,
    Run,
    RunState,
)

#: The job of a run that is known by its id alone, until the tracking server or an event says more.
UNKNOWN_JOB = "mlflow"


@action_at_once
def set_alias(*, actor: Principal, reason: str, model_version: ModelVersion, alias: str) -> Registered[ModelAlias]:
    """Let a free alias mean this version; another version of the model loses it. The same again changes nothing.

    Raises:
        errors.Forbidden: neither pipeline nor model owner there. errors.Conflict: an environment claims it.
        errors.Invalid: it is not well-formed, is reserved, or looks like one that is claimed.
    """
    model = model_version.model
    asked = [model.pk, alias, model_version.pk]
    [(pk, recorded_at, recorded_by, changed)] = carry_out(
        "SELECT * FROM muniment.put_alias(%s, %s, %s)", asked, *DESCRIBERS, namespace=model.namespace
    )
    record = known_as(
        ModelAlias, id=pk, recorded_at=recorded_at, recorded_by_id=recorded_by, model_id=model.pk, alias=alias,
        model_version_id=model_version.pk,
    )  # fmt: skip
    record.model, record.model_version = model, model_version
    return Registered(record, changed)


@action
def remove_alias(*, actor: Principal, reason: str, model: Model, alias: str) -> ModelAlias | None:
    """Take a free alias away; None: there was none. Raises errors.Forbidden as `set_alias`."""
    require(actor, *DESCRIBERS, namespace=model.namespace)
    lock_roots(("model", model.pk))
    found = ModelAlias.objects.filter(model=model, alias=alias, model_version__isnull=False).first()
    if found is not None:
        found.model_version = None
        found.save(update_fields=["model_version"])
    return found


@action
def tag_model(*, actor: Principal, reason: str, model: Model, tags: Mapping[str, str | None]) -> list[ModelTag]:
    """Set tags of a model by key; None takes a tag away. What stands already adds nothing. Returns what changed.

    Raises:
        errors.Forbidden: neither pipeline nor model owner there. errors.Invalid: none or more than 100.
    """
    require(actor, *DESCRIBERS, namespace=model.namespace)
    if not tags or len(tags) > TAGS_AT_ONCE:
        raise errors.Invalid(errors={"tags": [_("Set 1 to %(limit)d tags at once.") % {"limit": TAGS_AT_ONCE}]})
    lock_roots(("model", model.pk))
    standing = {tag.key: tag for tag in ModelTag.objects.filter(model=model, key__in=list(tags))}
    changed = []
    for key, value in tags.items():
        tag = standing.get(key)
        told = {"value": value or "", "removed": value is None}
        if tag is None and value is not None:
            changed.append(ModelTag.objects.create(model=model, key=key, **told))
        elif tag is not None and (tag.value, tag.removed) != (told["value"], told["removed"]):
            tag.value, tag.removed = value or "", value is None
            tag.save(update_fields=["value", "removed"])
            changed.append(tag)
    return changed


@action
def register_tagged_model(
    *, actor: Principal, reason: str, namespace: Namespace, name: str, description: str, tags: Mapping[str, str]
) -> Registered[Model]:
    """Register a model with its tags in one act; one that stands there is left as it is.

    Raises:
        errors.Forbidden. errors.AlreadyDifferent: it stands there with another description. errors.Invalid.
    """
    registered = part(register_model)(
        actor=actor, reason=reason, namespace=namespace, name=name, description=description
    )
    if registered.created and tags:
        part(tag_model)(actor=actor, reason=reason, model=registered.record, tags=tags)
    return registered


def tag_and_complete(
    *, actor: Principal, reason: str, model_version: ModelVersion, tags: Mapping[str, str | None]
) -> list[ModelVersionTag]:
    """Tag a version, and complete it by what tags of ours carry, in one act.

    Raises:
        errors.Conflict: a tag of ours says another digest or commit than is on record. Else as `tag_model_version` and
            `complete_from_tags`.
    """
    carries = any(key.casefold().startswith(OURS) for key in tags)
    return (_tag_and_complete if carries else tag_model_version)(
        actor=actor, reason=reason, model_version=model_version, tags=tags
    )


@action
def _tag_and_complete(
    *, actor: Principal, reason: str, model_version: ModelVersion, tags: Mapping[str, str | None]
) -> list[ModelVersionTag]:
    same: dict[str, Any] = {"actor": actor, "reason": reason, "model_version": model_version}
    said = part(tag_model_version)(tags=tags, **same)
    part(complete_from_tags)(tags={key: value for key, value in tags.items() if value}, **same)
    return said


@action
def rename_model(*, actor: Principal, reason: str, model: Model, name: str) -> Model:
    """Give a model another name. Versions, releases, votes and history stay with it.

    Raises:
        errors.Forbidden: neither pipeline nor model owner there.
        errors.Conflict: it is live, or another model has that name. errors.Invalid: that is no name.
    """
    require(actor, *DESCRIBERS, namespace=model.namespace)
    lock_roots(("model", model.pk))
    current = Model.objects.select_related("namespace").get(pk=model.pk)
    if current.name != name:
        if Model.objects.filter(namespace=current.namespace, name=name).exists():
            raise errors.AlreadyDifferent(
                _("There is a model %(name)s already. Choose another name.") % {"name": name},
                errors={"name": [_("Taken.")]},
            )
        current.name = name
        current.save(update_fields=["name"])
    return current


class Told(NamedTuple):
    """What a client of MLflow says of a version it registers."""

    source: str
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    description: str = ""
    tags: Mapping[str, str] = {}


def register_from_mlflow(
    *, actor: Principal, reason: str, model: Model, told: Told, copied_from: ModelVersion | None = None
) -> Registered[ModelVersion]:
    """Register a version as a client of MLflow tells of it, with its run, made if it is new, in one act.

    Asked again, after an answer was lost: the version that stands. Tags of ours carry what the client has no field for
    (carriers.py), then as ever: what they say of it is filled in where it was blank. A digest other than the one on
    record tells of other bytes at the same address, which are a version of their own; where a tracking server leads
    there, it is read again, so that bytes that changed without a word are contradicted.

    Args:
        copied_from: the version whose artifact it is; it becomes the parent, and nothing of its approvals comes along.

    Raises:
        errors.Forbidden. errors.Invalid: a copy within one model. errors.Conflict: a copy said to be other bytes than
            its original, or the same bytes of another commit. Else as `register_model_version`, `complete_from_tags`.
    """
    if copied_from is None and not told.tags and not told.description:
        new = _register_new(actor=actor, reason=reason, model=model, told=told)
        if new is not None:
            return Registered(new, True)
    return _register_told(actor=actor, reason=reason, model=model, told=told, copied_from=copied_from)


@action_at_once
def _register_new(*, actor: Principal, reason: str, model: Model, told: Told) -> ModelVersion | None:
    """The version of its address and run, with both recorded, where neither stands and no tracking server is named."""
    return _made(model, told, False)


@action
def _register_told(
    *, actor: Principal, reason: str, model: Model, told: Told, copied_from: ModelVersion | None
) -> Registered[ModelVersion]:
    same: dict[str, Any] = {"actor": actor, "reason": reason}
    bytes_told = digest_in_tags(told.tags) if copied_from is None else None
    if copied_from is None and bytes_told is None and (new := _made(model, told, True)) is not None:
        return Registered(_described(new, told, same), True)
    given: dict[str, Any] = {"artifact_uri": told.source}
    run = _run(actor, model, told.run_id) if told.run_id else None
    if copied_from is not None:
        if copied_from.model_id == model.pk:
            raise errors.Invalid(
                _("This is version %(number)d of that model already. A copy goes to another model.")
                % {"number": copied_from.number},
                errors={"source": [_("A version of the same model.")]},
            )
        given = {"artifact_uri": copied_from.artifact_uri, "code_commit": copied_from.code_commit,
                 "digest": Digest(copied_from.digest_algorithm, copied_from.digest_value)
                 if copied_from.digest_value else None}  # fmt: skip
    elif bytes_told is not None:
        lock_roots(("model", model.pk))
        if _stands_with_others(model, run, told.source, bytes_told):
            given["digest"] = bytes_told
    registered = part(register_model_version)(
        actor=actor, reason=reason, model=model, source_run=run, parent_version=copied_from, **given
    )
    version = ModelVersion.objects.select_related("model__namespace", "source_run").get(pk=registered.record.pk)
    if not registered.created:
        if ours := {key: value for key, value in told.tags.items() if key in CARRIERS and value}:
            part(tag_model_version)(model_version=version, tags=ours, **same)
            version = part(complete_from_tags)(model_version=version, tags=ours, **same).model_version
        ask_where_it_came_from(version)
        return Registered(version, False)
    MlflowRegistration.objects.create(
        model_version=version, source=told.source, run_id=told.run_id, run_link=told.run_link, model_id=told.model_id
    )
    return Registered(_described(version, told, same), True)


def _made(model: Model, told: Told, served: bool) -> ModelVersion | None:
    """The version made of its address and run, with both recorded, in one go.

    Args:
        served: also where the namespace names a tracking server, which is asked then.

    Returns:
        None: one of that address and run stands already; or a server is named, and not `served`.

    Raises:
        errors.Forbidden: no registrar there.
    """
    rows = carry_out(
        "SELECT * FROM muniment.register_told(%s, %s, %s, %s, %s, %s, %s)",
        [model.pk, told.source, told.run_id, told.run_link, told.model_id, UNKNOWN_JOB, served],
        *REGISTRARS, namespace=model.namespace,
    )  # fmt: skip
    if not rows:
        return None
    pk, number, recorded_at, recorded_by, run, asks = rows[0]
    version = known_as(
        ModelVersion, id=pk, number=number, recorded_at=recorded_at, recorded_by_id=recorded_by, model_id=model.pk,
        artifact_uri=told.source, source_run_id=run,
    )  # fmt: skip
    version.model = model
    version.source_run = None if run is None else known_as(Run, id=run, run_key=told.run_id)
    if asks:
        ask_where_it_came_from(version)
    return version


def _described(version: ModelVersion, told: Told, same: dict[str, Any]) -> ModelVersion:
    """A new version with what else its client said of it."""
    if told.description:
        part(describe_model_version)(model_version=version, text=told.description, **same)
    if told.tags:
        part(tag_model_version)(model_version=version, tags=told.tags, **same)
        part(complete_from_tags)(model_version=version, tags=told.tags, **same)
    return version


def _stands_with_others(model: Model, run: Run | None, source: str, told: Digest) -> bool:
    """Whether the version that a repetition would find there is on record with other bytes than those told."""
    there = ModelVersion.objects.filter(model=model, source_run=run, artifact_uri=source)
    standing = there.filter(filled_later__contains=["digest"]).order_by("pk").first()
    return standing is not None and (standing.digest_algorithm, standing.digest_value) != told


def _run(actor: Principal, model: Model, run_id: str) -> Run:
    """The run of that key in the model's namespace, made if it is new: nothing is known of it yet but its id."""
    may_register(actor, model.namespace)
    return get_or_register(
        Run,
        identity={"namespace": model.namespace, "run_key": run_id},
        content={"job_name": UNKNOWN_JOB, "state": RunState.RUNNING},
        compare={},
    ).record
