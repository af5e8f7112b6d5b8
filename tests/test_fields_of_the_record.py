"""Every field that the record is to hold, and where it stands: in the model, the API, the admin, with help in words.

The words on the left are those of the agreement on records and their fields. A field that nobody can read over the API,
that the admin hides, or that does not say what it holds, fails here; so does one that somebody removes.
"""

from typing import Any, NamedTuple

import pytest
from django.contrib import admin

from approvals.api import (
    serializers_environments,
    serializers_evidence,
    serializers_findings,
    serializers_policies,
    serializers_promotions,
    serializers_releases,
)
from approvals.models import (
    Environment,
    Evidence,
    EvidenceValue,
    Finding,
    FindingEvent,
    GateDecision,
    Plan,
    PlanCriterion,
    Policy,
    PolicyVersion,
    Promotion,
    PromotionEnd,
    Release,
    ReleaseClosure,
    Requirement,
    SignOff,
    SignOffWithdrawal,
)
from governance.accounts.api import serializers as accounts
from governance.accounts.models import ApiKey, Namespace, Principal, RoleGrant
from governance.history.models import GovernedModel
from lineage.api import records
from lineage.models import (
    CollectionTerms,
    ColumnLineage,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    ModelVersionArchival,
    ModelVersionCompletion,
    ModelVersionDescription,
    ModelVersionTag,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
    TermsWithdrawal,
    TrackingServer,
)


class Place(NamedTuple):
    """A record: its model, the serializer that shows it, and its fields: words of the agreement, columns, API's name.

    A field is `words`, `words=column,column` or `words=column>name in the API`; `words=>name` is worked out, not kept.
    """

    model: Any
    shown: Any
    fields: str


PLACES = [
    Place(Namespace, accounts.NamespaceSerializer, "name title description"),
    Place(Principal, accounts.PrincipalSerializer, "kind display_name answers_for_it=responsible home_namespace"),
    Place(
        RoleGrant, accounts.RoleGrantSerializer,
        "principal role namespace from=effective_from to=effective_to granted_by=recorded_by approved_by on_behalf_of",
    ),
    Place(ApiKey, accounts.ApiKeySerializer, "prefix scopes expiry=expires_at revoked=revoked_at last_used=last_used_at"),
    Place(Dataset, records.DatasetSerializer, "namespace name title description steward owner is_live"),
    Place(
        DatasetVersion, records.DatasetVersionSerializer,
        "label digest=digest_algorithm,digest_value>digest location format bytes rows schema source origin"
        " origin_geography date previous_date"
        " generation_period=generation_period_start,generation_period_end>generation_period_start generation_method"
        " data_collection_process known_bias dataset_noise update_mechanism missing_data imputation preprocessing"
        " annotation_protocol",
    ),
    Place(
        CollectionTerms, records.CollectionTermsSerializer,
        "number licence document_digest consent=consent_status,consent_evidence>consent_status"
        " where_the_evidence_lies=consent_evidence legal_basis special_condition original_purpose permitted_purposes"
        " forbidden_purposes permitted_processing_geography=permitted_geographies"
        " forbidden_processing_geography=forbidden_geographies"
        " permitted_storage_geography=permitted_storage_geographies"
        " forbidden_storage_geography=forbidden_storage_geographies controller storage_duration=storage_duration_days"
        " effective_from effective_to withdrawal=>withdrawal ahead_of_time=>ends",
    ),
    Place(TermsWithdrawal, records.TermsWithdrawalSerializer, "terms reason"),
    Place(
        SensitivityFlag, records.SensitivityFlagSerializer,
        "dataset_version column category regulation_set=regulation_sets present special_category collected_as"
        " data_subjects treatment tool=treatment_tool parameters=treatment_parameters excluded_from_training"
        " declared_detected_reviewed=assessment by=recorded_by propagated_from",
    ),
    Place(
        Run, records.RunSerializer,
        "job_name run_key source_commit started=started_at ended=ended_at state inputs=>inputs outputs=>outputs",
    ),
    Place(RunInput, records.RunInputSerializer, "dataset_version model_version role how_the_link_was_made=link_method"),
    Place(RunOutput, records.RunOutputSerializer, "dataset_version model_version role how_the_link_was_made=link_method"),
    Place(
        ColumnLineage, records.ColumnLineageSerializer,
        "run source source_column target target_column type=transformation subtype masking description"
        " how_the_link_was_made=link_method",
    ),
    Place(
        Model, records.ModelSerializer,
        "namespace name description owner decision_owner intended_purpose out_of_scope_uses risk_tier"
        " answered_questions=risk_answers",
    ),
    Place(
        ModelVersion, records.ModelVersionSerializer,
        "number artifact_uri digest=digest_algorithm,digest_value>digest source_run code_commit parent_version supplier"
        " metrics parameters model_card tags=>tags description=>description archived_state=>archived"
        " what_came_later=filled_later>filled_later how_it_came=>later_facts",
    ),
    Place(ModelVersionTag, None, "model_version key value removed"),
    Place(ModelVersionDescription, None, "model_version text"),
    Place(ModelVersionArchival, None, "model_version archived"),
    Place(TrackingServer, records.TrackingServerSerializer, "namespace address=uri"),
    Place(
        ModelVersionCompletion, records.CompletionSerializer,
        "model_version=model_version>id how came_from tracking_server digest=digest_algorithm,digest_value>digest code_commit run training metrics"
        " parameters contradicts",
    ),
    Place(
        Environment, serializers_environments.EnvironmentSerializer,
        "name order live_traffic observe_only_until",
    ),
    Place(Policy, None, "environment namespace risk_tier slot"),
    Place(PolicyVersion, serializers_policies.PolicySerializer, "number requirements=>requirements"),
    Place(Requirement, serializers_policies.RequirementSerializer, "key kind params"),
    Place(
        Plan, serializers_evidence.PlanSerializer, "model dataset kind criteria=>criteria checklist=>checklist owner locked_at",
    ),
    Place(PlanCriterion, serializers_evidence.CriterionSerializer, "metric comparator threshold slice dataset_role"),
    Place(
        Evidence, serializers_evidence.EvidenceSerializer,
        "plan model_version dataset_version promotion subject_digest window=window_start,window_end>window_start"
        " measured_values=>values verdict=>verdict answers=>answers who_reported=recorded_by independence attachments"
        " valid_until reported=claim",
    ),
    Place(EvidenceValue, serializers_evidence.ValueSerializer, "metric value slice interval=ci_low,ci_high>ci_low"),
    Place(
        Release, serializers_releases.ReleaseSerializer,
        "model_version environment slot purpose opened_by=recorded_by closure=>closure",
    ),
    Place(ReleaseClosure, serializers_releases.ClosureSerializer, "kind reason"),
    Place(
        SignOff, serializers_releases.SignOffSerializer,
        "release requirement vote printed_name signed_at meaning statement statement_digest evidence_seen role_grant"
        " reauthenticated_at reauthentication_method signature comment",
    ),
    Place(SignOffWithdrawal, serializers_releases.WithdrawalSerializer, "sign_off reason"),
    Place(GateDecision, serializers_promotions.DecisionSerializer, "requirements snapshot"),
    Place(
        Promotion, serializers_promotions.PromotionSerializer,
        "release model environment slot started=started_at",
    ),
    Place(PromotionEnd, serializers_promotions.PromotionEndSerializer, "kind reason"),
    Place(
        Finding, serializers_findings.FindingSerializer,
        "kind model model_version dataset promotion text severity owner due when_overdue blocks",
    ),
    Place(FindingEvent, serializers_findings.FindingEventSerializer, "kind text"),
]  # fmt: skip
#: Fields of the agreement that are nowhere yet, and why.
NOT_YET = {
    "Environment: MLflow stages and aliases that mean it": "comes with the MLflow registry's door, which reads them",
}


