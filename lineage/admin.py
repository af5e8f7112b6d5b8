"""Facts in the auditors' admin, to read. Lists sort by id and count no whole tables: quick at any size."""

from django.contrib import admin

from governance.history.admin import GovernedAdmin
from lineage.models import (
    CollectionTerms,
    ColumnLineage,
    DataProfile,
    Dataset,
    DatasetVersion,
    ExpectationSet,
    Intake,
    IntakeDecision,
    InventoryImport,
    LinkCorrection,
    MlflowRegistration,
    Model,
    ModelAlias,
    ModelTag,
    ModelVersion,
    ModelVersionArchival,
    ModelVersionCompletion,
    ModelVersionDescription,
    ModelVersionTag,
    OpenLineageDataset,
    OpenLineageEvent,
    OpenLineageNamespace,
    OpenLineageReplay,
    PersonalDataFind,
    QualityResult,
    Recall,
    ReportedFact,
    RiskQuestionSet,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
    TermsWithdrawal,
    TierOverride,
    TrackingServer,
    VocabularyTerm,
)


@admin.register(Dataset)
class DatasetAdmin(GovernedAdmin):
    """Datasets, by name."""

    list_display = ("name", "namespace", "title", "steward", "owner", "recorded_by", "recorded_at")
    search_fields = ("name", "title")


@admin.register(DatasetVersion)
class DatasetVersionAdmin(GovernedAdmin):
    """Dataset versions, by digest or label."""

    list_display = (
        "label",
        "dataset",
        "digest_value",
        "rows",
        "origin_geography",
        "date",
        "recorded_by",
        "recorded_at",
    )
    search_fields = ("=digest_value", "label", "dataset__name")


@admin.register(CollectionTerms)
class CollectionTermsAdmin(GovernedAdmin):
    """Terms, by dataset."""

    list_display = (
        "dataset",
        "number",
        "licence",
        "legal_basis",
        "effective_from",
        "effective_to",
        "recorded_by",
        "recorded_at",
    )
    search_fields = ("dataset__name", "licence")


@admin.register(TermsWithdrawal)
class TermsWithdrawalAdmin(GovernedAdmin):
    """Withdrawals, with their reason."""

    list_display = ("terms", "reason", "recorded_by", "recorded_at")
    search_fields = ("terms__dataset__name",)


@admin.register(SensitivityFlag)
class SensitivityFlagAdmin(GovernedAdmin):
    """Flags, by category and column."""

    list_display = (
        "dataset_version",
        "column",
        "category",
        "present",
        "treatment",
        "assessment",
        "recorded_by",
        "recorded_at",
    )
    list_filter = ("present", "assessment", "treatment")
    search_fields = ("category", "column", "dataset_version__dataset__name")


@admin.register(Run)
class RunAdmin(GovernedAdmin):
    """Runs, by key or job."""

    list_display = ("run_key", "job_name", "namespace", "state", "started_at", "ended_at", "recorded_by", "recorded_at")
    list_filter = ("state",)
    search_fields = ("run_key", "job_name", "source_commit")


@admin.register(RunInput, RunOutput)
class RunLinkAdmin(GovernedAdmin):
    """What runs read and wrote."""

    list_display = ("run", "dataset_version", "model_version", "role", "link_method", "recorded_by", "recorded_at")
    search_fields = ("run__run_key",)


@admin.register(ColumnLineage)
class ColumnLineageAdmin(GovernedAdmin):
    """Column lineage, by column or run."""

    list_display = (
        "run",
        "source",
        "source_column",
        "target",
        "target_column",
        "transformation",
        "masking",
        "link_method",
        "recorded_by",
        "recorded_at",
    )
    list_filter = ("transformation", "masking")
    search_fields = ("source_column", "target_column", "run__run_key")


