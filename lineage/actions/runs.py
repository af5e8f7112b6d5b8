"""Runs: registered with what they read and wrote, linked later, ended once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.unit_of_work import action
from lineage.actions.registering import Registered, get_or_register, lock_roots, may_register, refuse_difference
from lineage.models import DatasetVersion, LinkMethod, ModelVersion, Run, RunInput, RunOutput, RunRole, RunState
from lineage.models.runs import OWN_KEYS, kept_key

LINK_LIMIT = 1_000  # inputs or outputs of one call
INPUT_ROLES = (RunRole.TRAINING, RunRole.VALIDATION, RunRole.TEST, RunRole.BASELINE, RunRole.SOURCE)
OUTPUT_ROLES = (RunRole.OUTPUT, RunRole.TRAINING, RunRole.VALIDATION, RunRole.TEST)


class Link(NamedTuple):
    """What a run read or wrote, and as what."""

    item: DatasetVersion | ModelVersion
    role: str


@action
def register_run(
    *,
    actor: Principal,
    reason: str,
    namespace: Namespace,
    job_name: str,
    run_key: str,
    source_commit: str | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    state: str = RunState.RUNNING,
    inputs: Sequence[Link] = (),
    outputs: Sequence[Link] = (),
    link_method: str = LinkMethod.DECLARED,
) -> Registered[Run]:
    """Register a run, whole or just begun, with its inputs and outputs in one act.

    A run that is there is the same when job, commit, begin and end agree as far as they are given and every link given
    is there; its state may have moved on. Further links and the end are acts of their own.

    Raises:
        errors.Forbidden. errors.AlreadyDifferent. errors.Invalid: an end without a final state, or before the begin; a
            key that the product keeps for runs of its own.
    """
    may_register(actor, namespace)
    if run_key.startswith(OWN_KEYS):
        raise errors.Invalid(errors={"run_key": [kept_key()]})
    _check_times(state, started_at, ended_at)
    links = [(RunInput, link) for link in inputs] + [(RunOutput, link) for link in outputs]
    if len(inputs) > LINK_LIMIT or len(outputs) > LINK_LIMIT:
        raise errors.Invalid(_("At most %(limit)d inputs and outputs at once.") % {"limit": LINK_LIMIT})
    for kind, link in links:
        _check_link(actor, namespace, kind, link)
    told = {"source_commit": source_commit, "started_at": started_at, "ended_at": ended_at}
    run, created = get_or_register(
        Run,
        identity={"namespace": namespace, "run_key": run_key},
        content={"job_name": job_name, "state": state, **told},
        compare={"job_name": job_name} | {field: value for field, value in told.items() if value is not None},
    )
    if not created:
        if state != RunState.RUNNING:
            refuse_difference(run, {"state": state})
        _refuse_missing_links(run, links)
        return Registered(run, False)
    lock_roots(("run", run.pk), *(root for kind, link in links if kind is RunOutput for root in _roots(link)))
    for kind, link in links:
        kind.objects.create(run=run, role=link.role, link_method=link_method, **_target(link))
    return Registered(run, True)


@action
def end_run(
    *, actor: Principal, reason: str, run: Run, state: str, ended_at: datetime | None = None
) -> Registered[Run]:
    """Record how a run ended. The same end again changes nothing (`created` False).

    Args:
        state: complete, failed or aborted. ended_at: now when left out.

    Raises:
        errors.Forbidden. errors.Conflict: it ended otherwise.
        errors.Invalid: no final state, or an end before the begin.
    """
    may_register(actor, run.namespace)
    if state not in (RunState.COMPLETE, RunState.FAILED, RunState.ABORTED):
        raise errors.Invalid(errors={"state": [_("complete, failed or aborted.")]})
    current = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
    if current.state != RunState.RUNNING:
        if current.state == state and ended_at in (None, current.ended_at):
            return Registered(current, False)
        raise errors.Conflict(_("The run has ended: %(state)s.") % {"state": current.get_state_display()})
    end = ended_at or timezone.now()
    _check_times(state, current.started_at, end)
    current.state, current.ended_at = state, end
    current.save(update_fields=["state", "ended_at"])
    return Registered(current, True)


@action
def link_run_input(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    item: DatasetVersion | ModelVersion,
    role: str = RunRole.TRAINING,
    link_method: str = LinkMethod.DECLARED,
) -> Registered[RunInput]:
    """Say that a run read a dataset version or a model version. The actor must be able to read it.

    Raises:
        errors.Forbidden. errors.Invalid: no such role. errors.Missing: in a namespace the actor does not read.
    """
    may_register(actor, run.namespace)
    link = Link(item, role)
    _check_link(actor, run.namespace, RunInput, link)
    lock_roots(("run", run.pk))
    return get_or_register(
        RunInput,
        identity={"run": run, "role": role, "dataset_version": None, "model_version": None, **_target(link)},
        content={"link_method": link_method},
        compare={},
    )


@action
def link_run_output(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    item: DatasetVersion | ModelVersion,
    role: str = RunRole.OUTPUT,
    link_method: str = LinkMethod.DECLARED,
) -> Registered[RunOutput]:
    """Say that a run wrote a dataset version or a model version of its own namespace.

    Raises:
        errors.Forbidden. errors.Invalid: no such role, or the item lies in another namespace.
    """
    may_register(actor, run.namespace)
    link = Link(item, role)
    _check_link(actor, run.namespace, RunOutput, link)
    lock_roots(("run", run.pk), *_roots(link))
    return get_or_register(
        RunOutput,
        identity={"run": run, "role": role, "dataset_version": None, "model_version": None, **_target(link)},
        content={"link_method": link_method},
        compare={},
    )


@action
def fill_run(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    started_at: datetime | None = None,
    source_commit: str | None = None,
) -> Registered[Run]:
    """Say what was left blank of a run: when it began, and the commit of its code. What is recorded already stays.

    Returns:
        The run; `created` is whether anything was filled in.

    Raises:
        errors.Forbidden. errors.Invalid: a begin after the end on record.
    """
    may_register(actor, run.namespace)
    current = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
    told = {"started_at": started_at, "source_commit": source_commit}
    blank = [field for field, value in told.items() if value is not None and getattr(current, field) is None]
    for field in blank:
        setattr(current, field, told[field])
    _check_times(current.state, current.started_at, current.ended_at)
    if blank:
        current.save(update_fields=blank)
    return Registered(current, bool(blank))


@action
def link_run(
    *,
    actor: Principal,
    reason: str,
    run: Run,
    inputs: Sequence[Link] = (),
    outputs: Sequence[Link] = (),
    link_method: str = LinkMethod.DECLARED,
) -> list[RunInput | RunOutput]:
    """Say what else a run read and wrote, many links at once. Those that are there already stay as they are.

    Returns:
        The links that are new.

    Raises:
        errors.Forbidden, errors.Invalid, errors.Missing: as `link_run_input` and `link_run_output`.
    """
    may_register(actor, run.namespace)
    wanted = [(RunInput, link) for link in dict.fromkeys(inputs)] + [(RunOutput, one) for one in dict.fromkeys(outputs)]
    for kind, link in wanted:
        _check_link(actor, run.namespace, kind, link)
    lock_roots(("run", run.pk), *(root for kind, link in wanted if kind is RunOutput for root in _roots(link)))
    made: list[RunInput | RunOutput] = []
    kinds: tuple[type[Any], ...] = (RunInput, RunOutput)
    for kind in kinds:
        there = set(kind.objects.filter(run=run).values_list("role", "dataset_version_id", "model_version_id"))
        new = [
            kind(run=run, role=link.role, link_method=link_method, **_target(link))
            for of, link in wanted
            if of is kind and (str(link.role), *_ids(link)) not in there
        ]
        made += kind.objects.bulk_create(new)
    return made


def _ids(link: Link) -> tuple[int | None, int | None]:
    """Ids of dataset version and model version; one of them is None."""
    return (link.item.pk, None) if isinstance(link.item, DatasetVersion) else (None, link.item.pk)


def _target(link: Link) -> dict[str, DatasetVersion | ModelVersion]:
    return {"dataset_version" if isinstance(link.item, DatasetVersion) else "model_version": link.item}


def _roots(link: Link) -> tuple[tuple[str, int], ...]:
    """What an output locks besides its run: the thing whose closure it joins."""
    if isinstance(link.item, DatasetVersion):
        return (("dataset", link.item.dataset_id),)
    return (("model_version", link.item.pk),)


def _check_times(state: str, started_at: datetime | None, ended_at: datetime | None) -> None:
    if state not in RunState.values:
        raise errors.Invalid(errors={"state": [_("One of %(known)s.") % {"known": ", ".join(RunState.values)}]})
    if (state == RunState.RUNNING) != (ended_at is None):
        raise errors.Invalid(errors={"ended_at": [_("A run has an end exactly when it runs no more.")]})
    if started_at is not None and ended_at is not None and ended_at < started_at:
        raise errors.Invalid(errors={"ended_at": [_("It would end before it began.")]})


_ROLES: dict[type[RunInput] | type[RunOutput], tuple[str, tuple[RunRole, ...]]] = {
    RunInput: ("inputs", INPUT_ROLES),
    RunOutput: ("outputs", OUTPUT_ROLES),
}


def _check_link(actor: Principal, home: Namespace, kind: type[RunInput] | type[RunOutput], link: Link) -> None:
    field, roles = _ROLES[kind]
    if link.role not in roles:
        raise errors.Invalid(errors={f"{field}.role": [_("One of %(known)s.") % {"known": ", ".join(roles)}]})
    namespace_id = (
        link.item.dataset.namespace_id if isinstance(link.item, DatasetVersion) else link.item.model.namespace_id
    )
    if namespace_id == home.pk:
        return
    if kind is RunOutput:
        raise errors.Invalid(errors={field: [_("A run writes only into its own namespace.")]})
    if not readable_namespaces(actor).filter(pk=namespace_id).exists():
        raise errors.Missing(_("No such record, or none that you may read."), errors={field: [_("No such record.")]})


def _refuse_missing_links(run: Run, links: Sequence[tuple[type[RunInput] | type[RunOutput], Link]]) -> None:
    """Raises errors.AlreadyDifferent when a link is given that the run does not have."""
    missing: dict[str, list[str]] = {}
    for kind, link in links:
        if not kind.objects.filter(run=run, role=link.role, **_target(link)).exists():
            missing[_ROLES[kind][0]] = [_("The run is registered without it. Link it by an act of its own.")]
    if missing:
        raise errors.AlreadyDifferent(errors=missing, params={"id": run.pk, "fields": sorted(missing)})
