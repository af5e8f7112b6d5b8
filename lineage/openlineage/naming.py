"""From OpenLineage names to records: datasets, their versions, and the version that stands for "whichever it was"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from django.utils.translation import gettext as _

from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.unit_of_work import action, part
from lineage import actions
from lineage.actions import openlineage as names
from lineage.actions.registering import Registered, get_or_register, may_register
from lineage.models import (
    Dataset,
    DatasetVersion,
    LinkMethod,
    OpenLineageDataset,
    OpenLineageNamespace,
    Run,
    RunInput,
    RunOutput,
    RunRole,
    RunState,
)
from lineage.models.runs import ANY_VERSION_KEY
from lineage.openlineage.artifacts import digest_in
from lineage.openlineage.claims import Note

ANY_VERSION = "any version"
"""Label of the version that a run read when nobody said which. It is made of all versions there are."""
ANY_VERSION_JOB = "any version of a dataset"

Key = tuple[str, str]


class Act(TypedDict):
    """Who acts, and why."""

    actor: Principal
    reason: str


@dataclass
class Names:
    """What an account's names mean, in its home namespace."""

    actor: Principal
    home: Namespace
    reason: str
    owners: dict[str, set[int]] = field(default_factory=dict)
    """Per OpenLineage namespace the accounts that report for it."""
    datasets: dict[Key, Dataset] = field(default_factory=dict)
    made: list[Dataset] = field(default_factory=list)

    def is_anothers(self, key: Key) -> bool:
        """Whether others report for it, and this account does not."""
        owners = self.owners.get(key[0], set())
        return bool(owners) and self.actor.pk not in owners

    def look_up(self, read: Iterable[Key], written: Iterable[Key]) -> list[tuple[Key, Note]]:
        """Find the datasets, claim the namespaces that are written to, make what is new.

        Returns:
            What may not be written, with why.
        """
        written, read = sorted(set(written)), sorted(set(read))
        sources = sorted({source for source, _name in (*written, *read)})
        self.owners = {source: set() for source in sources}
        claims = OpenLineageNamespace.objects.filter(namespace=self.home, source__in=sources)
        known = set()
        for one in claims:
            known.add(one.source)
            if one.active:
                self.owners[one.source].add(one.producer_id)
        act: Act = {"actor": self.actor, "reason": self.reason}
        for source in sorted({source for source, _name in written} - known):
            part(names.claim_openlineage_namespace)(**act, namespace=self.home, source=source)
            self.owners[source].add(self.actor.pk)
        refused = [(key, self._not_its_own(key)) for key in written if self.actor.pk not in self.owners[key[0]]]
        mine = [key for key in written if self.actor.pk in self.owners[key[0]]]
        self._find_or_make(dict.fromkeys((*mine, *read)), elsewhere=[key for key in read if key not in mine])
        return refused

    def _not_its_own(self, key: Key) -> Note:
        sentence = _("Another producer reports for %(source)s: %(name)s can be read, and nothing else is taken of it.")
        return Note(f"{key[0]} {key[1]}", sentence % {"source": key[0], "name": key[1]})

    def _find_or_make(self, keys: Iterable[Key], elsewhere: Sequence[Key]) -> None:
        wanted = sorted(keys)
        found = OpenLineageDataset.objects.filter(
            namespace=self.home, source__in={key[0] for key in wanted}, name__in={key[1] for key in wanted}
        ).select_related("dataset__namespace")
        self.datasets = {(one.source, one.name): one.dataset for one in found if (one.source, one.name) in set(wanted)}
        missing = [key for key in elsewhere if key not in self.datasets and not self.owners[key[0]]]
        if missing:
            self.datasets |= self._in_other_namespaces(missing)
        for key in wanted:
            if key not in self.datasets:
                self.datasets[key] = self._make(key)

    def _in_other_namespaces(self, keys: list[Key]) -> dict[Key, Dataset]:
        """What is read may belong to a namespace that the account reads: if just one there bears the name, it is it."""
        found: dict[Key, list[Dataset]] = {}
        others = OpenLineageDataset.objects.filter(
            namespace__in=readable_namespaces(self.actor).exclude(pk=self.home.pk),
            source__in={key[0] for key in keys},
            name__in={key[1] for key in keys},
        ).select_related("dataset__namespace")
        for one in others:
            found.setdefault((one.source, one.name), []).append(one.dataset)
        return {key: found[key][0] for key in keys if len(found.get(key, ())) == 1}

    def _make(self, key: Key) -> Dataset:
        act: Act = {"actor": self.actor, "reason": self.reason}
        plain = f"{key[0].rstrip('/')}/{key[1].lstrip('/')}"
        taken = len(plain) > 256 or Dataset.objects.filter(namespace=self.home, name=plain).exists()
        dataset = part(actions.register_dataset)(
            **act, namespace=self.home, name=_told_apart(plain, key) if taken else plain, title=key[1][:256]
        ).record
        part(names.name_openlineage_dataset)(**act, source=key[0], name=key[1], dataset=dataset)
        self.made.append(dataset)
        return dataset