def rows() -> list[Any]:
    """One case per field of the agreement."""
    found = []
    for place in PLACES:
        for said in place.fields.split():
            words, _, rest = said.partition("=")
            columns, arrow, name = (rest or words).partition(">")
            kept = [column for column in columns.split(",") if column]
            shown = name if arrow else kept[0]
            found.append(pytest.param(place, kept, shown, id=f"{place.model.__name__}.{words}"))
    return found


@pytest.mark.parametrize(("place", "columns", "shown"), rows())
def test_the_field_is_kept_explained_and_shown(place: Place, columns: list[str], shown: str) -> None:
    for column in columns:
        field = place.model._meta.get_field(column)
        of_the_stamp = column in ("recorded_by", "recorded_at")
        assert field.verbose_name, column
        if not (field.is_relation or of_the_stamp):
            assert str(field.help_text).strip() or field.choices, (
                f"{place.model.__name__}.{column} does not explain itself"
            )
    if place.shown is not None:
        assert shown in place.shown().fields, f"{place.shown.__name__} does not show {shown}"
    if issubclass(place.model, GovernedModel):
        registered = admin.site.get_model_admin(place.model)
        assert not registered.exclude and not registered.fields and not registered.fieldsets, "the admin shows it all"


FACTS = [place for place in PLACES if place.model._meta.app_label == "lineage"]


@pytest.mark.parametrize("place", FACTS, ids=lambda place: place.model.__name__)
def test_no_column_of_a_fact_stands_outside_the_agreement(place: Place) -> None:
    """A column that the table does not name is the record's stamp, what the database works out, or the way to its root."""
    told = {column for case in rows() if case.values[0] is place for column in case.values[1]}
    own = {
        *("id", "recorded_at", "recorded_by", "epoch", "use_epoch", "narrows", "raises", "supersedes"),
        *("dataset", "run", "model", "namespace"),
    }
    more = {
        CollectionTerms: {"permits_narrower"},
        Model: {"title", "deployment_geography"},
        ModelVersion: {"features_used"},
    }
    columns = {field.name for field in place.model._meta.concrete_fields}
    assert columns - told - own - more.get(place.model, set()) == set()


@pytest.mark.parametrize("place", FACTS, ids=lambda place: place.model.__name__)
def test_facts_name_the_source_of_their_fields(place: Place) -> None:
    """In brackets, as in `[D&TA source]`: so that a reader can look the meaning up."""
    silent = [
        field.name
        for field in place.model._meta.concrete_fields
        if field.name not in ("id", "recorded_at", "recorded_by", "number", "epoch", "use_epoch", "narrows", "raises")
        and not field.is_relation and "[" not in str(field.help_text)
    ]  # fmt: skip
    assert set(silent) <= HOUSE, sorted(set(silent) - HOUSE)


#: Columns with no term of a standard behind them: the house's own.
HOUSE = {
    "reason", "removed", "archived", "link_method", "role", "document_digest", "effective_from", "effective_to",
    "present", "treatment_tool", "treatment_parameters", "excluded_from_training", "assessment", "title",
    "risk_answers", "text", "how", "came_from", "training", "contradicts", "filled_later",
}  # fmt: skip
