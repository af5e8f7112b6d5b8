"""Records for the rows' addresses."""

from typing import Any

from django.utils import timezone

from approvals import envelope_forms, strict_yaml
from approvals.actions.environments import set_observe_only
from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.policies import write_policy_version
from approvals.actions.promotions import end_promotion, promote
from approvals.actions.sign_offs import declare_conflict
from approvals.actions.statements import find_requirement, statements
from approvals.jobs import ask_for_pack
from approvals.models import Environment, Finding, PolicyVersion, PromotionEnd, Release, Vote
from governance.accounts.actions.grants import grant_role
from governance.accounts.models import ApiKey, CredentialEvent
from governance.accounts.roles import Role
from governance.desk.actions.exports import record_export
from governance.desk.actions.samples import draw_sample
from governance.jobs.models import Job, JobFilePart
from governance.outbox import Message, enqueue
from governance.outbox.models import Notice
from governance.unit_of_work import receipt, recorded_action
from lineage.actions import add_vocabulary_term, recall
from lineage.models import (
    DataProfile,
    DatasetVersion,
    OpenLineageDataset,
    OpenLineageNamespace,
    QualityResult,
    ReportedFact,
    RiskTier,
)
from tests.approvals.serving import scenes
from tests.approvals.world import World, signature
from tests.cast import PASSWORD
from tests.permission_table import WHY, checks, found, lineage, monitoring, openlineage, profiles, tracking, trials


