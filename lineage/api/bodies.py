"""What writes read. Forms are checked here; what the forms mean, in the actions."""

from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from governance.api.fields import ExactJSONField, IdField, MomentField, NameField, TextField
from governance.api.serializers import NamespacedWriteSerializer, StrictSerializer, WriteSerializer
from governance.api.strictness import name_fault
from lineage.actions.completions import TRAINING_AT_ONCE
from lineage.actions.datasets import SCHEMA_LIMIT
from lineage.actions.runs import INPUT_ROLES as INPUT_ROLE_VALUES
from lineage.actions.runs import LINK_LIMIT
from lineage.actions.runs import OUTPUT_ROLES as OUTPUT_ROLE_VALUES
from lineage.api.fields import DigestField, ProseField, WordField, terms_list
from lineage.api.references import (
    DatasetReference,
    DatasetVersionReference,
    FlagReference,
    ModelReference,
    ModelVersionReference,
    PersonReference,
    RunReference,
)
from lineage.model_card import PARTS
from lineage.models import (
    Assessment,
    CollectedAs,
    ConsentStatus,
    LegalBasis,
    LinkCorrection,
    LinkMethod,
    Presence,
    RegulationSet,
    RunRole,
    RunState,
    SpecialCondition,
    Transformation,
    Treatment,
)
from lineage.models.registry import ALIAS_PATTERN

MAX_COUNT = 2**63 - 1
COMMIT = r"^[0-9A-Za-z._/-]{1,128}$"
NAME_LENGTH = 256


class ColumnSerializer(StrictSerializer):
    """A column of a schema [OL schema.fields]."""

    name = TextField(max_length=NAME_LENGTH)
    type = WordField()
    description = WordField(max_length=2_000)


class DatasetWriteSerializer(NamespacedWriteSerializer):
    """A dataset to register."""

    name = NameField(max_length=NAME_LENGTH)
    title = WordField()
    description = ProseField()
    steward = PersonReference(required=False)
    owner = PersonReference(required=False)
    is_live = serializers.BooleanField(required=False)


class DatasetChangeSerializer(WriteSerializer):
    """What is to change of a dataset; null takes a person away."""

    title = WordField()
    description = ProseField()
    steward = PersonReference(required=False, allow_null=True)
    owner = PersonReference(required=False, allow_null=True)
    is_live = serializers.BooleanField(required=False)


class DatasetVersionWriteSerializer(WriteSerializer):
    """A dataset version to register, with its provenance."""

    dataset = DatasetReference()
    label = NameField(max_length=NAME_LENGTH)  # type: ignore[assignment]  # a field of the body, not its label
    digest = DigestField(required=False)
    location = WordField(max_length=2_000)
    format = WordField(max_length=255)
    bytes = serializers.IntegerField(min_value=0, max_value=MAX_COUNT, required=False, allow_null=True)
    rows = serializers.IntegerField(min_value=0, max_value=MAX_COUNT, required=False, allow_null=True)
    schema = serializers.ListField(child=ColumnSerializer(), required=False, max_length=SCHEMA_LIMIT)
    source = ProseField()  # type: ignore[assignment]  # a field of the body, not where it is read from
    origin = ProseField()
    origin_geography = WordField(max_length=7)
    date = serializers.DateField(required=False, allow_null=True)
    previous_date = serializers.DateField(required=False, allow_null=True)
    generation_period_start = serializers.DateField(required=False, allow_null=True)
    generation_period_end = serializers.DateField(required=False, allow_null=True)
    generation_method = ProseField()
    data_collection_process = ProseField()
    known_bias = ProseField()
    dataset_noise = ProseField()
    update_mechanism = ProseField()
    missing_data = ProseField()
    imputation = ProseField()
    preprocessing = ProseField()
    annotation_protocol = ProseField()


class TermsWriteSerializer(WriteSerializer):
    """Terms to record."""

    dataset = DatasetReference()
    licence = TextField(max_length=128)
    document_digest = DigestField(required=False)
    consent_status = serializers.ChoiceField(ConsentStatus.choices, required=False, allow_blank=True)
    consent_evidence = ProseField()
    legal_basis = serializers.ChoiceField(LegalBasis.choices, required=False, allow_blank=True)
    special_condition = serializers.ChoiceField(SpecialCondition.choices, required=False, allow_blank=True)
    original_purpose = WordField()
    permitted_purposes = terms_list(_("What it may be used for, as dpv:Name; empty permits nothing [DPV Purpose]."))
    forbidden_purposes = terms_list(_("What it must not be used for [DPV Purpose]."))
    permitted_geographies = terms_list(_("ISO 3166 codes or blocs; empty: wherever it is not forbidden [D&TA]."))
    forbidden_geographies = terms_list(_("ISO 3166 codes or blocs [D&TA]."))
    permitted_storage_geographies = terms_list(
        _("ISO 3166 codes or blocs; empty: wherever it is not forbidden [D&TA].")
    )
    forbidden_storage_geographies = terms_list(_("ISO 3166 codes or blocs [D&TA]."))
    permits_narrower = serializers.BooleanField(
        required=False,
        help_text=_("Whether a permitted purpose covers the narrower ones of the vocabulary; false: each is named."),
    )
    controller = WordField()
    storage_duration_days = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, help_text=_("Days; blank: no limit.")
    )
    effective_from = MomentField(required=False)
    effective_to = MomentField(required=False, allow_null=True)


