"""A manifest: everything a training run leaves on record, in one act, all of it or nothing.

Parts refer to one another by local names; each is registered by the body of its own action, under its own rules, and
found again when it stands there with the same content.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from approvals.actions.evidence import Measured, report_evidence
from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.history.models import GovernedModel
from governance.unit_of_work import action, part
from lineage import actions as facts
from lineage.actions.bulk import roots_of, under
from lineage.actions.registering import lock_roots
from lineage.models import Run

PARTS_LIMIT = 1_000


@dataclass(frozen=True)
class Local:
    """A reference to another part of the manifest, by its local name (`#train` without the #)."""

    name: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A record to register.

    Args:
        kind: its collection. path: where it stands in the manifest, for refusals. ref: its local name, if it has one.
        content: what the collection's action takes; a Local stands for a record that another part makes.
    """

    kind: str
    path: str
    ref: str | None
    content: Mapping[str, Any]


class Outcome(NamedTuple):
    """What became of a part; in a dry run, what would."""

    part: Part
    record: GovernedModel
    created: bool


class _DryRun(Exception):
    """Ends the transaction of a dry run, so that nothing of it stays."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


def register_manifest(
    *, actor: Principal, reason: str, namespace: Namespace, parts: Sequence[Part], dry_run: bool = False
) -> list[Outcome]:
    """Register all parts, or none; what they became, in their order.

    Args:
        dry_run: carry it out in full, constraints that wait for the end included, and take it all back: nothing is
            recorded. The outcomes are those it would have.

    Raises:
        errors.Refused: as the action of the refused part does; `errors` names the part: `runs[0].inputs`.
    """
    try:
        return _register(actor=actor, reason=reason, namespace=namespace, parts=parts, dry_run=dry_run)
    except _DryRun as done:
        return done.outcomes


@action
def _register(
    *, actor: Principal, reason: str, namespace: Namespace, parts: Sequence[Part], dry_run: bool
) -> list[Outcome]:
    if not 1 <= len(parts) <= PARTS_LIMIT:
        raise errors.Invalid(_("A manifest has 1 to %(limit)d parts.") % {"limit": PARTS_LIMIT})
    lock_roots(*sorted({root for one in parts for root in roots_of(_known(one.content))}))
    outcomes = _Registering(actor, reason, namespace, parts).all()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the end is refused with the rest
    if dry_run:
        raise _DryRun(outcomes)
    return outcomes


def _known(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if isinstance(value, GovernedModel)}


@dataclass
class _Registering:
    """Registers parts in the order in which they need one another."""

    actor: Principal
    reason: str
    namespace: Namespace
    parts: Sequence[Part]
    done: dict[str, Outcome] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_name = {one.ref: one for one in self.parts if one.ref is not None}

    def all(self) -> list[Outcome]:
        """Every part; what a run wrote is linked when all else is there, since what it wrote names it as its source."""
        for one in self.parts:
            self.outcome(one)
        for one in self.parts:
            if one.kind == "runs":
                self._named(one, self._link_outputs)
        return [self.done[one.path] for one in self.parts]

    def outcome(self, one: Part) -> Outcome:
        """What became of a part, registering first whatever it needs. Raises Invalid when parts need each other."""
        if one.path not in self.done:
            if one.path in self.begun:
                raise errors.Invalid(errors={one.path: [_("It needs a part that needs it in turn.")]})
            self.begun.append(one.path)
            self._named(one, self._register)
        return self.done[one.path]

    def _named(self, one: Part, do: Callable[[Part], None]) -> None:
        """Do something about a part; what is refused is told under its path."""
        try:
            do(one)
        except errors.Refused as refusal:
            if not any(name.startswith(tuple(p.path for p in self.parts)) for name in refusal.errors):
                refusal.errors = under(one.path, refusal)
            raise
        except DatabaseError as error:
            found = errors.from_database(error)
            if found is None:
                raise
            found.errors = under(one.path, found)
            raise found from error

    def _register(self, one: Part) -> None:
        given = {name: self._resolved(value) for name, value in one.content.items() if name != "outputs"}
        record, created = _ACTS[one.kind](self, given)
        self.done[one.path] = Outcome(one, record, created)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, Local):
            return self._local(value)
        if isinstance(value, facts.Link):
            return facts.Link(self._resolved(value.item), value.role)
        if isinstance(value, list):
            return [self._resolved(one) for one in value]
        return value

    def _local(self, local: Local) -> GovernedModel:
        target = self.by_name.get(local.name)
        if target is None:
            raise errors.Invalid(_("No part of the manifest is called #%(name)s.") % {"name": local.name})
        if target.kind not in local.kinds:
            names = {"name": local.name, "is": target.kind, "asked": ", ".join(local.kinds)}
            raise errors.Invalid(_("#%(name)s stands under %(is)s; one of %(asked)s is asked for.") % names)
        return self.outcome(target).record

    def _link_outputs(self, one: Part) -> None:
        run = self.done[one.path].record
        assert isinstance(run, Run)
        for link in one.content.get("outputs", ()):
            made = part(facts.link_run_output)(
                **self.who, run=run, item=self._resolved(link.item), role=link.role,
                **({"link_method": one.content["link_method"]} if "link_method" in one.content else {}),
            )  # fmt: skip
            if made.created and not self.done[one.path].created:
                self.done[one.path] = self.done[one.path]._replace(created=True)

    @property
    def who(self) -> dict[str, Any]:
        """Actor and reason of every part."""
        return {"actor": self.actor, "reason": self.reason}

    @property
    def where(self) -> dict[str, Any]:
        """The same, and the namespace."""
        return {**self.who, "namespace": self.namespace}


def _evidence(at: _Registering, given: dict[str, Any]) -> tuple[GovernedModel, bool]:
    subject = next(given.pop(name) for name in ("model_version", "dataset_version") if name in given)
    plan, digest = given.pop("plan"), given.pop("subject_digest")
    return part(report_evidence)(
        **at.who, plan=plan, subject=subject, subject_digest=digest, measured=Measured(**given)
    )


_ACTS: dict[str, Callable[[_Registering, dict[str, Any]], tuple[GovernedModel, bool]]] = {
    "datasets": lambda at, given: part(facts.register_dataset)(**at.where, **given),
    "terms": lambda at, given: part(facts.record_terms)(**at.who, **given),
    "dataset_versions": lambda at, given: part(facts.register_dataset_version)(**at.who, **given),
    "flags": lambda at, given: part(facts.raise_flag)(**at.who, **given),
    "runs": lambda at, given: part(facts.register_run)(**at.where, **given),
    "models": lambda at, given: part(facts.register_model)(**at.where, **given),
    "model_versions": lambda at, given: part(facts.register_model_version)(**at.who, **given),
    "evidence": _evidence,
}
KINDS = tuple(_ACTS)