class Things:
    """Records in `retail` to point a row's address at, made when they are asked for."""

    def __init__(self, w: World, route: str) -> None:
        self.w = w
        self.route = route
        self.versions: dict[str, DatasetVersion] = w.versions
        self.person = w.cast.risk
        self._release: Release | None = None
        self._made: dict[str, int | str] = {}

    def id(self, collection: str) -> Any:
        """The id of a record of that collection: one per row, whoever asks."""
        if collection not in self._made:
            self._made[collection] = self._make(collection)
        return self._made[collection]

    def principal(self, name: str) -> int:
        """The id of a member of the cast."""
        return int(getattr(self.w.cast, name).pk)

    def _make(self, collection: str) -> int | str:
        cast = self.w.cast
        if self.route.startswith("audit/samples"):
            collection = "samples"
        if collection in ("acts", "audit"):
            return receipt(self.w.model)["action_id"]
        if self.route.endswith("read-tracking"):
            return tracking.to_read(self.w).pk
        if self.route.endswith(("profile-location", "profiles/read")):
            return profiles.located(self.w).pk
        simple: dict[str, Any] = {
            "namespaces": cast.retail,
            "api-keys": ApiKey.objects.filter(principal=cast.pipeline).first(),
            "environments": Environment.objects.first(),
            "datasets": self.w.datasets["source"],
            "dataset-versions": self.w.versions["source"],
            "terms": self.w.terms["source"],
            "runs": self.w.runs["raw"],
            "models": self.w.model,
            "model-versions": self.w.version,
        }
        if collection in simple:
            return int(simple[collection].pk)
        return int(getattr(self, "_" + collection.replace("-", "_"))().pk)

    def _principals(self) -> Any:
        """The engineer, whose password was reset where the row restores signing."""
        if self.route.endswith("restore-signing"):
            with recorded_action(actor=self.w.cast.engineer, **WHY):
                CredentialEvent.objects.create(principal=self.w.cast.engineer, kind="password_reset")
        return self.w.cast.engineer

    def _samples(self) -> Any:
        """A sample of `retail`, drawn by the auditor."""
        now = timezone.now()
        return draw_sample(
            actor=self.w.cast.auditor, namespace=self.w.cast.retail, kind="lineage_dataset", size=3,
            from_at=now - timezone.timedelta(days=1), until_at=now, **WHY,
        )  # fmt: skip

    def _export_records(self) -> Any:
        return record_export(actor=self.w.cast.viewer, what="lineage_dataset", form="csv", filters={}, **WHY)

    def _outbox(self) -> Any:
        """A message that was given up."""
        with recorded_action(actor=self.w.cast.owner, **WHY):
            message = enqueue("test.never", {}, subject="test:1")
        Message.objects.filter(pk=message.pk).update(attempts=20, dead_at=timezone.now(), last_error="No")
        return message

    def _notices(self) -> Any:
        """A notice to the auditor."""
        return Notice.objects.create(message=self._outbox(), recipient=self.w.cast.auditor, kind="job-done")

    _inbox = _notices

    def _jobs(self) -> Any:
        """A job of the auditor's that has ended with a file; where it is to be cancelled, one that waits."""
        job, _created = ask_for_pack(actor=self.w.cast.auditor, release=self._releases(), **WHY)
        if self.route.endswith("cancel"):
            return job
        JobFilePart.objects.create(job=job, number=0, content=b"pack")
        Job.objects.filter(pk=job.pk).update(
            state="done", ended_at=timezone.now(), file_name="pack.zip", file_type="application/zip", file_bytes=4
        )
        return job

    def _observe_only_changes(self) -> Any:
        until = timezone.now() + timezone.timedelta(days=3)
        return set_observe_only(actor=self.w.cast.policy, environment=self.w.production, until=until, **WHY)

    def _conflicts_of_interest(self) -> Any:
        return declare_conflict(actor=self.w.cast.risk2, model=self.w.model, text="My sister sells it", **WHY)

    def _monitoring_windows(self) -> Any:
        return monitoring.window(self.w)

    def _model_currencies(self) -> Any:
        return monitoring.currency(self.w)

    def _money_entries(self) -> Any:
        return monitoring.money(self.w)

    def _onboarding_windows(self) -> Any:
        return found.onboarding_window(self.w)

    def _as_found(self) -> Any:
        return found.entry_as_found(self.w)

    def _imports(self) -> Any:
        return found.draft(self.w)

    def _inventory_imports(self) -> Any:
        return found.inventory_import(self.w)

    def _intakes(self) -> Any:
        return found.intake(self.w, accepted=self.route.endswith("register"))

    def _risk_question_sets(self) -> Any:
        return found.question_set(self.w)

    def _tier_overrides(self) -> Any:
        return found.tier_override(self.w)

    def override(self) -> dict[str, Any]:
        """What a risk manager sends to sign another tier."""
        return found.override(self.w)

    def _role_grants(self) -> Any:
        return grant_role(
            actor=self.w.cast.admin,
            principal=self.w.cast.viewer,
            role=Role.VALIDATOR,
            namespace=self.w.cast.retail,
            **WHY,
        )

    def column_link(self) -> dict[str, Any]:
        """What a pipeline sends of one column of `raw`."""
        return lineage.link(self.w)

    def node(self) -> str:
        """`raw`, as the graph calls it."""
        return f"dataset_version:{self.versions['raw'].pk}"

    def input_link(self) -> int:
        """What the pipeline said that the run of `raw` read."""
        return int(self.w.runs["raw"].inputs.get().pk)

    def _link_corrections(self) -> Any:
        return lineage.correction(self.w)

    def _personal_data_finds(self) -> Any:
        return lineage.personal_data_find(self.w)

    def _column_lineage(self) -> Any:
        return lineage.column_lineage(self.w)

    def _openlineage_events(self) -> Any:
        """An event of the pipeline's, worked off."""
        return openlineage.received(self.w)

    _openlineage = _openlineage_events

    def _openlineage_namespaces(self) -> Any:
        self._openlineage_events()
        return OpenLineageNamespace.objects.order_by("id").first()

    def _openlineage_datasets(self) -> Any:
        self._openlineage_events()
        return OpenLineageDataset.objects.order_by("id").first()  # events of others may have named more

    def _reported_facts(self) -> Any:
        self._openlineage_events()
        return ReportedFact.objects.first()

    def _data_profiles(self) -> Any:
        self._openlineage_events()
        return DataProfile.objects.first()

    _profiles = _data_profiles

    def _expectations(self) -> Any:
        return checks.expectations(self.w)

    def _data_checks(self) -> Any:
        return checks.checked(self.w)

    def _quality_results(self) -> Any:
        self._openlineage_events()
        return QualityResult.objects.first()

    def _flags(self) -> Any:
        return self.w.versions["source"].flags.first()

    def _plans(self) -> Any:
        return self.w.plan(title="The table's plan")

    def _change_plans(self) -> Any:
        return found.change_plan(self.w)

    def envelope(self) -> dict[str, Any]:
        """What a pipeline proposes to let vary."""
        return found.envelope_body(self.w)

    def envelope_in_yaml(self) -> str:
        """What a model owner writes on the page."""
        return found.envelope_text(self.w)

    def envelope_in_a_form(self) -> dict[str, list[str]]:
        """The same in the fields of the form."""
        return dict(envelope_forms.data_of(strict_yaml.read(self.envelope_in_yaml()).value).lists())

    def _evidence(self) -> Any:
        return self.w.evidence(self._plans())

    def _policies(self) -> PolicyVersion:
        """A version that `policy` wrote and nobody has published: what staging asks everywhere, for `retail`."""
        staging = Environment.objects.get(name="staging")
        above = PolicyVersion.objects.get(policy__environment=staging, policy__risk_tier="medium")
        asked = above.requirements.order_by("position").values("key", "kind", "title", "params", "binds")
        return write_policy_version(
            actor=self.w.cast.policy, environment=staging, risk_tier=RiskTier.MEDIUM, namespace=self.w.cast.retail,
            requirements=list(asked), **WHY,
        )  # fmt: skip

    def _policy_versions(self) -> PolicyVersion:
        return self._policies()

    def _places(self) -> Any:
        return self._policies().policy

    def _releases(self) -> Release:
        """An open release that awaits a risk manager, or one whose gate is open where the row promotes."""
        if self._release is None:
            promotes = "promot" in self.route or "monitoring" in self.route
            asked = [] if promotes else [signature("risk", "risk_manager", count=2)]
            self.w.policy({"key": "artifact", "kind": "artifact"}, *asked)
            self._release = self.w.release()
        return self._release

    def _sign_offs(self) -> Any:
        return self.w.vote("risk", self.w.cast.risk2, release=self._releases())

    def _promotions(self) -> Any:
        """What is live; with one before it to go back to, or suspended, where the row asks for that."""
        made = promote(actor=self.w.cast.owner, release=self._releases(), **WHY)
        if self.route.endswith("rollback"):
            made = promote(actor=self.w.cast.owner, release=self.w.release(self.w.retrain(2)), **WHY)
        if self.route.endswith("reinstate"):
            end_promotion(actor=self.w.cast.risk2, promotion=made, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
        return made

    def _serving_notices(self) -> Any:
        """A notice of two days on what is live, by a finding; closed where the row clears."""
        cast = self.w.cast
        scenes.policy(self.w, {"finding_raised": scenes.TWO_DAYS})
        promotion = scenes.go_live(self.w)
        found = raise_finding(
            actor=cast.auditor, subject=self.w.model, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.HIGH, blocks=True, **WHY,
        )  # fmt: skip
        if self.route.endswith("clear"):
            close_finding(actor=cast.risk2, finding=found, text="Mended", **WHY)
        return scenes.only_notice(promotion)

    def _vocabulary_terms(self) -> Any:
        return add_vocabulary_term(
            actor=self.w.cast.policy, scheme="purpose", term="bank:Row", label="Row", definition="Of the table", **WHY
        ).record

    _vocabularies = _vocabulary_terms

    def _tracking_servers(self) -> Any:
        return tracking.server(self.w)

    def _recalls(self) -> Any:
        return recall(actor=self.w.cast.risk2, digest=f"sha256:{self.w.versions['raw'].digest_value}", **WHY)

    def _trials(self) -> Any:
        return trials.trial(self.w)

    def _trial_counts(self) -> Any:
        return self._trials().counts.first()

    def _trial_looks(self) -> Any:
        return trials.look(self.w)

    def _trial_deviations(self) -> Any:
        return trials.deviation(self.w)

    def _trial_conclusions(self) -> Any:
        return trials.conclusion(self.w)

    def _findings(self) -> Finding:
        cast = self.w.cast
        found = raise_finding(
            actor=cast.auditor, subject=self.w.model, kind=Finding.Kind.AUDIT, text="Found",
            severity=Finding.Severity.LOW, blocks=False, owner=cast.owner, **WHY,
        )  # fmt: skip
        if self.route.endswith("reopen"):
            close_finding(actor=cast.risk2, finding=found, text="Seen", **WHY)
        return found

    def answered_at(self) -> str:
        """The place of the answer in force on the whole of `source`, as its page says it."""
        return f"{self._flags().pk}:"

    def artifact(self) -> str:
        """The digest of the model version."""
        return f"sha256:{self.w.version.digest_value}"

    def vote(self) -> dict[str, Any]:
        """What a risk manager sends to approve."""
        release = self._releases()
        requirement = find_requirement(release, "risk")
        shown = statements(person=self.person, release=release, requirement=requirement)
        digest = shown[Vote.APPROVE].digest
        return {"requirement": "risk", "vote": "approve", "statement_digest": digest, "password": PASSWORD}

    def measurement(self) -> dict[str, Any]:
        """An item of evidence as a pipeline reports it."""
        return {
            "plan": self._plans().pk, "model_version": self.w.version.pk,
            "subject_digest": f"sha256:{self.w.version.digest_value}", "run_started_at": timezone.now().isoformat(),
            "values": [{"metric": "accuracy", "value": "0.95"}],
        }  # fmt: skip
