"""How facts are shown."""

from rest_framework import serializers

from governance.api.serializers import StrictModelSerializer
from lineage.actions.annotations import tags_in_force
from lineage.api.fields import RecordedDigestField
from lineage.api.readings import EndingField
from lineage.models import (
    CollectionTerms,
    ColumnLineage,
    Dataset,
    DatasetVersion,
    LinkCorrection,
    MlflowRegistration,
    Model,
    ModelVersion,
    ModelVersionCompletion,
    Recall,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
    TermsWithdrawal,
    TrackingServer,
)

RECORDED = ("recorded_at", "recorded_by")


class DatasetSerializer(StrictModelSerializer):
    """A dataset."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = Dataset
        fields = ("id", "namespace", "name", "title", "description", "steward", "owner", "is_live", *RECORDED)


class DatasetVersionSerializer(StrictModelSerializer):
    """A dataset version with its provenance."""

    namespace = serializers.CharField(source="dataset.namespace.name", read_only=True)
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    digest = RecordedDigestField()

    class Meta:
        model = DatasetVersion
        fields = (
            "id",
            "namespace",
            "dataset",
            "dataset_name",
            "label",
            "digest",
            "location",
            "format",
            "bytes",
            "rows",
            "schema",
            "source",
            "origin",
            "origin_geography",
            "date",
            "previous_date",
            "generation_period_start",
            "generation_period_end",
            "generation_method",
            "data_collection_process",
            "known_bias",
            "dataset_noise",
            "update_mechanism",
            "missing_data",
            "imputation",
            "preprocessing",
            "annotation_protocol",
            *RECORDED,
        )


class TermsWithdrawalSerializer(StrictModelSerializer):
    """The withdrawal of terms."""

    class Meta:
        model = TermsWithdrawal
        fields = ("id", "terms", "reason", *RECORDED)


class CollectionTermsSerializer(StrictModelSerializer):
    """Terms, and their withdrawal if there is one."""

    namespace = serializers.CharField(source="dataset.namespace.name", read_only=True)
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    withdrawal = TermsWithdrawalSerializer(read_only=True, allow_null=True, default=None)
    ends = EndingField(help_text="The first end on record, by period, retention or withdrawal; null: none is known.")

    class Meta:
        model = CollectionTerms
        fields = (
            "id",
            "namespace",
            "dataset",
            "dataset_name",
            "number",
            "licence",
            "document_digest",
            "consent_status",
            "consent_evidence",
            "legal_basis",
            "special_condition",
            "original_purpose",
            "permitted_purposes",
            "forbidden_purposes",
            "permits_narrower",
            "permitted_geographies",
            "forbidden_geographies",
            "permitted_storage_geographies",
            "forbidden_storage_geographies",
            "controller",
            "storage_duration_days",
            "effective_from",
            "effective_to",
            "narrows",
            "epoch",
            "withdrawal",
            "ends",
            *RECORDED,
        )


class SensitivityFlagSerializer(StrictModelSerializer):
    """One answer on one category in one column."""

    namespace = serializers.CharField(source="dataset_version.dataset.namespace.name", read_only=True)
    dataset_name = serializers.CharField(source="dataset_version.dataset.name", read_only=True)

    class Meta:
        model = SensitivityFlag
        fields = (
            "id",
            "namespace",
            "dataset_version",
            "dataset_name",
            "column",
            "category",
            "present",
            "regulation_sets",
            "special_category",
            "collected_as",
            "data_subjects",
            "treatment",
            "treatment_tool",
            "treatment_parameters",
            "excluded_from_training",
            "assessment",
            "supersedes",
            "propagated_from",
            "raises",
            "epoch",
            *RECORDED,
        )


class RunInputSerializer(StrictModelSerializer):
    """What a run read."""

    class Meta:
        model = RunInput
        fields = ("id", "run", "dataset_version", "model_version", "role", "link_method", *RECORDED)


class RunOutputSerializer(StrictModelSerializer):
    """What a run wrote."""

    class Meta:
        model = RunOutput
        fields = ("id", "run", "dataset_version", "model_version", "role", "link_method", *RECORDED)


class RunSerializer(StrictModelSerializer):
    """A run with what it read and wrote."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)
    inputs = RunInputSerializer(many=True, read_only=True)
    outputs = RunOutputSerializer(many=True, read_only=True)

    class Meta:
        model = Run
        fields = (
            "id",
            "namespace",
            "job_name",
            "run_key",
            "source_commit",
            "started_at",
            "ended_at",
            "state",
            "inputs",
            "outputs",
            *RECORDED,
        )


class ColumnLineageSerializer(StrictModelSerializer):
    """One column made from another, as a producer says."""

    namespace = serializers.CharField(source="run.namespace.name", read_only=True)

    class Meta:
        model = ColumnLineage
        fields = (
            "id",
            "namespace",
            "run",
            "source",
            "source_column",
            "target",
            "target_column",
            "transformation",
            "subtype",
            "masking",
            "description",
            "link_method",
            "raises",
            "epoch",
            *RECORDED,
        )


