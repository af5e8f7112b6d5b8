"""Every rule of facts that the database holds, attacked in SQL under the app's login."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import ProgrammingError, models
from django.utils import timezone

from governance import errors
from lineage import actions
from lineage.actions import Link
from lineage.models import DatasetVersion
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

Attack = Callable[[Any], Any]
HEX = "a" * 64


def insert(table: str, **columns: Any) -> tuple[str, list[Any]]:
    """An INSERT of these columns."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO lineage_{table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})", list(columns.values())


def terms_row(dataset: int, **columns: Any) -> dict[str, Any]:
    """A row of terms that would be taken."""
    lists = (
        "permitted_purposes",
        "forbidden_purposes",
        "permitted_geographies",
        "forbidden_geographies",
        "permitted_storage_geographies",
        "forbidden_storage_geographies",
    )
    texts = ("document_digest", "consent_status", "consent_evidence", "legal_basis", "special_condition", "controller")
    return {
        "dataset_id": dataset,
        "licence": "MIT",
        "original_purpose": "",
        "effective_from": timezone.now(),
        "permits_narrower": False,
        **dict.fromkeys(texts, ""),
        **{name: [] for name in lists},
        **columns,
    }


def flag_row(version: int, **columns: Any) -> dict[str, Any]:
    """A row of a flag that would be taken."""
    return {
        "dataset_version_id": version,
        "column": "",
        "category": "pd:Income",
        "regulation_sets": [],
        "present": "yes",
        "special_category": False,
        "collected_as": "collected",
        "data_subjects": [],
        "treatment": "none",
        "treatment_tool": "",
        "treatment_parameters": "{}",
        "excluded_from_training": False,
        "assessment": "declared",
        **columns,
    }


def model_version_row(model: int, **columns: Any) -> dict[str, Any]:
    """A row of a model version that would be taken."""
    return {
        "model_id": model,
        "artifact_uri": "",
        "digest_algorithm": "sha256",
        "digest_value": HEX,
        "code_commit": "",
        "supplier": "",
        "metrics": "{}",
        "parameters": "{}",
        "features_used": [],
        "model_card": "{}",
        **columns,
    }


def test_the_rows_that_the_attacks_vary_would_be_taken(facts: Facts, cast: Cast, attack: Attack) -> None:
    data, model = facts.version(), facts.model()
    with attack(cast.pipeline) as sql:
        for statement, values in (
            insert("collectionterms", **terms_row(data.dataset_id)),
            insert("sensitivityflag", **flag_row(data.pk)),
            insert("modelversion", **model_version_row(model.pk)),
        ):
            sql(statement, *values)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"permitted_purposes": ["research"]}, "terms-permitted-purposes"),
        ({"permitted_purposes": [None]}, "terms-permitted-purposes"),
        ({"forbidden_purposes": ["dpv:A b"]}, "terms-forbidden-purposes"),
        (
            {"permitted_purposes": ["dpv:Marketing"], "forbidden_purposes": ["dpv:Marketing"]},
            "terms-forbidden-purposes",
        ),
        ({"permitted_geographies": ["de"]}, "terms-permitted-geographies"),
        ({"forbidden_storage_geographies": ["DE", "DE"]}, "terms-forbidden-storage-geographies"),
        ({"legal_basis": "eu-gdpr:A6-1-z"}, "terms_legal_basis_known"),
        ({"special_condition": "eu-gdpr:A9-2-z"}, "terms_special_condition_known"),
        ({"consent_status": "given"}, "terms_consent_status_known"),
        ({"original_purpose": "x"}, "terms_original_purpose_well_formed"),
        ({"licence": ""}, "terms_licence_well_formed"),
        ({"document_digest": "sha256:" + "A" * 64}, "terms_document_digest_well_formed"),
        ({"storage_duration_days": 0}, "terms_storage_duration_positive"),
        ({"effective_from": "2026-01-02Z", "effective_to": "2026-01-02Z"}, "terms_period_in_order"),
    ],
)
def test_terms(facts: Facts, cast: Cast, attack: Attack, columns: dict[str, Any], code: str) -> None:
    statement, values = insert("collectionterms", **terms_row(facts.dataset().pk, **columns))
    with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == code