class WithdrawalWriteSerializer(WriteSerializer):
    """Why terms are withdrawn."""

    reason = TextField(max_length=2_000, help_text=_("Why they are withdrawn; kept with the withdrawal."))


class _Answer(WriteSerializer):
    regulation_sets = serializers.ListField(
        child=serializers.ChoiceField(RegulationSet.choices), required=False, max_length=6
    )
    special_category = serializers.BooleanField(required=False)
    collected_as = serializers.ChoiceField(CollectedAs.choices, required=False)
    data_subjects = terms_list(_("Whom it is about, such as dpv:Patient [DPV DataSubject]."))
    treatment = serializers.ChoiceField(Treatment.choices, required=False)
    treatment_tool = WordField()
    treatment_parameters = ExactJSONField(kind=dict, required=False)
    excluded_from_training = serializers.BooleanField(required=False)


class FlagWriteSerializer(_Answer):
    """A flag to raise; `assessment` reviewed takes a data steward."""

    dataset_version = DatasetVersionReference()
    column = WordField()
    category = TextField(max_length=256)
    present = serializers.ChoiceField(Presence.choices)
    assessment = serializers.ChoiceField(Assessment.choices, required=False)
    propagated_from = FlagReference(
        required=False, help_text=_("Id of the flag upstream that this one follows from [OL columnLineage].")
    )


class FlagReviewSerializer(_Answer):
    """A data steward's answer on a flag; what is left out stays as the flag has it."""

    present = serializers.ChoiceField(Presence.choices)


INPUT_ROLES = [choice for choice in RunRole.choices if choice[0] in INPUT_ROLE_VALUES]
OUTPUT_ROLES = [choice for choice in RunRole.choices if choice[0] in OUTPUT_ROLE_VALUES]


class _Link(StrictSerializer):
    exactly_one_of = ("dataset_version", "model_version")
    dataset_version = DatasetVersionReference(required=False)
    model_version = ModelVersionReference(required=False)


class NestedInputSerializer(_Link):
    """What a run read: exactly one of a dataset version and a model version."""

    role = serializers.ChoiceField(INPUT_ROLES, required=False)


class NestedOutputSerializer(_Link):
    """What a run wrote: exactly one of a dataset version and a model version."""

    role = serializers.ChoiceField(OUTPUT_ROLES, required=False)


class RunInputWriteSerializer(NestedInputSerializer, WriteSerializer):
    """What else a run read: exactly one of a dataset version and a model version."""

    link_method = serializers.ChoiceField(LinkMethod.choices, required=False)


class RunOutputWriteSerializer(NestedOutputSerializer, WriteSerializer):
    """What else a run wrote: exactly one of a dataset version and a model version."""

    link_method = serializers.ChoiceField(LinkMethod.choices, required=False)


class RunWriteSerializer(NamespacedWriteSerializer):
    """A run to register, whole or just begun."""

    job_name = NameField(max_length=NAME_LENGTH)
    run_key = NameField(max_length=NAME_LENGTH)
    source_commit = serializers.RegexField(COMMIT, required=False, help_text=_("Commit of the code that ran."))
    started_at = MomentField(required=False)
    ended_at = MomentField(required=False)
    state = serializers.ChoiceField(RunState.choices, required=False)
    inputs = serializers.ListField(child=NestedInputSerializer(), required=False, max_length=LINK_LIMIT)
    outputs = serializers.ListField(child=NestedOutputSerializer(), required=False, max_length=LINK_LIMIT)
    link_method = serializers.ChoiceField(LinkMethod.choices, required=False)


class RunEndSerializer(WriteSerializer):
    """How a run ended."""

    state = serializers.ChoiceField([choice for choice in RunState.choices if choice[0] != RunState.RUNNING])
    ended_at = MomentField(required=False)


class ColumnLineageWriteSerializer(WriteSerializer):
    """A column that a run made from another. The run must have read the one version and written the other."""

    run = RunReference()
    source = DatasetVersionReference()  # type: ignore[assignment]  # a field of the body, not where it is read from
    source_column = WordField()
    target = DatasetVersionReference()
    target_column = WordField()
    transformation = serializers.ChoiceField(Transformation.choices, required=False)
    subtype = WordField(max_length=64)
    masking = serializers.BooleanField(required=False)
    description = WordField(max_length=1_000)
    link_method = serializers.ChoiceField(LinkMethod.choices, required=False)