class LinkCorrectionSerializer(StrictModelSerializer):
    """A link of a run that was voided, or restored."""

    namespace = serializers.CharField(source="run.namespace.name", read_only=True)

    class Meta:
        model = LinkCorrection
        fields = (
            "id",
            "namespace",
            "run",
            "run_input",
            "run_output",
            "column_lineage",
            "kind",
            "reason",
            *RECORDED,
        )


class ModelSerializer(StrictModelSerializer):
    """A model, with its tags and free aliases."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)
    tags = serializers.SerializerMethodField(help_text="{key: value}, those that stand.")
    aliases = serializers.SerializerMethodField(
        help_text="{alias: number of the version}; those that an environment claims are promotions: see live."
    )

    class Meta:
        model = Model
        fields = (
            "id",
            "namespace",
            "name",
            "title",
            "description",
            "owner",
            "decision_owner",
            "intended_purpose",
            "out_of_scope_uses",
            "risk_tier",
            "risk_answers",
            "deployment_geography",
            "tags",
            "aliases",
            *RECORDED,
        )

    def get_tags(self, model: Model) -> dict[str, str]:
        """Of the rows fetched along."""
        return {tag.key: tag.value for tag in sorted(model.tags.all(), key=lambda one: one.key) if not tag.removed}

    def get_aliases(self, model: Model) -> dict[str, int]:
        """Of the rows fetched along."""
        found = sorted(model.aliases.all(), key=lambda one: one.alias)
        return {one.alias: one.model_version.number for one in found if one.model_version is not None}


class MlflowRegistrationSerializer(StrictModelSerializer):
    """What a client of MLflow said of a version it registered."""

    class Meta:
        model = MlflowRegistration
        fields = ("source", "run_id", "run_link", "model_id")


class CompletionSerializer(StrictModelSerializer):
    """What became known of a model version later, and how it came."""

    digest = RecordedDigestField()

    class Meta:
        model = ModelVersionCompletion
        fields = (
            "id",
            "how",
            "came_from",
            "tracking_server",
            "digest",
            "code_commit",
            "run",
            "training",
            "metrics",
            "parameters",
            "contradicts",
            *RECORDED,
        )


class ModelVersionSerializer(StrictModelSerializer):
    """A model version, with its tags, description and archived state in force."""

    namespace = serializers.CharField(source="model.namespace.name", read_only=True)
    model_name = serializers.CharField(source="model.name", read_only=True)
    digest = RecordedDigestField()
    tags = serializers.SerializerMethodField(help_text="{key: value}, those in force [CDX properties].")
    description = serializers.SerializerMethodField(help_text="In force; blank while nobody said anything [CDX].")
    archived = serializers.SerializerMethodField(help_text="Whether it is put away.")
    later_facts = CompletionSerializer(
        source="completions",
        many=True,
        read_only=True,
        help_text="What became known after its registration, and how each came, oldest first.",
    )
    aliases = serializers.SerializerMethodField(help_text="Free aliases that mean it.")
    mlflow = MlflowRegistrationSerializer(
        source="mlflow_registration", read_only=True, allow_null=True, default=None,
        help_text="What the client said, if it came through MLflow; else null.",
    )  # fmt: skip

    class Meta:
        model = ModelVersion
        fields = (
            "id",
            "namespace",
            "model",
            "model_name",
            "number",
            "digest",
            "artifact_uri",
            "source_run",
            "code_commit",
            "parent_version",
            "supplier",
            "metrics",
            "parameters",
            "features_used",
            "model_card",
            "tags",
            "description",
            "archived",
            "filled_later",
            "later_facts",
            "aliases",
            "mlflow",
            *RECORDED,
        )

    def get_aliases(self, version: ModelVersion) -> list[str]:
        """Of the rows fetched along."""
        return sorted(one.alias for one in version.aliases.all())

    def get_tags(self, version: ModelVersion) -> dict[str, str]:
        """Of the rows fetched along."""
        return tags_in_force(version)

    def get_description(self, version: ModelVersion) -> str:
        """The newest."""
        found = max(version.descriptions.all(), key=lambda one: one.pk, default=None)
        return found.text if found else ""

    def get_archived(self, version: ModelVersion) -> bool:
        """The newest."""
        found = max(version.archivals.all(), key=lambda one: one.pk, default=None)
        return found.archived if found else False


class TrackingServerSerializer(StrictModelSerializer):
    """The MLflow server that workers read for a namespace; the newest is in force, blank: none."""

    namespace = serializers.CharField(source="namespace.name", read_only=True)

    class Meta:
        model = TrackingServer
        fields = ("id", "namespace", "uri", *RECORDED)


class RecallSerializer(StrictModelSerializer):
    """A digest that serves and passes nowhere."""

    digest = RecordedDigestField()

    class Meta:
        model = Recall
        fields = ("id", "digest", "reason", *RECORDED)
