"""What becomes known of a model version after its registration: completed once, never rewritten."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces, require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.annotations import DESCRIBERS
from lineage.actions.model_registry import clean_metrics, clean_parameters
from lineage.actions.registering import get_or_register, lock_roots
from lineage.digests import Digest, parse_digest
from lineage.models import (
    DatasetVersion,
    FactOrigin,
    LinkMethod,
    ModelVersion,
    ModelVersionCompletion,
    Run,
    RunInput,
    RunOutput,
    RunRole,
    RunState,
    TrackingServer,
)
from lineage.models.runs import MODEL_VERSION_KEY

TRAINING_AT_ONCE = 100
#: How the links of a record are marked.
_METHODS = {
    FactOrigin.TAG: LinkMethod.MLFLOW,
    FactOrigin.TRACKING: LinkMethod.MLFLOW,
    FactOrigin.OPENLINEAGE: LinkMethod.OPENLINEAGE,
}


class Completed(NamedTuple):
    """The version as it stands now, and the record made; None: nothing of it was new."""

    model_version: ModelVersion
    record: ModelVersionCompletion | None


@action
def complete_model_version(
    *,
    actor: Principal,
    reason: str,
    model_version: ModelVersion,
    how: str = FactOrigin.DECLARED,
    came_from: str = "",
    digest: str | Mapping[str, Any] | Digest | None = None,
    code_commit: str = "",
    training: Iterable[DatasetVersion] = (),
    run: Run | None = None,
    metrics: Mapping[str, float] | None = None,
    parameters: Mapping[str, Any] | None = None,
    tracking_server: TrackingServer | None = None,
) -> Completed:
    """Record what became known of a version later, and how it came. What stands on record already adds nothing.

    A digest or commit is filled in where it was blank; votes given before are void then. Training data is linked to the
    run it came out of; where it has none, one is registered for it.

    Args:
        how: a FactOrigin; only the worker (a system principal) says `tracking`. came_from: an address, a tag's key.
        run: of the version's namespace; linked as the run it came out of. tracking_server: where the worker read it.

    Raises:
        errors.Forbidden: neither pipeline nor model owner there. errors.SeparationOfDuties: how it came is not the
            actor's to say. errors.Conflict: another digest or commit is on record (`digest-on-record`,
            `commit-on-record`). errors.Invalid: nothing said, or not in its form.
    """
    home = model_version.model.namespace
    if how != FactOrigin.TRACKING or actor.kind != Principal.Kind.SYSTEM:
        require(actor, *([Role.MODEL_OWNER] if how == FactOrigin.OWNER else DESCRIBERS), namespace=home)
    data = _usable(actor, home, training)
    read = parse_digest(digest)
    if not (read.value or code_commit or data or run or metrics or parameters):
        raise errors.Invalid(
            _("Say something: a digest, a commit, training data, metrics or parameters."),
            errors={"digest": [_("Nothing is said of the version.")]},
        )
    runs = _runs_of(model_version)
    known_run = run or next(iter(runs), None)
    lock_roots(("model_version", model_version.pk), ("run", known_run.pk if known_run else None))
    current = ModelVersion.objects.select_related("model__namespace").get(pk=model_version.pk)
    new = _unknown(current, read, code_commit, how)
    new |= {"metrics": _news(current, "metrics", clean_metrics(metrics or {}))}
    new |= {"parameters": _news(current, "parameters", clean_parameters(parameters or {}))}
    method = _METHODS.get(FactOrigin(how), LinkMethod.DECLARED)
    linked = {one.pk for one in runs}
    data = [one for one in data if not _is_linked(one, linked)]
    link_run = run is not None and run.pk not in linked
    if data or link_run:
        new |= {"run": _linked(current, known_run, data, method), "training": [one.pk for one in data]}
    if not any(new.values()):
        return Completed(current, None)
    record = ModelVersionCompletion.objects.create(
        model_version=current, how=how, came_from=came_from, tracking_server=tracking_server, **new
    )
    record.refresh_from_db(fields=["contradicts"])
    current.refresh_from_db(fields=["digest_algorithm", "digest_value", "code_commit", "filled_later"])
    return Completed(current, record)


def _usable(actor: Principal, home: Namespace, training: Iterable[DatasetVersion]) -> list[DatasetVersion]:
    """The data, each once, as far as it is at home or the actor reads it. Raises errors.Invalid, errors.Missing."""
    data = list({one.pk: one for one in training}.values())
    if len(data) > TRAINING_AT_ONCE:
        sentence = _("At most %(limit)d dataset versions.") % {"limit": TRAINING_AT_ONCE}
        raise errors.Invalid(errors={"training_data": [sentence]})
    away = {one.dataset.namespace_id for one in data} - {home.pk}
    if away and readable_namespaces(actor).filter(pk__in=away).count() < len(away):
        raise errors.Missing(errors={"training_data": [_("No such record, or none that you may read.")]})
    return data


def _runs_of(version: ModelVersion) -> list[Run]:
    """The runs a version came out of, its source run first."""
    written = [one.run for one in RunOutput.objects.filter(model_version=version).select_related("run").order_by("pk")]
    return ([version.source_run] if version.source_run else []) + [one for one in written if one != version.source_run]


def _is_linked(data: DatasetVersion, runs: set[int]) -> bool:
    return RunInput.objects.filter(run__in=runs, dataset_version=data, role=RunRole.TRAINING).exists()


def _unknown(version: ModelVersion, digest: Digest, code_commit: str, how: str) -> dict[str, Any]:
    """Digest and commit as far as they say something new; a first reading of the tracking server confirms, which is."""
    kept = Digest(version.digest_algorithm, version.digest_value)
    said = ModelVersionCompletion.objects.filter(model_version=version, how=how)
    new: dict[str, Any] = {}
    if (
        digest.value
        and (digest != kept or how == FactOrigin.TRACKING)
        and not said.filter(digest_algorithm=digest.algorithm, digest_value=digest.value).exists()
    ):
        new |= {"digest_algorithm": digest.algorithm, "digest_value": digest.value}
    if code_commit and code_commit != version.code_commit and not said.filter(code_commit=code_commit).exists():
        new["code_commit"] = code_commit
    return new


def _news(version: ModelVersion, field: str, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the given values that nobody reported yet."""
    reported = [getattr(version, field), *version.completions.values_list(field, flat=True)]
    return {name: value for name, value in given.items() if not any(_same(r, name, value) for r in reported)}


def _same(reported: Mapping[str, Any], name: str, value: Any) -> bool:
    return name in reported and reported[name] == value and isinstance(reported[name], bool) == isinstance(value, bool)


def _linked(version: ModelVersion, run: Run | None, data: list[DatasetVersion], method: str) -> Run:
    """The run the version came out of, with the data linked to it."""
    if run is None:
        run = get_or_register(
            Run,
            identity={"namespace": version.model.namespace, "run_key": f"{MODEL_VERSION_KEY}{version.pk}"},
            content={"job_name": version.model.name, "state": RunState.COMPLETE, "ended_at": timezone.now()},
            compare={},
        ).record
    nothing = {"dataset_version": None, "model_version": None}
    if run != version.source_run:
        written = {**nothing, "run": run, "role": RunRole.OUTPUT, "model_version": version}
        get_or_register(RunOutput, identity=written, content={"link_method": method}, compare={})
    for one in data:
        read = {**nothing, "run": run, "role": RunRole.TRAINING, "dataset_version": one}
        get_or_register(RunInput, identity=read, content={"link_method": method}, compare={})
    return run
