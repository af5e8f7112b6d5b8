"""Making records of what an event claims: only ever more, so that the order of events and repeats do not matter.

What is new is created, links and flags are added, blanks of a run are filled in. Nothing on record is rewritten, no
flag is made milder, and data of which another producer reports is only read. What is refused is noted, and the rest
goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.unit_of_work import action, part
from lineage import actions
from lineage.actions import Link
from lineage.actions.columns import ColumnLink
from lineage.actions.personal_data import record_finds
from lineage.models import (
    Assessment,
    DataProfile,
    Dataset,
    DatasetVersion,
    LinkMethod,
    OpenLineageEvent,
    Presence,
    QualityResult,
    ReportedFact,
    Run,
    RunInput,
    RunOutput,
    RunRole,
    RunState,
    SensitivityFlag,
)
from lineage.models.reports import Report
from lineage.openlineage import artifacts, elsewhere, facets
from lineage.openlineage.bodies import canonical
from lineage.openlineage.claims import ENDS, Claim, DatasetClaim, Note, read
from lineage.openlineage.flag_claims import as_answer, beside, both, covers
from lineage.openlineage.naming import ANY_VERSION, Act, Key, Names, Versions, any_version_of
from lineage.openlineage.said import FlagClaim, Said
from lineage.quality.documents import read_columns
from lineage.quality.finds import finds_in, without_reported_values

R = TypeVar("R", bound=Report)

NOTES_KEPT = 200
MADE_KEPT = 1_000
#: Changes after which nobody can say any more what lies there.
UNSETTLING = frozenset({"ALTER", "DROP", "OVERWRITE", "TRUNCATE"})


@dataclass
class Outcome:
    """What became of an event."""

    made: list[tuple[str, int, str]] = field(default_factory=list)
    """Kind, id and name of what was added to the record."""
    notes: list[Note] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: bool = False
    """Nothing of it was taken."""

    @property
    def state(self) -> str:
        """Of IntakeState."""
        if self.refused:
            return "refused"
        return "partly" if self.notes else "understood"

    def made_as_json(self) -> list[list[Any]]:
        """For the intake's row."""
        return [list(one) for one in self.made[:MADE_KEPT]]

    def notes_as_json(self) -> list[dict[str, Any]]:
        """For the intake's row: faults first, then facets that nothing is made of."""
        told = [{"path": one.path[:500], "why": str(one.why)[:1_000], "unknown": False} for one in self.notes]
        sentence = _("No record is made of this facet; it stays in the event.")
        told += [{"path": path[:500], "why": sentence, "unknown": True} for path in self.unknown]
        return told[:NOTES_KEPT]


@action
def apply_event(
    *, actor: Principal, reason: str, event: OpenLineageEvent, body: Any, finish: Callable[[Outcome], None]
) -> Outcome:
    """Make records of an event, as one act of the account that sent it.

    Args:
        body: the event's text, read. finish: called last, in the same transaction, with what became of it.

    Raises:
        errors.Refused: the account may not register facts any more.
    """
    outcome = _Applying(event, read(body), reason).run()
    finish(outcome)
    return outcome


