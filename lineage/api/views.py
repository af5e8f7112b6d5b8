"""The end points of facts. Who may do what stands in the actions and in the database."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.principals import person_of
from governance.api.serializers import with_receipt
from governance.api.views import RecordViewSet, resolve
from governance.history.models import GovernedModel
from lineage import actions
from lineage.actions.bulk import Registration
from lineage.actions.registering import lock_roots
from lineage.api import bodies, filters, records, references
from lineage.api.bulk import BulkMixin
from lineage.api.flag_answers import FlagAnswersSerializer, FlagAnswersWriteSerializer
from lineage.api.profiles import ProfilesMixin
from lineage.api.readings import CompletenessMixin, TermsReadingMixin
from lineage.api.registry import RegistryMixin
from lineage.api.tracking import TrackingMixin
from lineage.models import (
    Assessment,
    CollectionTerms,
    Dataset,
    DatasetVersion,
    FactOrigin,
    Model,
    ModelVersion,
    ModelVersionArchival,
    Recall,
    Run,
    RunRole,
    SensitivityFlag,
)

F = TypeVar("F", bound=GovernedModel)
PEOPLE = ("steward", "owner", "decision_owner")


class FactViewSet(RecordViewSet):
    """What the collections of facts share."""

    def registration(self, data: dict[str, Any]) -> Registration:
        """The act that a body asks for. Raises Missing, naming the field, for what it refers to and is not there."""
        raise NotImplementedError

    def registered(self, data: dict[str, Any]) -> Response:
        """Carry out what a body asks for, and answer with the record."""
        reason = self.reason(data)
        register, content = self.registration(data)
        record, created = register(actor=self.principal, reason=reason, **content)
        return self.written(record, created=created)

    @cached_property
    def _found(self) -> dict[str, GovernedModel]:
        return {}

    def named(self, find: Callable[[Principal, Any, str], F], given: Any, field: str) -> F:
        """The record a reference names, looked for once in a request: the items of a bulk call name the same again."""
        key = f"{field}:{json.dumps(given, sort_keys=True, default=str)}"
        if key not in self._found:
            self._found[key] = find(self.principal, given, field)
        found: Any = self._found[key]
        return found  # type: ignore[no-any-return]  # kept under the field that `find` belongs to

    def people(self, data: dict[str, Any]) -> None:
        """Turn the people named in the body into principals. Raises Missing, naming the field."""
        for field in PEOPLE:
            if isinstance(data.get(field), int):
                data[field] = self.person(data[field], field)

    def lock(self, record: GovernedModel) -> None:
        """As others lock the same: through the queue where it is a root (lineage/sql/10_locks.sql)."""
        roots: dict[type[GovernedModel], str] = {Dataset: "dataset", Model: "model", ModelVersion: "model_version"}
        kind = (roots | {Run: "run"}).get(type(record))
        if kind is None:
            super().lock(record)
        else:
            lock_roots((kind, record.pk))

    def person(self, pk: int, field: str) -> Principal:
        """A principal that the caller may know of."""
        found: Principal = resolve(readable_principals(self.principal), pk, field=field)
        return found


class DatasetViewSet(FactViewSet):
    """Datasets: bodies of data under one name."""

    collection = "datasets"
    model = Dataset
    related = ("namespace",)
    orderings = ("id", "recorded_at", "name")
    search_fields = ("name", "title", "description")
    serializer_class = records.DatasetSerializer
    create_serializer_class = bodies.DatasetWriteSerializer
    filter_class = filters.DatasetFilters

    def create(self, request: Request) -> Response:
        """Register a dataset; the same again is the same."""
        data = self.read(bodies.DatasetWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        self.people(data)
        record, created = actions.register_dataset(actor=self.principal, reason=reason, namespace=namespace, **data)
        return self.written(record, created=created)

    @act(bodies.DatasetChangeSerializer)
    def change(self, request: Request, id: str) -> Response:
        """Change its title, description, steward, owner, or whether it is live."""
        dataset = self.find(id)
        data = self.read(bodies.DatasetChangeSerializer)
        reason = self.reason(data)
        self.people(data)
        changed = actions.update_dataset(actor=self.principal, reason=reason, dataset=dataset, changes=data)
        return self.written(changed, created=False)


class DatasetVersionViewSet(ProfilesMixin, BulkMixin, CompletenessMixin, FactViewSet):
    """Dataset versions: content at a moment, with its provenance."""

    collection = "dataset-versions"
    model = DatasetVersion
    related = ("dataset__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("label", "dataset__name", "location", "source")
    serializer_class = records.DatasetVersionSerializer
    create_serializer_class = bodies.DatasetVersionWriteSerializer
    filter_class = filters.DatasetVersionFilters

    def create(self, request: Request) -> Response:
        """Register a version; the same again is the same, other content under its digest and label is refused."""
        return self.registered(self.read(bodies.DatasetVersionWriteSerializer))

    def registration(self, data: dict[str, Any]) -> Registration:
        """With its dataset."""
        data["dataset"] = self.named(references.dataset, data["dataset"], "dataset")
        return Registration(actions.register_dataset_version, data)

    @extend_schema(request=FlagAnswersWriteSerializer, responses={200: FlagAnswersSerializer})
    @action(detail=True, methods=["post"], url_path="flags", url_name="flags")
    def flags(self, request: Request, id: str) -> Response:
        """Answer on many columns and categories at once: all of it is recorded in one act, or nothing."""
        version = self.find(id)
        data = self.read(FlagAnswersWriteSerializer)
        reason = self.reason(data)
        answered = actions.answer_flags(
            actor=self.principal, reason=reason, dataset_version=version, answers=data["answers"]
        )
        new = [one.record for one in answered if one.created]
        told = {
            "created": len(new),
            "unchanged": len(answered) - len(new),
            "results": answered,
            "receipt": new[0] if new else None,
        }
        return Response(FlagAnswersSerializer(told).data)


class TermsViewSet(TermsReadingMixin, FactViewSet):
    """Collection terms, numbered per dataset."""

    collection = "terms"
    model = CollectionTerms
    related = ("dataset__namespace", "withdrawal")
    orderings = ("id", "recorded_at")
    search_fields = ("licence", "dataset__name", "controller")
    serializer_class = records.CollectionTermsSerializer
    create_serializer_class = bodies.TermsWriteSerializer
    filter_class = filters.TermsFilters

    def create(self, request: Request) -> Response:
        """Record terms; they supersede those before. The same as the newest are the newest."""
        data = self.read(bodies.TermsWriteSerializer)
        reason = self.reason(data)
        dataset = references.dataset(self.principal, data.pop("dataset"))
        if "document_digest" in data:
            data["document_digest"] = str(data["document_digest"])
        record, created = actions.record_terms(actor=self.principal, reason=reason, dataset=dataset, **data)
        return self.written(record, created=created)

    @act(bodies.WithdrawalWriteSerializer, answer=records.TermsWithdrawalSerializer, creates=True)
    def withdrawal(self, request: Request, id: str) -> Response:
        """Withdraw them from now on: none are in force until new ones are recorded."""
        terms = self.find(id)
        reason = self.reason(self.read(bodies.WithdrawalWriteSerializer))
        record = actions.withdraw_terms(actor=self.principal, reason=reason, terms=terms)
        return Response(with_receipt(records.TermsWithdrawalSerializer)(record).data, status=201)


class FlagViewSet(BulkMixin, FactViewSet):
    """Sensitivity flags: what personal data a dataset version holds."""

    collection = "flags"
    model = SensitivityFlag
    related = ("dataset_version__dataset__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("column", "category", "dataset_version__dataset__name")
    serializer_class = records.SensitivityFlagSerializer
    create_serializer_class = bodies.FlagWriteSerializer
    filter_class = filters.FlagFilters

    def create(self, request: Request) -> Response:
        """Raise a flag, or (assessment reviewed) answer as data steward."""
        return self.registered(self.read(bodies.FlagWriteSerializer))

    def registration(self, data: dict[str, Any]) -> Registration:
        """With its dataset version; a reviewed answer is a steward's."""
        data["dataset_version"] = self.named(references.dataset_version, data["dataset_version"], "dataset_version")
        if "propagated_from" in data:
            data["propagated_from"] = self.named(references.flag, data["propagated_from"], "propagated_from")
        if data.get("assessment") != Assessment.REVIEWED:
            return Registration(actions.raise_flag, data)
        data.pop("assessment")
        return Registration(actions.review_flag, data)

    @act(bodies.FlagReviewSerializer, creates=True, repeats=True)
    def review(self, request: Request, id: str) -> Response:
        """Answer on this flag's column and category as data steward; it is in force from now on."""
        flag = self.find(id)
        data = self.read(bodies.FlagReviewSerializer)
        reason = self.reason(data)
        kept = {
            field: getattr(flag, field)
            for field in bodies.FlagReviewSerializer().get_fields()
            if field not in ("reason", "present")
        }
        record, created = actions.review_flag(
            actor=self.principal,
            reason=reason,
            dataset_version=flag.dataset_version,
            column=flag.column,
            category=flag.category,
            **(kept | data),
        )
        return self.written(record, created=created)


