"""What the rows are. Source terms stand in the fields' help texts, in brackets."""

from lineage.models.annotations import ModelVersionArchival, ModelVersionDescription, ModelVersionTag
from lineage.models.columns import ColumnLineage, Transformation
from lineage.models.completions import FactOrigin, ModelVersionCompletion
from lineage.models.corrections import LinkCorrection
from lineage.models.datasets import Dataset, DatasetVersion
from lineage.models.expectations import ExpectationSet
from lineage.models.flags import (
    Assessment,
    CollectedAs,
    Presence,
    RegulationSet,
    SensitivityFlag,
    Treatment,
)
from lineage.models.imports import ImportDraft, ImportFormat, InventoryImport
from lineage.models.intake import Intake, IntakeDecision, RiskQuestionSet, TierOverride
from lineage.models.model_registry import Model, ModelVersion, RiskTier
from lineage.models.openlineage import (
    IntakeState,
    OpenLineageDataset,
    OpenLineageEvent,
    OpenLineageIntake,
    OpenLineageNamespace,
    OpenLineageReplay,
)
from lineage.models.personal import PersonalDataFind
from lineage.models.recalls import Recall
from lineage.models.registry import MlflowRegistration, ModelAlias, ModelTag
from lineage.models.reports import DataProfile, QualityResult, ReportedFact
from lineage.models.runs import LinkMethod, Run, RunInput, RunOutput, RunRole, RunState
from lineage.models.terms import CollectionTerms, ConsentStatus, LegalBasis, SpecialCondition, TermsWithdrawal
from lineage.models.tracking import TrackingServer
from lineage.models.vocabulary import VocabularyTerm

__all__ = [
    "Assessment",
    "CollectedAs",
    "CollectionTerms",
    "ColumnLineage",
    "ConsentStatus",
    "DataProfile",
    "Dataset",
    "DatasetVersion",
    "ExpectationSet",
    "FactOrigin",
    "ImportDraft",
    "ImportFormat",
    "Intake",
    "IntakeDecision",
    "IntakeState",
    "InventoryImport",
    "LegalBasis",
    "LinkCorrection",
    "LinkMethod",
    "MlflowRegistration",
    "Model",
    "ModelAlias",
    "ModelTag",
    "ModelVersion",
    "ModelVersionArchival",
    "ModelVersionCompletion",
    "ModelVersionDescription",
    "ModelVersionTag",
    "OpenLineageDataset",
    "OpenLineageEvent",
    "OpenLineageIntake",
    "OpenLineageNamespace",
    "OpenLineageReplay",
    "PersonalDataFind",
    "Presence",
    "QualityResult",
    "Recall",
    "RegulationSet",
    "ReportedFact",
    "RiskQuestionSet",
    "RiskTier",
    "Run",
    "RunInput",
    "RunOutput",
    "RunRole",
    "RunState",
    "SensitivityFlag",
    "SpecialCondition",
    "TermsWithdrawal",
    "TierOverride",
    "TrackingServer",
    "Transformation",
    "Treatment",
    "VocabularyTerm",
]