@admin.register(LinkCorrection)
class LinkCorrectionAdmin(GovernedAdmin):
    """Links that were voided and restored."""

    list_display = ("run", "run_input", "run_output", "column_lineage", "kind", "reason", "recorded_by", "recorded_at")
    list_filter = ("kind",)
    search_fields = ("run__run_key", "reason")


@admin.register(PersonalDataFind)
class PersonalDataFindAdmin(GovernedAdmin):
    """What was found by looking, masked."""

    list_display = (
        "dataset_version",
        "column",
        "pattern",
        "matched",
        "looked_at",
        "flag",
        "recorded_by",
        "recorded_at",
    )
    list_filter = ("pattern", "by_name")
    search_fields = ("column", "pattern", "dataset_version__dataset__name")


@admin.register(Model)
class ModelAdmin(GovernedAdmin):
    """Models, by name."""

    list_display = ("name", "namespace", "risk_tier", "intended_purpose", "owner", "recorded_by", "recorded_at")
    list_filter = ("risk_tier",)
    search_fields = ("name", "title")


@admin.register(ModelVersion)
class ModelVersionAdmin(GovernedAdmin):
    """Model versions, by digest or model."""

    list_display = ("model", "number", "digest_value", "source_run", "recorded_by", "recorded_at")
    search_fields = ("=digest_value", "model__name")


@admin.register(Recall)
class RecallAdmin(GovernedAdmin):
    """Recalled digests."""

    list_display = ("digest_value", "digest_algorithm", "reason", "recorded_by", "recorded_at")
    search_fields = ("=digest_value",)


@admin.register(ModelVersionTag)
class ModelVersionTagAdmin(GovernedAdmin):
    """Tags, by key or model."""

    list_display = ("model_version", "key", "value", "removed", "recorded_by", "recorded_at")
    search_fields = ("key", "model_version__model__name")


@admin.register(ModelVersionDescription)
class ModelVersionDescriptionAdmin(GovernedAdmin):
    """Descriptions, by model."""

    list_display = ("model_version", "text", "recorded_by", "recorded_at")
    search_fields = ("model_version__model__name",)


@admin.register(ModelVersionArchival)
class ModelVersionArchivalAdmin(GovernedAdmin):
    """What was put away and taken out again."""

    list_display = ("model_version", "archived", "recorded_by", "recorded_at")
    list_filter = ("archived",)
    search_fields = ("model_version__model__name",)


@admin.register(ModelVersionCompletion)
class ModelVersionCompletionAdmin(GovernedAdmin):
    """What became known of versions later, and how."""

    list_display = ("model_version", "how", "digest_value", "code_commit", "contradicts", "recorded_by", "recorded_at")
    list_filter = ("how",)
    search_fields = ("=digest_value", "model_version__model__name")


@admin.register(TrackingServer)
class TrackingServerAdmin(GovernedAdmin):
    """Tracking servers that were named."""

    list_display = ("namespace", "uri", "recorded_by", "recorded_at")
    list_filter = ("namespace",)


@admin.register(ModelAlias)
class ModelAliasAdmin(GovernedAdmin):
    """Free aliases; those that go live are promotions."""

    list_display = ("model", "alias", "model_version", "recorded_by", "recorded_at")
    search_fields = ("alias", "model__name")


@admin.register(ModelTag)
class ModelTagAdmin(GovernedAdmin):
    """Tags of models."""

    list_display = ("model", "key", "value", "removed", "recorded_by", "recorded_at")
    search_fields = ("key", "model__name")


@admin.register(MlflowRegistration)
class MlflowRegistrationAdmin(GovernedAdmin):
    """What clients of MLflow said of the versions they registered."""

    list_display = ("model_version", "source", "run_id", "model_id", "recorded_by", "recorded_at")
    search_fields = ("source", "=run_id", "=model_id", "model_version__model__name")


@admin.register(VocabularyTerm)
class VocabularyTermAdmin(GovernedAdmin):
    """The house's own terms."""

    list_display = ("scheme", "term", "label", "broader", "special", "retired", "recorded_by", "recorded_at")
    list_filter = ("scheme", "retired")
    search_fields = ("term", "label")


