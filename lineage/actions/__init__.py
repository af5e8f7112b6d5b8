"""What can be done to facts: one function per write. Each names its actor and reason and is recorded whole."""

from lineage.actions.annotations import archive_model_version, describe_model_version, tag_model_version
from lineage.actions.carriers import complete_from_tags
from lineage.actions.columns import ColumnLink, link_column, link_columns
from lineage.actions.completions import Completed, complete_model_version
from lineage.actions.corrections import correct_link
from lineage.actions.datasets import register_dataset, register_dataset_version, update_dataset
from lineage.actions.flag_answers import answer_flags
from lineage.actions.flags import raise_flag, review_flag
from lineage.actions.intake import (
    decide_intake,
    override_statement,
    override_tier,
    propose_model,
    questions_asked,
    register_accepted,
    word_questions,
)
from lineage.actions.model_registry import register_model, register_model_version, update_model
from lineage.actions.openlineage import (
    assign_openlineage_namespace,
    claim_openlineage_namespace,
    keep_events,
    name_openlineage_dataset,
    replay_events,
)
from lineage.actions.profiles import record_measured_profile, record_profile
from lineage.actions.recalls import recall
from lineage.actions.registering import Registered
from lineage.actions.registry import (
    Told,
    register_from_mlflow,
    register_tagged_model,
    remove_alias,
    rename_model,
    set_alias,
    tag_and_complete,
    tag_model,
)
from lineage.actions.runs import Link, end_run, fill_run, link_run, link_run_input, link_run_output, register_run
from lineage.actions.terms import record_terms, withdraw_terms
from lineage.actions.tracking import name_tracking_server
from lineage.actions.vocabulary import add_vocabulary_term, retire_vocabulary_term

__all__ = [
    "ColumnLink",
    "Completed",
    "Link",
    "Registered",
    "Told",
    "add_vocabulary_term",
    "answer_flags",
    "archive_model_version",
    "assign_openlineage_namespace",
    "claim_openlineage_namespace",
    "complete_from_tags",
    "complete_model_version",
    "correct_link",
    "decide_intake",
    "describe_model_version",
    "end_run",
    "fill_run",
    "keep_events",
    "link_column",
    "link_columns",
    "link_run",
    "link_run_input",
    "link_run_output",
    "name_openlineage_dataset",
    "name_tracking_server",
    "override_statement",
    "override_tier",
    "propose_model",
    "questions_asked",
    "raise_flag",
    "recall",
    "record_measured_profile",
    "record_profile",
    "record_terms",
    "register_accepted",
    "register_dataset",
    "register_dataset_version",
    "register_from_mlflow",
    "register_model",
    "register_model_version",
    "register_run",
    "register_tagged_model",
    "remove_alias",
    "rename_model",
    "replay_events",
    "retire_vocabulary_term",
    "review_flag",
    "set_alias",
    "tag_and_complete",
    "tag_model",
    "tag_model_version",
    "update_dataset",
    "update_model",
    "withdraw_terms",
    "word_questions",
]