def test_a_number_of_ones_own_is_overruled(facts: Facts, cast: Cast, attack: Attack) -> None:
    loans, model = facts.dataset(), facts.model()
    with attack(cast.pipeline) as sql:
        statement, values = insert("collectionterms", **terms_row(loans.pk, number=7))
        assert sql(statement + " RETURNING number", *values) == [(1,)]
        statement, values = insert("modelversion", **model_version_row(model.pk, number=7))
        assert sql(statement + " RETURNING number", *values) == [(1,)]


def test_several_terms_in_one_statement_are_numbered_one_by_one(facts: Facts, cast: Cast, attack: Attack) -> None:
    row = terms_row(facts.dataset().pk)
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    with attack(cast.steward) as sql:
        found = sql(
            f"INSERT INTO lineage_collectionterms ({names}) VALUES ({marks}), ({marks}) RETURNING number",
            *row.values(),
            *row.values(),
        )
    assert found == [(1,), (2,)]


def test_a_pipeline_supersedes_no_terms(facts: Facts, cast: Cast, attack: Attack) -> None:
    loans = facts.dataset()
    facts.terms(loans)
    statement, values = insert("collectionterms", **terms_row(loans.pk))
    with pytest.raises(errors.SeparationOfDuties) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == "terms-by-steward"


def test_terms_are_withdrawn_once_and_for_a_reason(facts: Facts, cast: Cast, attack: Attack) -> None:
    terms = facts.terms(facts.dataset())
    statement, values = insert("termswithdrawal", terms_id=terms.pk, reason=" ")
    with pytest.raises(errors.Invalid), attack(cast.steward) as sql:
        sql(statement, *values)
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=terms)
    statement, values = insert("termswithdrawal", terms_id=terms.pk, reason="again")
    with pytest.raises(errors.Conflict), attack(cast.steward) as sql:
        sql(statement, *values)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"category": "health"}, "flag_category_well_formed"),
        ({"present": "maybe"}, "flag_present_known"),
        ({"collected_as": "x"}, "flag_collected_as_known"),
        ({"treatment": "x"}, "flag_treatment_known"),
        ({"assessment": "x"}, "flag_assessment_known"),
        ({"regulation_sets": ["XX"]}, "flag_regulation_sets_known"),
        ({"regulation_sets": ["PII", None]}, "flag-lists"),
        ({"data_subjects": ["patient"]}, "flag-lists"),
        ({"treatment_parameters": "[]"}, "flag-lists"),
    ],
)
def test_flags(facts: Facts, cast: Cast, attack: Attack, columns: dict[str, Any], code: str) -> None:
    statement, values = insert("sensitivityflag", **flag_row(facts.version().pk, **columns))
    with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == code


@pytest.mark.parametrize("name", ["pipeline", "owner", "compliance", "admin", "outsider"])
def test_a_reviewed_flag_takes_a_steward(facts: Facts, cast: Cast, attack: Attack, name: str) -> None:
    statement, values = insert("sensitivityflag", **flag_row(facts.version().pk, assessment="reviewed"))
    with pytest.raises(errors.SeparationOfDuties) as caught, attack(getattr(cast, name)) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == "not-a-steward"


def test_a_steward_clears_and_nobody_else_does(facts: Facts, cast: Cast, attack: Attack) -> None:
    version = facts.version()
    with attack(cast.pipeline) as sql:
        statement, values = insert("sensitivityflag", **flag_row(version.pk))
        sql(statement, *values)
    statement, values = insert("sensitivityflag", **flag_row(version.pk, present="no"))
    with pytest.raises(errors.SeparationOfDuties), attack(cast.pipeline) as sql:
        sql(statement, *values)
    with attack(cast.steward) as sql:
        statement, values = insert("sensitivityflag", **flag_row(version.pk, present="no", assessment="reviewed"))
        sql(statement, *values)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"digest_value": HEX.upper()}, "model_version_digest_well_formed"),
        ({"digest_value": HEX + "\n"}, "model_version_digest_well_formed"),
        ({"digest_algorithm": "md5", "digest_value": "a" * 32}, "model_version_digest_well_formed"),
        ({"digest_algorithm": ""}, "model_version_digest_well_formed"),
        ({"digest_algorithm": "", "digest_value": ""}, "model_version_identified"),
        ({"metrics": '{"auc": 1e400}'}, "model-version-metrics"),
        ({"metrics": '{"auc": "0.9"}'}, "model-version-metrics"),
        ({"metrics": '{"auc": null}'}, "model-version-metrics"),
        ({"metrics": "[0.9]"}, "model-version-metrics"),
        ({"parameters": '{"a": [1]}'}, "model-version-parameters"),
        ({"parameters": '{"a": -1e999}'}, "model-version-parameters"),
        ({"model_card": '{"performance": [{"value": 1e400}]}'}, "model-version-model-card"),
        ({"features_used": ["a", "a"]}, "model-version-features-used"),
        ({"code_commit": "a b"}, "model_version_code_commit_well_formed"),
    ],
)
def test_model_versions(facts: Facts, cast: Cast, attack: Attack, columns: dict[str, Any], code: str) -> None:
    statement, values = insert("modelversion", **model_version_row(facts.model().pk, **columns))
    with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == code