class LinkCorrectionWriteSerializer(WriteSerializer):
    """A link to void, or to restore: exactly one of the three kinds. The reason stands with the release for good."""

    exactly_one_of = ("run_input", "run_output", "column_lineage")
    run_input = IdField(required=False, help_text=_("Id of the link, if it is one of what a run read."))
    run_output = IdField(required=False, help_text=_("Id of the link, if it is one of what a run wrote."))
    column_lineage = IdField(required=False, help_text=_("Id of the link, if it is one of columns."))
    kind = serializers.ChoiceField(LinkCorrection.Kind.choices, required=False)
    reason = TextField(max_length=2_000)


class ModelWriteSerializer(NamespacedWriteSerializer):
    """A model to register."""

    name = NameField(max_length=NAME_LENGTH)
    title = WordField()
    description = ProseField()
    owner = PersonReference(required=False)
    decision_owner = PersonReference(required=False)
    intended_purpose = WordField()
    out_of_scope_uses = ProseField()
    risk_answers = ExactJSONField(kind=dict, required=False, help_text=_("{question: true or false}"))
    deployment_geography = terms_list(_("ISO 3166 codes or blocs where it decides [D&TA]."))


class ModelChangeSerializer(WriteSerializer):
    """What is to change of a model."""

    title = WordField()
    description = ProseField()
    owner = PersonReference(required=False)
    decision_owner = PersonReference(required=False)
    intended_purpose = WordField()
    out_of_scope_uses = ProseField()
    risk_answers = ExactJSONField(kind=dict, required=False, help_text=_("{question: true or false}"))
    deployment_geography = terms_list(_("ISO 3166 codes or blocs where it decides [D&TA]."))


class ModelVersionWriteSerializer(WriteSerializer):
    """A model version to register."""

    model = ModelReference()
    digest = DigestField(required=False)
    artifact_uri = WordField(max_length=2_000)
    source_run = RunReference(required=False)
    code_commit = serializers.RegexField(COMMIT, required=False, help_text=_("Commit of the training code."))
    parent_version = ModelVersionReference(required=False)
    supplier = WordField()
    metrics = ExactJSONField(kind=dict, required=False, help_text=_("{name: finite number}"))
    parameters = ExactJSONField(
        kind=dict, required=False, help_text=_("{name: text, finite number, true, false or null}")
    )
    features_used = terms_list(_("Columns of the training data that the model reads."), length=SCHEMA_LIMIT)
    model_card = ExactJSONField(
        kind=dict,
        required=False,
        help_text=format_lazy(
            _("Parts of a model card, each optional [CDX modelCard]. {parts}"),
            parts=lazy(lambda: " ".join(f"{part}: {said}" for part, said in PARTS.items()), str)(),
        ),
    )


class CompletionWriteSerializer(WriteSerializer):
    """What became known of a version after its registration: one of these at least."""

    digest = DigestField(required=False)
    code_commit = serializers.RegexField(COMMIT, required=False, help_text=_("Commit of the training code."))
    training_data = serializers.ListField(
        child=DatasetVersionReference(),
        required=False,
        max_length=TRAINING_AT_ONCE,
        help_text=_("Dataset versions it was trained on: ids, or {dataset, digest}; 100 at once."),
    )
    source_run = RunReference(required=False)
    metrics = ExactJSONField(kind=dict, required=False, help_text=_("{name: finite number}"))
    parameters = ExactJSONField(
        kind=dict, required=False, help_text=_("{name: text, finite number, true, false or null}")
    )
    came_from = WordField(max_length=2_000, help_text=_("Where you know it from: an address, a document."))


class TagsWriteSerializer(WriteSerializer):
    """Tags to set, by key; null takes one away."""

    tags = serializers.DictField(
        child=TextField(max_length=100_000, allow_blank=True, allow_null=True),
        help_text=_("{key: value}; null takes the tag away. Keys of 1 to 250 characters, 100 at once."),
    )

    def validate_tags(self, given: dict[str, str | None]) -> dict[str, str | None]:
        """Keys are names."""
        faults = {
            key: [fault or _("1 to 250 characters.")]
            for key in given
            if (fault := name_fault(key)) or not 0 < len(key) <= 250
        }
        if faults:
            raise serializers.ValidationError(faults)
        return given


class RenameSerializer(WriteSerializer):
    """Another name for a model."""

    name = NameField(max_length=NAME_LENGTH)


class AliasWriteSerializer(WriteSerializer):
    """Which version an alias means."""

    alias = serializers.RegexField(
        ALIAS_PATTERN,
        max_length=255,
        help_text=_("Letters a to z, digits, _ and -; none that an environment claims."),
    )
    number = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, allow_null=True, help_text=_("Of the version; null takes the alias away.")
    )


class DescriptionWriteSerializer(WriteSerializer):
    """What a version is."""

    description = ProseField(required=True, help_text=_("Up to 5,000 characters; blank takes it away."))


class ArchiveWriteSerializer(WriteSerializer):
    """Whether a version is put away."""

    archived = serializers.BooleanField(help_text=_("True puts it away, false takes it out again."))


class RecallWriteSerializer(WriteSerializer):
    """A digest to recall. The reason is read in every namespace."""

    digest = DigestField()
    reason = TextField(max_length=2_000)
