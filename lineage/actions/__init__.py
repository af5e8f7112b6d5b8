"""What can be done to facts: one function per write. Each names its actor and reason and is recorded whole."""

from lineage.actions.datasets import register_dataset, register_dataset_version, update_dataset
from lineage.actions.flag_answers import answer_flags
from lineage.actions.flags import raise_flag, review_flag
from lineage.actions.model_registry import register_model, register_model_version, update_model
from lineage.actions.recalls import recall
from lineage.actions.registering import Registered
from lineage.actions.runs import Link, end_run, link_run_input, link_run_output, register_run
from lineage.actions.terms import record_terms, withdraw_terms

__all__ = [
    "Link",
    "Registered",
    "answer_flags",
    "end_run",
    "link_run_input",
    "link_run_output",
    "raise_flag",
    "recall",
    "record_terms",
    "register_dataset",
    "register_dataset_version",
    "register_model",
    "register_model_version",
    "register_run",
    "review_flag",
    "update_dataset",
    "update_model",
    "withdraw_terms",
]