@admin.register(InventoryImport)
class InventoryImportAdmin(GovernedAdmin):
    """Inventories that were brought in."""

    list_display = ("source", "namespace", "format", "rows", "models_made", "rows_faulty", "recorded_by", "recorded_at")
    search_fields = ("source", "=content_digest")


@admin.register(RiskQuestionSet)
class RiskQuestionSetAdmin(GovernedAdmin):
    """How the risk questions were worded, when."""

    list_display = ("number", "recorded_by", "recorded_at")


@admin.register(Intake)
class IntakeAdmin(GovernedAdmin):
    """Models as they were proposed."""

    list_display = ("name", "namespace", "intended_purpose", "risk_tier", "owner", "recorded_by", "recorded_at")
    list_filter = ("risk_tier",)
    search_fields = ("name", "title")


@admin.register(IntakeDecision)
class IntakeDecisionAdmin(GovernedAdmin):
    """What was decided on proposals."""

    list_display = ("intake", "kind", "reason", "recorded_by", "recorded_at")
    list_filter = ("kind",)


@admin.register(TierOverride)
class TierOverrideAdmin(GovernedAdmin):
    """Signed overrides of risk tiers."""

    list_display = ("model", "derived_tier", "tier", "printed_name", "signed_at", "recorded_by", "recorded_at")
    search_fields = ("model__name",)


@admin.register(OpenLineageNamespace)
class OpenLineageNamespaceAdmin(GovernedAdmin):
    """Whose an OpenLineage namespace is."""

    list_display = ("source", "namespace", "producer", "active", "recorded_by", "recorded_at")
    list_filter = ("active",)
    search_fields = ("source",)


@admin.register(OpenLineageDataset)
class OpenLineageDatasetAdmin(GovernedAdmin):
    """What OpenLineage names mean."""

    list_display = ("source", "name", "dataset", "namespace", "recorded_by", "recorded_at")
    search_fields = ("source", "name", "dataset__name")


@admin.register(OpenLineageEvent)
class OpenLineageEventAdmin(GovernedAdmin):
    """Events as they came in."""

    list_display = ("subject", "event_type", "event_time", "run_key", "namespace", "recorded_by", "recorded_at")
    list_filter = ("kind", "event_type")
    search_fields = ("=run_key", "subject", "=body_digest")


@admin.register(OpenLineageReplay)
class OpenLineageReplayAdmin(GovernedAdmin):
    """Events that were worked off once more."""

    list_display = ("event", "state", "recorded_by", "recorded_at")


@admin.register(ReportedFact)
class ReportedFactAdmin(GovernedAdmin):
    """What producers say of runs and datasets."""

    list_display = ("kind", "dataset", "run", "said_at", "namespace", "recorded_by", "recorded_at")
    list_filter = ("kind",)
    search_fields = ("dataset__name", "=run__run_key", "=key")


@admin.register(DataProfile)
class DataProfileAdmin(GovernedAdmin):
    """What was counted in dataset versions."""

    list_display = (
        *("dataset_version", "how", "rows", "bytes", "complete", "said_at", "namespace", "recorded_by", "recorded_at"),
    )
    list_filter = ("how", "complete", "format")
    search_fields = ("dataset_version__dataset__name",)


@admin.register(QualityResult)
class QualityResultAdmin(GovernedAdmin):
    """What producers' own tests said."""

    list_display = ("assertion", "column", "success", "dataset_version", "run", "said_at", "recorded_by", "recorded_at")
    list_filter = ("success",)
    search_fields = ("assertion", "column", "dataset_version__dataset__name")


@admin.register(ExpectationSet)
class ExpectationSetAdmin(GovernedAdmin):
    """What is expected of datasets."""

    list_display = ("dataset", "number", "recorded_by", "recorded_at")
    search_fields = ("dataset__name",)