class RunViewSet(FactViewSet):
    """Runs, with what they read and wrote."""

    collection = "runs"
    model = Run
    related = ("namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("job_name", "run_key", "source_commit")
    serializer_class = records.RunSerializer
    create_serializer_class = bodies.RunWriteSerializer
    filter_class = filters.RunFilters

    def get_queryset(self) -> Any:
        """With their links, so that a page stays at three queries."""
        return super().get_queryset().prefetch_related("inputs", "outputs")

    def create(self, request: Request) -> Response:
        """Register a run with its inputs and outputs; the same again is the same."""
        data = self.read(bodies.RunWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        for field, role in (("inputs", RunRole.TRAINING), ("outputs", RunRole.OUTPUT)):
            data[field] = [
                self.link(given, role, f"{field}[{position}].") for position, given in enumerate(data.get(field, ()))
            ]
        record, created = actions.register_run(actor=self.principal, reason=reason, namespace=namespace, **data)
        return self.written(record, created=created)

    @act(bodies.RunEndSerializer)
    def end(self, request: Request, id: str) -> Response:
        """Record how it ended."""
        run = self.find(id)
        data = self.read(bodies.RunEndSerializer)
        reason = self.reason(data)
        record, _changed = actions.end_run(actor=self.principal, reason=reason, run=run, **data)
        return self.written(record, created=False)

    @act(bodies.RunInputWriteSerializer, answer=records.RunInputSerializer, creates=True, repeats=True)
    def inputs(self, request: Request, id: str) -> Response:
        """Say what else it read."""
        run = self.find(id)
        data = self.read(bodies.RunInputWriteSerializer)
        reason = self.reason(data)
        item, role = self.link(data, RunRole.TRAINING, "")
        method = {"link_method": data["link_method"]} if "link_method" in data else {}
        record, created = actions.link_run_input(
            actor=self.principal, reason=reason, run=run, item=item, role=role, **method
        )
        return Response(with_receipt(records.RunInputSerializer)(record).data, status=201 if created else 200)

    @act(bodies.RunOutputWriteSerializer, answer=records.RunOutputSerializer, creates=True, repeats=True)
    def outputs(self, request: Request, id: str) -> Response:
        """Say what else it wrote."""
        run = self.find(id)
        data = self.read(bodies.RunOutputWriteSerializer)
        reason = self.reason(data)
        item, role = self.link(data, RunRole.OUTPUT, "")
        method = {"link_method": data["link_method"]} if "link_method" in data else {}
        record, created = actions.link_run_output(
            actor=self.principal, reason=reason, run=run, item=item, role=role, **method
        )
        return Response(with_receipt(records.RunOutputSerializer)(record).data, status=201 if created else 200)

    def link(self, given: dict[str, Any], role: str, path: str) -> actions.Link:
        """The record named by one of a run's links, and its role. Raises Missing, naming the path."""
        item: DatasetVersion | ModelVersion
        if "dataset_version" in given:
            item = references.dataset_version(self.principal, given["dataset_version"], f"{path}dataset_version")
        else:
            item = references.model_version(self.principal, given["model_version"], f"{path}model_version")
        return actions.Link(item, given.get("role", role))


class ModelViewSet(RegistryMixin, FactViewSet):
    """Models: what they are for, and who answers for them."""

    collection = "models"
    model = Model
    related = ("namespace",)
    orderings = ("id", "recorded_at", "name")
    search_fields = ("name", "title", "description")
    serializer_class = records.ModelSerializer
    create_serializer_class = bodies.ModelWriteSerializer
    filter_class = filters.ModelFilters

    def create(self, request: Request) -> Response:
        """Register a model; the same again is the same."""
        data = self.read(bodies.ModelWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        self.people(data)
        record, created = actions.register_model(actor=self.principal, reason=reason, namespace=namespace, **data)
        return self.written(record, created=created)

    @act(bodies.ModelChangeSerializer)
    def change(self, request: Request, id: str) -> Response:
        """Change what it is for or who answers for it; the risk tier follows from the answers."""
        model = self.find(id)
        data = self.read(bodies.ModelChangeSerializer)
        reason = self.reason(data)
        self.people(data)
        changed = actions.update_model(actor=self.principal, reason=reason, model=model, changes=data)
        return self.written(changed, created=False)


class ModelVersionViewSet(TrackingMixin, BulkMixin, FactViewSet):
    """Model versions: trained artifacts."""

    collection = "model-versions"
    model = ModelVersion
    related = ("model__namespace",)
    orderings = ("id", "recorded_at")
    search_fields = ("model__name", "artifact_uri", "code_commit", "supplier")
    serializer_class = records.ModelVersionSerializer
    create_serializer_class = bodies.ModelVersionWriteSerializer
    filter_class = filters.ModelVersionFilters

    def get_queryset(self) -> Any:
        """With what was said of them later, so that a page stays at a fixed few queries."""
        newest = ModelVersionArchival.objects.filter(model_version=OuterRef("pk")).order_by("-pk").values("archived")
        put_away = Coalesce(Subquery(newest[:1]), False)
        said = ("tags", "descriptions", "archivals", "completions", "aliases", "mlflow_registration")
        found = super().get_queryset().prefetch_related(*said)
        return found.alias(is_archived=put_away)  # costs nothing unless it is filtered by

    def create(self, request: Request) -> Response:
        """Register a version: identified by model, digest and run, so that a retrain is never swallowed."""
        return self.registered(self.read(bodies.ModelVersionWriteSerializer))

    def registration(self, data: dict[str, Any]) -> Registration:
        """With its model, and its run and parent where it has them."""
        data["model"] = self.named(references.model, data["model"], "model")
        if "source_run" in data:
            data["source_run"] = self.named(references.run, data["source_run"], "source_run")
        if "parent_version" in data:
            data["parent_version"] = self.named(references.model_version, data["parent_version"], "parent_version")
        return Registration(actions.register_model_version, data)

    @act(bodies.CompletionWriteSerializer)
    def complete(self, request: Request, id: str) -> Response:
        """Say what became known of it later: digest, commit, training data, metrics, parameters. What is blank is
        filled in once; another digest or commit than the one on record is refused. Whoever does had a hand in it.
        """
        version = self.find(id)
        data = self.read(bodies.CompletionWriteSerializer)
        reason = self.reason(data)
        if "training_data" in data:
            data["training"] = [
                self.named(references.dataset_version, given, f"training_data[{place}]")
                for place, given in enumerate(data.pop("training_data"))
            ]
        if "source_run" in data:
            data["run"] = self.named(references.run, data.pop("source_run"), "source_run")
        how = FactOrigin.OWNER if self.principal.kind == Principal.Kind.PERSON else FactOrigin.DECLARED
        actions.complete_model_version(actor=self.principal, reason=reason, model_version=version, how=how, **data)
        return self.written(self.find(id), created=False)

    @act(bodies.TagsWriteSerializer)
    def tags(self, request: Request, id: str) -> Response:
        """Set tags by key, or take them away with null. Whoever does had a hand in the version."""
        version = self.find(id)
        data = self.read(bodies.TagsWriteSerializer)
        reason = self.reason(data)
        actions.tag_and_complete(actor=self.principal, reason=reason, model_version=version, tags=data["tags"])
        return self.written(self.find(id), created=False)

    @act(bodies.DescriptionWriteSerializer)
    def describe(self, request: Request, id: str) -> Response:
        """Say what it is; the text before stays in the record."""
        version = self.find(id)
        data = self.read(bodies.DescriptionWriteSerializer)
        reason = self.reason(data)
        actions.describe_model_version(
            actor=self.principal, reason=reason, model_version=version, text=data["description"]
        )
        return self.written(self.find(id), created=False)

    @act(bodies.ArchiveWriteSerializer)
    def archive(self, request: Request, id: str) -> Response:
        """Put it away, or take it out again. Gate and serving do not depend on it."""
        version = self.find(id)
        data = self.read(bodies.ArchiveWriteSerializer)
        reason = self.reason(data)
        actions.archive_model_version(
            actor=self.principal, reason=reason, model_version=version, archived=data["archived"]
        )
        return self.written(self.find(id), created=False)


class RecallViewSet(FactViewSet):
    """Recalls: digests that serve nowhere and are no source, in every namespace."""

    collection = "recalls"
    model = Recall
    search_fields = ("reason",)
    serializer_class = records.RecallSerializer
    create_serializer_class = bodies.RecallWriteSerializer
    filter_class = filters.RecallFilters

    def create(self, request: Request) -> Response:
        """Recall a digest: what serves of it ends at once, everywhere. A person, in their session."""
        data = self.read(bodies.RecallWriteSerializer)
        reason = self.reason(data)
        return self.written(actions.recall(actor=person_of(request), reason=reason, digest=str(data["digest"])))