class _Applying:
    """One event on its way into the record."""

    def __init__(self, event: OpenLineageEvent, claim: Claim, reason: str) -> None:
        self.event = event
        self.claim = claim
        self.actor = event.recorded_by
        self.home = event.namespace
        self.act: Act = {"actor": self.actor, "reason": reason}
        self.names = Names(self.actor, self.home, reason)
        self.versions = Versions(self.names)
        self.outcome = Outcome(notes=list(claim.notes))
        self.said: dict[str, Said] = {}
        """By the path of the dataset."""

    def run(self) -> Outcome:
        run = self._run() if self.claim.run_key else None
        if self.outcome.refused:
            return self.outcome
        written, was_read = self._look_up()
        if run is not None:
            with self._noting("inputs"):
                self._link(run, written, was_read)
            self._say_of_run(run)
        else:
            self._note(facets.of_job(self.claim.job_facets))
        for claim in (*written, *was_read):
            self._say_of_dataset(claim, run)
        if run is not None:
            self._flags_of_run(run)
            self._mirror(run)
        return self.outcome

    # --- runs ---

    def _run(self) -> Run | None:
        run = Run.objects.filter(namespace=self.home, run_key=self.claim.run_key).select_related("namespace").first()
        job = self.claim.job_name[:256]
        if run is None:
            run = part(actions.register_run)(
                **self.act, namespace=self.home, job_name=job, run_key=self.claim.run_key
            ).record
            self._made("run", run, job)
        else:
            reporters = set(ReportedFact.objects.filter(run=run, kind="job").values_list("recorded_by_id", flat=True))
            if reporters and self.actor.pk not in reporters:
                self.outcome.refused = True
                self.outcome.notes = [Note("run.runId", _("Another producer reports for this run. Nothing was taken."))]
                return None
            if run.job_name != job:
                self.outcome.notes.append(Note("job.name", _("The run is on record under another job.")))
        said = facets.of_job(self.claim.job_facets)
        self._note(said)
        with self._noting("eventTime"):
            started = self.claim.at if self.claim.event_type == "START" and run.started_at is None else None
            commit = (said.commit or None) if run.source_commit is None else None
            if said.commit and run.source_commit not in (None, said.commit):
                self.outcome.notes.append(Note("job.sourceCodeLocation", _("Another commit is on record of the run.")))
            if started is not None or commit is not None:
                run = part(actions.fill_run)(**self.act, run=run, started_at=started, source_commit=commit).record
        state = ENDS.get(self.claim.event_type)
        if state is not None and run.state != state:
            with self._noting("eventType"):
                if run.state != RunState.RUNNING:
                    raise errors.Conflict(
                        _("The run has ended otherwise: %(state)s.") % {"state": run.get_state_display()}
                    )
                run = part(actions.end_run)(**self.act, run=run, state=state, ended_at=self.claim.at).record
        return run

    def _say_of_run(self, run: Run) -> None:
        said = facets.of_run(self.claim.run_facets)
        self._note(said)
        job = {"namespace": self.claim.job_source, "name": self.claim.job_name}
        with self._noting("run"):
            self._report_facts([(ReportedFact.Kind.JOB, "", job), *said.facts], run=run)
        with self._noting("run.test"):
            self._report_results(said, run=run, version=None)

    def _flags_of_run(self, run: Run) -> None:
        """What a run's tags say of what it writes holds for every output, whichever of the two is told first."""
        tags = [
            tag
            for content in ReportedFact.objects.filter(run=run, kind="tags", dataset=None).values_list(
                "content", flat=True
            )
            for tag in content["tags"]
        ]
        said = facets.flags_of(tags)
        if not said.flags:
            return
        outputs = RunOutput.objects.filter(run=run, dataset_version__isnull=False)
        for link in outputs.select_related("dataset_version__dataset__namespace").order_by("dataset_version_id"):
            assert link.dataset_version is not None
            if not self._anothers(link.dataset_version.dataset):
                self._raise_flags("run.tags", link.dataset_version, said.flags)

    def _anothers(self, dataset: Dataset) -> bool:
        return any(
            self.names.datasets.get(key) == dataset and self.names.is_anothers(key) for key in self.names.datasets
        )

    def _mirror(self, run: Run) -> None:
        """What is known of the run under another key, such as MLflow's, is linked there too."""
        with self._noting("run.tags"):
            for made in elsewhere.link_as_known(run, **self.act):
                self._made("link", made, str(made))

    # --- datasets ---

    def _look_up(self) -> tuple[list[DatasetClaim], list[DatasetClaim]]:
        """What was written and read, with their records found; what must not be written is left out and noted."""
        for claim in (*self.claim.outputs, *self.claim.inputs):
            said = self.said[claim.path] = facets.of_dataset(claim)
            self._note(said)
        read_keys = [one.key for one in self.claim.inputs]
        # Lineage names what its columns came of; that was read, even where the inputs do not say so.
        paths = [one.path for one in self.claim.outputs] if self.claim.run_key else []
        named = [(edge.source, edge.name) for path in paths for edge in self.said[path].edges]
        extra = [key for key in sorted(set(named)) if key not in set(read_keys)]
        written = list(self.claim.outputs)
        refused = self.names.look_up([*read_keys, *extra], [one.key for one in written])
        self.outcome.notes += [note for _key, note in refused]
        left_out = {key for key, _note in refused}
        written = [one for one in written if one.key not in left_out]
        extra = [key for key in extra if not self._read_before(key)]
        was_read = [*self.claim.inputs, *(DatasetClaim("columnLineage", *key, {}) for key in extra)]
        for dataset in self.names.made:
            self._made("dataset", dataset, dataset.name)
        self.versions.look_up(
            (self.names.datasets[one.key], label)
            for listed, as_output in ((written, True), (was_read, False))
            for one in listed
            if (label := self._label(one, written=as_output))
        )
        for version in self.versions.made:
            self._made("dataset_version", version, f"{version.dataset.name} {version.label}")
        return written, was_read

    def _read_before(self, key: Key) -> list[DatasetVersion]:
        """The versions of a dataset that the run is on record to have read."""
        read_by = RunInput.objects.filter(run__namespace=self.home, run__run_key=self.claim.run_key)
        found = DatasetVersion.objects.filter(
            dataset=self.names.datasets[key], pk__in=read_by.values("dataset_version_id")
        )
        return list(found.select_related("dataset__namespace").order_by("id"))

    def _label(self, claim: DatasetClaim, *, written: bool) -> str:
        """Which version is meant: the one that is said, the run's own where one writes, else whichever there was.

        Blank: none, since nothing is said that a version would bear.
        """
        said = self.said.get(claim.path)
        if said is not None and said.version:
            return said.version
        if written and self.claim.run_key:
            return f"run {self.claim.run_key}"[:256]
        return ANY_VERSION if self.claim.run_key or (said is not None and said.of_version) else ""

    def _version(self, claim: DatasetClaim, *, written: bool) -> DatasetVersion | None:
        return self.versions.found.get((self.names.datasets[claim.key].pk, self._label(claim, written=written)))

    def _link(self, run: Run, written: Sequence[DatasetClaim], was_read: Sequence[DatasetClaim]) -> None:
        inputs = [version for one in was_read if (version := self._version(one, written=False))]
        outputs = [version for one in written if (version := self._version(one, written=True))]
        named = [artifacts.Written(*one.key, artifacts.digest_in(self._label(one, written=True))) for one in written]
        models = artifacts.came_out(run.run_key, self.home, [*named, *artifacts.written_before(run)])
        made = part(actions.link_run)(
            **self.act,
            run=run,
            inputs=[Link(one, RunRole.TRAINING) for one in inputs],
            outputs=[*(Link(one, RunRole.OUTPUT) for one in outputs), *(Link(one, RunRole.OUTPUT) for one in models)],
            link_method=LinkMethod.OPENLINEAGE,
        )
        for link in made:
            if link.model_version is not None:
                model = link.model_version
                self._made("model", link, f"{model.model.name} {model.number}")
            else:
                kind = "input" if link._meta.model_name == "runinput" else "output"
                self._made(kind, link, str(link.dataset_version))

    def _say_of_dataset(self, claim: DatasetClaim, run: Run | None) -> None:
        said = self.said.get(claim.path)
        written = claim in self.claim.outputs
        dataset = self.names.datasets[claim.key]
        if said is None or not (said.facts or said.flags or said.results or said.profile or said.edges):
            return
        if self.names.is_anothers(claim.key) or dataset.namespace_id != self.home.pk:
            sentence = _(
                "Another producer reports for it: that it was read is on record, and nothing that is said of it."
            )
            self.outcome.notes.append(Note(claim.path, sentence))
            return
        version = self._version(claim, written=written)
        with self._noting(claim.path):
            new = self._report_facts(said.facts, run=run, dataset=dataset, version=version)
            self._unsettle(dataset, new)
        if version is None:
            return
        with self._noting(claim.path):
            self._report_profile(said, run, version)
        with self._noting(claim.path):
            self._report_results(said, run=run, version=version)
        self._raise_flags(claim.path, version, said.flags)
        if said.edges and run is None:
            self.outcome.notes.append(Note(f"{claim.path}.columnLineage", _("It is kept of runs only.")))
        elif said.edges and written and run is not None:
            with self._noting(f"{claim.path}.columnLineage"):
                self._link_columns(run, version, said)

    def _link_columns(self, run: Run, target: DatasetVersion, said: Said) -> None:
        sources: dict[Key, list[DatasetVersion]] = {}
        for claim in self.claim.inputs:
            if version := self._version(claim, written=False):
                sources[claim.key] = [version]
        for edge in said.edges:
            key = (edge.source, edge.name)
            if key not in sources:
                sources[key] = self._read_before(key)
        made = part(actions.link_columns)(
            **self.act,
            run=run,
            links=[
                ColumnLink(
                    source, target, edge.source_column, edge.column, edge.kind, edge.subtype, edge.masking,
                    edge.description,
                )
                for edge in said.edges
                for source in sources[(edge.source, edge.name)]
            ],
            link_method=LinkMethod.OPENLINEAGE,
        )  # fmt: skip
        for record, created in made:
            if created:
                self._made("column", record, f"{record.source_column} → {record.target_column}")

    def _raise_flags(self, path: str, version: DatasetVersion, flags: Iterable[FlagClaim]) -> None:
        merged: dict[tuple[str, str], FlagClaim] = {}
        for flag in flags:
            before = merged.get((flag.column, flag.category), flag)
            merged[(flag.column, flag.category)] = both(before, flag)
        if not merged:
            return
        standing: dict[tuple[str, str], list[SensitivityFlag]] = {}
        for one in SensitivityFlag.objects.filter(dataset_version=version).order_by("id"):
            standing.setdefault((one.column, one.category), []).append(one)
        for key, flag in sorted(merged.items()):
            chain = standing.get(key, [])
            said_before = any(covers(one, flag) and one.assessment != Assessment.REVIEWED for one in chain)
            if said_before or (chain and covers(chain[-1], flag)):
                continue  # whoever looks after the data has it, or has answered it
            if chain:
                flag = beside(chain[-1], flag)
            with self._noting(f"{path}.tags"):
                made, created = part(actions.raise_flag)(
                    **self.act, dataset_version=version, assessment=Assessment.DECLARED, **as_answer(flag, chain)
                )
                if created:
                    self._made("flag", made, f"{flag.category} {flag.column}".strip())

    def _unsettle(self, dataset: Dataset, new: Iterable[ReportedFact]) -> None:
        """After a change in place, a steward's "it is not there" of whatever lies there is an answer no more."""
        if not any(one.kind == "lifecycle" and one.key in UNSETTLING for one in new):
            return
        whichever = any_version_of(dataset.pk)
        if whichever is None:
            return
        in_force: dict[tuple[str, str], SensitivityFlag] = {}
        for one in SensitivityFlag.objects.filter(dataset_version=whichever).order_by("id"):
            in_force[(one.column, one.category)] = one
        for (column, category), flag in sorted(in_force.items()):
            if flag.present == Presence.NO:
                made, _created = part(actions.raise_flag)(
                    **self.act, dataset_version=whichever, column=column, category=category, present=Presence.UNKNOWN,
                    regulation_sets=flag.regulation_sets, special_category=flag.special_category,
                    data_subjects=flag.data_subjects, excluded_from_training=flag.excluded_from_training,
                    assessment=Assessment.DETECTED,
                )  # fmt: skip
                self._made("flag", made, f"{category} {column}".strip())

    # --- reports ---

    def _report_facts(
        self,
        facts: Sequence[tuple[ReportedFact.Kind, str, dict[str, Any]]],
        *,
        run: Run | None = None,
        dataset: Dataset | None = None,
        version: DatasetVersion | None = None,
    ) -> list[ReportedFact]:
        rows = []
        for kind, key, content in facts:
            of: dict[str, Any] = {"run": run if dataset is None else None, "dataset": dataset, "dataset_version": None}
            if kind in (ReportedFact.Kind.SCHEMA, ReportedFact.Kind.TAGS) and dataset is not None:
                of["dataset_version"] = version
            moment = self.claim.at.isoformat() if kind == ReportedFact.Kind.LIFECYCLE else ""
            digest = self._digest("fact", of["run"], dataset, of["dataset_version"], kind, key, content, moment)
            rows.append(
                ReportedFact(
                    namespace=self.home, kind=kind, key=key, content=content, said_at=self.claim.at, event=self.event,
                    content_digest=digest, **of,
                )
            )  # fmt: skip
        return self._add(ReportedFact, rows, "fact")

    def _report_profile(self, said: Said, run: Run | None, version: DatasetVersion) -> None:
        if said.profile:
            digest = self._digest("profile", run, version, said.profile)
            kept = {**said.profile, "columns": without_reported_values(said.profile.get("columns", []))}
            row = DataProfile(
                namespace=self.home, run=run, dataset_version=version, said_at=self.claim.at, event=self.event,
                content_digest=digest, **kept,
            )  # fmt: skip
            for profile in self._add(DataProfile, [row], "profile"):
                for find in record_finds(profile, version, finds_in(read_columns(profile.columns))):
                    self._made("find", find, f"{find.pattern} {find.column}".strip())

    def _report_results(self, said: Said, *, run: Run | None, version: DatasetVersion | None) -> None:
        rows = [
            QualityResult(
                namespace=self.home, run=run, dataset_version=version, said_at=self.claim.at, event=self.event,
                content_digest=self._digest("result", run, version, list(one)), **one._asdict(),
            )
            for one in dict.fromkeys(said.results)
        ]  # fmt: skip
        self._add(QualityResult, rows, "result")

    def _add(self, kind: type[R], rows: Sequence[R], name: str) -> list[R]:
        """Record those that nobody has said before. Events of a namespace are worked off one after another."""
        if not rows:
            return []
        digests = [row.content_digest for row in rows]
        known = set(
            kind._default_manager.filter(namespace=self.home, content_digest__in=digests).values_list(
                "content_digest", flat=True
            )
        )
        new: dict[str, R] = {row.content_digest: row for row in rows if row.content_digest not in known}
        made: list[R] = kind._default_manager.bulk_create(new.values())
        for row in made:
            self._made(name, row, str(row)[:100])
        return made

    def _digest(self, *parts: Any) -> str:
        plain = [one.pk if isinstance(one, Model) else one for one in parts]
        return hashlib.sha256(canonical(plain).encode()).hexdigest()

    # --- what became of it ---

    def _made(self, kind: str, record: Model, name: str) -> None:
        self.outcome.made.append((kind, int(record.pk), name[:200]))

    def _note(self, said: Said) -> None:
        self.outcome.notes += said.unread
        self.outcome.unknown += said.unknown

    @contextmanager
    def _noting(self, path: str) -> Iterator[None]:
        """A part that is refused is noted, and what it wrote is taken back; the rest of the event goes on."""
        try:
            with transaction.atomic():
                yield
        except DatabaseError as error:
            refusal = errors.from_database(error)
            if refusal is None:
                raise
            self.outcome.notes.append(Note(path, str(refusal)))
        except errors.Refused as refusal:
            told = "; ".join(f"{name}: {sentences[0]}" for name, sentences in refusal.errors.items())
            self.outcome.notes.append(Note(path, told or str(refusal)))