def _told_apart(plain: str, key: Key) -> str:
    """A name that is the key's alone: s3://lake/a + b and s3://lake + a/b would be one otherwise."""
    return f"{plain[:245].rstrip()}~{hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:10]}"


@dataclass
class Versions:
    """The versions that an event names, found or made."""

    names: Names
    found: dict[tuple[int, str], DatasetVersion] = field(default_factory=dict)
    made: list[DatasetVersion] = field(default_factory=list)

    def look_up(self, wanted: Iterable[tuple[Dataset, str]]) -> None:
        """Find or make them. A label that is a whole digest is kept as digest too."""
        pairs = {(dataset.pk, label): dataset for dataset, label in wanted}
        there = DatasetVersion.objects.filter(
            dataset__in={pk for pk, _label in pairs}, label__in={label for _pk, label in pairs}
        ).select_related("dataset__namespace")
        for one in there.order_by("-id"):
            self.found[(one.dataset_id, one.label)] = one
        for (pk, label), dataset in sorted(pairs.items(), key=lambda item: item[0]):
            if (pk, label) not in self.found:
                self._make(dataset, label)
        for pk in sorted({pk for pk, _label in pairs}):
            self._complete_any_version(pk)

    def _make(self, dataset: Dataset, label: str) -> None:
        if dataset.namespace_id != self.names.home.pk:
            # Another namespace's dataset, of which no such version is known there: the newest that is.
            any_there = DatasetVersion.objects.filter(dataset=dataset).order_by("-id").first()
            if any_there is not None:
                self.found[(dataset.pk, label)] = any_there
            return
        version = part(actions.register_dataset_version)(
            actor=self.names.actor, reason=self.names.reason, dataset=dataset, label=label, digest=digest_in(label)
        ).record
        self.found[(dataset.pk, label)] = version
        self.made.append(version)

    def _complete_any_version(self, dataset: int) -> None:
        """Whoever read "any version" may have read each: they are what it is made of, as they become known."""
        whichever = self.found.get((dataset, ANY_VERSION)) or any_version_of(dataset)
        if whichever is None or whichever.dataset.namespace_id != self.names.home.pk:
            return
        key = f"{ANY_VERSION_KEY}{dataset}"
        act: Act = {"actor": self.names.actor, "reason": self.names.reason}
        run = Run.objects.filter(namespace=self.names.home, run_key=key).select_related("namespace").first()
        linked = RunInput.objects.filter(run=run) if run is not None else RunInput.objects.none()
        missing = list(
            DatasetVersion.objects.filter(dataset=dataset)
            .exclude(pk=whichever.pk)
            .exclude(pk__in=linked.values("dataset_version_id"))
            .select_related("dataset__namespace")
            .order_by("id")[:1000]
        )
        # Whoever made the run: without this link nothing of what it read would count.
        if not missing and run is not None and RunOutput.objects.filter(run=run, dataset_version=whichever).exists():
            return
        if run is None:
            if not missing:
                return
            run = part(_register_any_version_run)(**act, namespace=self.names.home, run_key=key).record
        part(actions.link_run)(
            **act,
            run=run,
            inputs=[actions.Link(one, RunRole.SOURCE) for one in missing],
            outputs=[actions.Link(whichever, RunRole.OUTPUT)],
            link_method=LinkMethod.INFERRED,
        )


@action
def _register_any_version_run(*, actor: Principal, reason: str, namespace: Namespace, run_key: str) -> Registered[Run]:
    """The run of a key that no one else may take (lineage/sql/70_openlineage.sql). Raises errors.Forbidden."""
    may_register(actor, namespace)
    content = {"job_name": ANY_VERSION_JOB, "state": RunState.RUNNING}
    return get_or_register(Run, identity={"namespace": namespace, "run_key": run_key}, content=content, compare={})


def any_version_of(dataset: int) -> DatasetVersion | None:
    """The version of a dataset that stands for whichever it was; None: nobody has read it without saying which."""
    found = DatasetVersion.objects.filter(dataset=dataset, label=ANY_VERSION, digest_value="")
    return found.select_related("dataset__namespace").first()