def test_a_run_of_another_namespace_is_no_source(facts: Facts, cast: Cast, attack: Attack) -> None:
    theirs = actions.register_run(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, job_name="train", run_key="r"
    ).record
    statement, values = insert("modelversion", **model_version_row(facts.model().pk, source_run_id=theirs.pk))
    with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == "run-elsewhere"


def test_the_same_artifact_of_no_run_is_one_version(facts: Facts, cast: Cast, attack: Attack) -> None:
    version = facts.model_version(digest=f"sha256:{HEX}")
    statement, values = insert("modelversion", **model_version_row(version.model_id))
    with pytest.raises(errors.Conflict), attack(cast.pipeline) as sql:
        sql(statement, *values)


@pytest.mark.parametrize(
    "columns",
    [
        {"label": ""},
        {"label": " v2"},
        {"label": "v\n2"},
        {"bytes": -1},
        {"rows": -1},
        {"origin_geography": "de"},
        {"generation_period_start": "2024-02-01", "generation_period_end": "2024-01-01"},
        {"date": "2024-01-01", "previous_date": "2024-02-01"},
        {"digest_algorithm": "sha512", "digest_value": HEX},
        {"schema": "{}"},
        {"schema": '[{"type": "int"}]'},
        {"schema": '["a"]'},
        {"schema": '[{"name": "a"}, {"name": "a"}]'},
    ],
)
def test_dataset_versions(facts: Facts, cast: Cast, attack: Attack, columns: dict[str, Any]) -> None:
    texts = [field.name for field in DatasetVersion._meta.concrete_fields if isinstance(field, models.TextField)]
    texts += ["location", "format", "origin_geography"]
    row = {
        "dataset_id": facts.dataset().pk,
        "label": "v2",
        "digest_algorithm": "sha256",
        "digest_value": HEX,
        "schema": "[]",
        **dict.fromkeys(texts, ""),
        **columns,
    }
    statement, values = insert("datasetversion", **row)
    with pytest.raises(errors.Invalid), attack(cast.pipeline) as sql:
        sql(statement, *values)


def test_a_link_is_to_exactly_one_thing(facts: Facts, cast: Cast, attack: Attack) -> None:
    run, data, model = facts.run(), facts.version(), facts.model_version()
    for table, role in (("runinput", "training"), ("runoutput", "output")):
        for both in ({}, {"dataset_version_id": data.pk, "model_version_id": model.pk}):
            statement, values = insert(table, run_id=run.pk, role=role, link_method="declared", **both)
            with pytest.raises(errors.Invalid), attack(cast.pipeline) as sql:
                sql(statement, *values)
        statement, values = insert(table, run_id=run.pk, role="x", link_method="declared", dataset_version_id=data.pk)
        with pytest.raises(errors.Invalid), attack(cast.pipeline) as sql:
            sql(statement, *values)


def test_a_run_writes_only_at_home(facts: Facts, cast: Cast, attack: Attack) -> None:
    theirs = actions.register_run(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, job_name="train", run_key="r"
    ).record
    statement, values = insert(
        "runoutput", run_id=theirs.pk, role="output", link_method="declared", dataset_version_id=facts.version().pk
    )
    with pytest.raises(errors.Invalid) as caught, attack(cast.outsider_pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] == "output-elsewhere"


def test_what_does_not_exist_yet_is_not_at_home(facts: Facts, cast: Cast, attack: Attack) -> None:
    """Foreign keys are looked at when the transaction ends: the link could come first, then the run of another place."""
    run, model = facts.run(), facts.model()
    for table, columns, code in (
        ("runoutput", {"run_id": run.pk, "dataset_version_id": 10**9}, "output-elsewhere"),
        ("runoutput", {"run_id": 10**9, "dataset_version_id": facts.version().pk}, "output-elsewhere"),
        ("runoutput", {"run_id": 10**9, "dataset_version_id": 10**9}, "output-elsewhere"),
        ("modelversion", {"source_run_id": 10**9}, "run-elsewhere"),
    ):
        whole = (
            model_version_row(model.pk) if table == "modelversion" else {"role": "output", "link_method": "declared"}
        )
        statement, values = insert(table, **whole, **columns)
        with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
            sql(statement, *values)
        assert caught.value.params["code"] == code


@pytest.mark.parametrize(
    "change",
    [
        "state = 'running', ended_at = NULL",
        "state = 'failed'",
        "ended_at = ended_at + interval '1 day'",
        "started_at = started_at - interval '1 day'",
        "source_commit = 'beef'",
        "source_commit = NULL",
    ],
)
def test_a_run_moves_only_forward(facts: Facts, cast: Cast, attack: Attack, change: str) -> None:
    now = timezone.now()
    run = facts.run(started_at=now, ended_at=now, state="complete", source_commit="cafe")
    with pytest.raises(errors.Conflict), attack(cast.pipeline) as sql:
        sql(f"UPDATE lineage_run SET {change} WHERE id = %s", run.pk)


def test_an_end_before_the_begin_and_a_final_state_without_an_end_are_refused(
    facts: Facts, cast: Cast, attack: Attack
) -> None:
    run = facts.run(started_at=timezone.now())
    for change in ("state = 'complete'", "state = 'complete', ended_at = started_at - interval '1 s'", "state = 'x'"):
        with pytest.raises(errors.Invalid), attack(cast.pipeline) as sql:
            sql(f"UPDATE lineage_run SET {change} WHERE id = %s", run.pk)


@pytest.mark.parametrize("answers", ['["yes"]', "3"])
def test_models(facts: Facts, cast: Cast, attack: Attack, answers: str) -> None:
    model = facts.model()
    with pytest.raises(errors.Invalid), attack(cast.owner) as sql:
        sql("UPDATE lineage_model SET risk_answers = %s::jsonb WHERE id = %s", answers, model.pk)
    for change in ("deployment_geography = '{Germany}'", "intended_purpose = 'x'"):
        with pytest.raises(errors.Invalid), attack(cast.owner) as sql:
            sql(f"UPDATE lineage_model SET {change} WHERE id = %s", model.pk)


def test_final_rows_and_fixed_columns_take_no_update_and_nothing_is_removed(
    facts: Facts, cast: Cast, attack: Attack
) -> None:
    data = facts.version()
    run = facts.run(inputs=[Link(data, "training")], outputs=[Link(facts.version(label="v2"), "output")])
    facts.model_version(source_run=run, digest=digest(1))
    terms = facts.terms(data.dataset)
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=terms)
    actions.raise_flag(actor=cast.pipeline, reason=WHY, dataset_version=data, category="pd:Age", present="yes")
    changes = {
        "dataset": "name = 'other'",
        "datasetversion": "rows = 1",
        "collectionterms": "licence = 'MIT'",
        "termswithdrawal": "reason = 'none'",
        "sensitivityflag": "present = 'no'",
        "run": "job_name = 'other'",
        "runinput": "role = 'test'",
        "runoutput": "role = 'test'",
        "model": "use_epoch = 9",
        "modelversion": "metrics = '{}'",
    }
    for table, change in changes.items():
        for statement in (
            f"UPDATE lineage_{table} SET {change}",
            f"DELETE FROM lineage_{table}",
            f"TRUNCATE lineage_{table}",
        ):
            with pytest.raises((errors.Refused, ProgrammingError)), attack(cast.pipeline) as sql:
                sql(statement)
        with pytest.raises((errors.Refused, ProgrammingError)), attack(cast.pipeline) as sql:
            sql(f"UPDATE lineage_{table} SET id = id + 1000")
