"""The gate on facts: artifact, provenance, terms, sensitive data. Each refuses for its real reason, and is met else."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage.actions import recall
from lineage.models import (
    DatasetVersion,
    Model,
    ModelVersion,
    RunInput,
    RunOutput,
    TermsWithdrawal,
)
from tests.approvals.world import FACTS, PURPOSE, WHY, World, dataset, flag, give_terms, sha, train

UPSTREAM = ["features", "raw", "source"]


def only(w: World, kind: str, **params: Any) -> None:
    """A policy that asks one thing."""
    w.policy({"key": "it", "kind": kind, "params": params})


def reasons(w: World, version: ModelVersion | None = None, **release: Any) -> list[str]:
    """The reason codes of the one requirement, first gap first."""
    row = w.ask(w.release(version, **release))["it"]
    return [row.reason, *[other["reason"] for other in row.params.get("also", [])]]


def change(w: World, **fields: Any) -> None:
    """Edit the model as its owner would."""
    with recorded_action(actor=w.cast.owner, **WHY):
        for name, value in fields.items():
            setattr(w.model, name, value)
        w.model.save()


def test_everything_in_order_is_satisfied(w: World) -> None:
    w.policy(*FACTS)
    rows = w.ask()
    assert {row.status for row in rows.values()} == {"SATISFIED"}
    assert rows["artifact"].rests_on == [
        {"kind": "model_version", "id": w.version.pk, "digest": f"sha256:{w.version.digest_value}"}
    ]
    assert {item["id"] for item in rows["provenance"].rests_on} == {v.pk for v in w.versions.values()}
    assert {item["id"] for item in rows["terms"].rests_on} == {t.pk for t in w.terms.values()}
    assert len(rows["sensitive-data"].rests_on) == 3


# artifact


def test_a_version_without_digest_is_refused(w: World) -> None:
    only(w, "artifact")
    bare = train(
        w.cast, w.model, w.versions["features"], "bare", digest_algorithm="", digest_value="", artifact_uri="s3://m"
    )
    assert reasons(w, bare) == ["digest-missing"]


def test_a_commit_is_asked_for_where_the_policy_asks(w: World) -> None:
    only(w, "artifact", code_commit=True)
    assert reasons(w) == ["code-commit-missing"]
    assert reasons(w, train(w.cast, w.model, w.versions["features"], "with", code_commit="abc123")) == ["artifact-met"]


def test_an_attestation_is_asked_for_where_the_policy_asks(w: World) -> None:
    only(w, "artifact", attestation=True)
    assert reasons(w) == ["attestation-missing"]
    w.evidence(w.plan(), attachments=[{"uri": "s3://a", "digest": f"sha256:{sha('a')}", "type": "attestation"}])
    assert reasons(w) == ["artifact-met"]


def test_a_recalled_digest_is_refused_under_any_number(w: World) -> None:
    only(w, "artifact")
    recall(actor=w.cast.risk, digest=f"sha256:{w.version.digest_value}", reason="Wrong labels")
    same = train(w.cast, w.model, w.versions["features"], "again", digest_value=w.version.digest_value)
    assert reasons(w, same) == ["digest-recalled"]


# provenance


def test_a_version_linked_to_no_training_data_is_refused(w: World) -> None:
    only(w, "provenance")
    assert reasons(w, train(w.cast, w.model, None, "from-nothing")) == ["training-data-missing"]


def test_data_used_for_testing_alone_is_no_training_data(w: World) -> None:
    only(w, "provenance")
    version = train(w.cast, w.model, None, "tested-only")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=version.source_run, dataset_version=w.versions["features"], role="test")
    assert reasons(w, version) == ["training-data-missing"]


def test_a_source_three_datasets_upstream_without_origin_is_refused_by_name(w: World) -> None:
    only(w, "provenance")
    _, nameless = dataset(w.cast, "scraped", origin="", generation_method="")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=nameless, role="source")
    row = w.ask()["it"]
    assert (row.status, row.reason) == ("UNSATISFIED", "provenance-incomplete")
    assert row.params["dataset"] == "scraped"
    assert set(row.params["fields"]) == {"origin", "generation_method"}
    assert "scraped" in row.message
    assert "origin" in row.message


def test_what_a_tuned_model_builds_on_needs_its_own_data(w: World) -> None:
    only(w, "provenance")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        base = Model.objects.create(namespace=w.cast.retail, name="base")
        parent = ModelVersion.objects.create(
            model=base, digest_algorithm="sha256", digest_value=sha("base"), supplier="A vendor"
        )
    assert reasons(w, train(w.cast, w.model, w.versions["features"], "tuned", parent_version=parent)) == [
        "ancestor-data-missing"
    ]


# terms


@pytest.mark.parametrize("name", UPSTREAM)
def test_withdrawn_terms_are_refused_however_far_upstream(w: World, name: str) -> None:
    only(w, "terms")
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms[name], reason="The subjects objected")
    row = w.ask()["it"]
    assert (row.reason, row.params["dataset"]) == ("terms-withdrawn", name)


def test_a_dataset_without_terms_is_refused(w: World) -> None:
    only(w, "terms")
    _, bare = dataset(w.cast, "bare")
    assert reasons(w, train(w.cast, w.model, bare, "bare")) == ["terms-missing"]


def test_terms_that_ran_out_or_have_not_begun_are_refused(w: World) -> None:
    only(w, "terms")
    now = timezone.now()
    ended, v1 = dataset(w.cast, "ended")
    give_terms(w.cast, ended, effective_to=now - datetime.timedelta(hours=1))
    assert reasons(w, train(w.cast, w.model, v1, "ended")) == ["terms-over"]
    future, v2 = dataset(w.cast, "future")
    give_terms(w.cast, future, effective_from=now + datetime.timedelta(days=1))
    assert reasons(w, train(w.cast, w.model, v2, "future")) == ["terms-missing"]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"permitted_purposes": ["dpv:ResearchAndDevelopment"]}, "purpose-not-permitted"),
        ({"permitted_purposes": []}, "purpose-not-permitted"),
        ({"permitted_purposes": ["dpv:Marketing"], "forbidden_purposes": [PURPOSE]}, "purpose-forbidden"),
        ({"permitted_geographies": ["US"]}, "geography-not-permitted"),
        ({"permitted_geographies": [], "forbidden_geographies": ["DE"]}, "geography-forbidden"),
        ({"permitted_geographies": [], "forbidden_geographies": ["EU"]}, "geography-forbidden"),
        ({"legal_basis": "eu-gdpr:A6-1-a", "consent_status": "dpv:ConsentWithdrawn"}, "consent-not-given"),
        ({"legal_basis": "eu-gdpr:A6-1-a"}, "consent-not-given"),
        ({"storage_duration_days": 10}, "retention-over"),
    ],
)
def test_terms_refuse_what_they_do_not_permit(w: World, terms: dict[str, Any], reason: str) -> None:
    only(w, "terms")
    strict, version = dataset(w.cast, "strict")
    give_terms(w.cast, strict, **terms)
    row = w.ask(w.release(train(w.cast, w.model, version, "strict")))["it"]
    assert (row.status, row.reason, row.params["dataset"]) == ("UNSATISFIED", reason, "strict")


@pytest.mark.parametrize(
    "terms",
    [
        {"permitted_geographies": []},
        {"permitted_geographies": ["EEA"]},
        {"permitted_geographies": ["DE"]},
        {"permitted_geographies": ["EU"], "forbidden_geographies": ["FR"]},
        {"legal_basis": "eu-gdpr:A6-1-a", "consent_status": "dpv:RenewedConsentGiven"},
        {"storage_duration_days": 31},
    ],
)
def test_terms_permit_what_they_permit(w: World, terms: dict[str, Any]) -> None:
    only(w, "terms")
    wide, version = dataset(w.cast, "wide")
    give_terms(w.cast, wide, **terms)
    assert reasons(w, train(w.cast, w.model, version, "wide")) == ["terms-met"]


def test_a_part_of_a_country_lies_in_it_and_a_bloc_touches_its_members(w: World) -> None:
    only(w, "terms")
    change(w, deployment_geography=["DE-BY"])
    assert reasons(w) == ["terms-met"]
    change(w, deployment_geography=["EU"])
    forbids, version = dataset(w.cast, "forbids")
    give_terms(w.cast, forbids, permitted_geographies=[], forbidden_geographies=["FR"])
    assert reasons(w, train(w.cast, w.model, version, "forbids")) == ["geography-forbidden"]


def test_without_a_purpose_or_a_place_nothing_is_permitted(w: World) -> None:
    only(w, "terms")
    change(w, intended_purpose="", deployment_geography=[])
    assert reasons(w) == ["purpose-missing", "geography-missing", "geography-missing", "geography-missing"]


def test_retention_that_ends_later_is_judged_by_the_moment_asked_about(w: World) -> None:
    only(w, "terms")
    short, version = dataset(w.cast, "short")
    give_terms(w.cast, short, storage_duration_days=40)
    release = w.release(train(w.cast, w.model, version, "short"))
    assert w.ask(release)["it"].reason == "terms-met"
    assert w.ask(release, at=timezone.now() + datetime.timedelta(days=11))["it"].reason == "retention-over"


# sensitive data


def test_a_version_nobody_looked_at_is_refused(w: World) -> None:
    only(w, "sensitivity")
    bare, version = dataset(w.cast, "bare")
    give_terms(w.cast, bare)
    assert reasons(w, train(w.cast, w.model, version, "bare")) == ["flags-missing"]


@pytest.mark.parametrize("name", UPSTREAM)
def test_an_unknown_answer_is_refused_however_far_upstream(w: World, name: str) -> None:
    only(w, "sensitivity")
    flag(w.cast, w.versions[name], category="pd:Health", present="unknown", by=w.cast.pipeline, assessment="declared")
    row = w.ask()["it"]
    assert (row.reason, row.params["dataset"]) == ("flag-unknown", name)
    assert row.params["also"][0]["reason"] == "flag-not-reviewed"


def test_an_answer_no_steward_reviewed_is_refused(w: World) -> None:
    only(w, "sensitivity")
    flag(w.cast, w.versions["raw"], category="pd:Name", present="yes", by=w.cast.pipeline, assessment="declared")
    assert reasons(w) == ["flag-not-reviewed"]
    flag(w.cast, w.versions["raw"], category="pd:Name", present="yes")
    assert reasons(w) == ["sensitivity-met"]


def test_personal_data_needs_a_legal_basis_and_a_special_category_its_condition(w: World) -> None:
    only(w, "sensitivity")
    sick, version = dataset(w.cast, "sick")
    give_terms(w.cast, sick, legal_basis="")
    flag(w.cast, version, category="pd:Health", present="yes", special_category=True)
    trained = train(w.cast, w.model, version, "sick")
    assert reasons(w, trained) == ["legal-basis-missing", "special-condition-missing"]
    give_terms(w.cast, sick, special_condition="eu-gdpr:A9-2-j")
    assert reasons(w, trained) == ["sensitivity-met"]


def test_anonymised_data_is_personal_no_more_and_pseudonymised_data_is(w: World) -> None:
    only(w, "sensitivity")
    for treatment, expected in (("anonymised", "sensitivity-met"), ("pseudonymised", "legal-basis-missing")):
        made, version = dataset(w.cast, treatment)
        give_terms(w.cast, made, legal_basis="")
        flag(w.cast, version, category="pd:Name", present="yes", treatment=treatment)
        assert reasons(w, train(w.cast, w.model, version, treatment)) == [expected]


def test_a_forbidden_category_is_refused_until_treated(w: World) -> None:
    only(w, "sensitivity", forbidden_categories=["pd:Gender"])
    flag(w.cast, w.versions["features"], category="pd:Gender", present="yes")
    assert reasons(w) == ["category-forbidden"]
    flag(w.cast, w.versions["features"], category="pd:Gender", present="yes", treatment="dropped")
    assert reasons(w) == ["sensitivity-met"]


def test_what_is_a_case_of_a_forbidden_category_is_forbidden_too(w: World) -> None:
    only(w, "sensitivity", forbidden_categories=["pd:Financial"])
    flag(w.cast, w.versions["features"], category="pd:CreditScore", present="yes")
    assert reasons(w) == ["category-forbidden"]


def test_a_forbidden_category_upstream_needs_an_answer_where_it_was_trained(w: World) -> None:
    only(w, "sensitivity", forbidden_categories=["pd:Gender"])
    flag(w.cast, w.versions["source"], category="pd:Gender", present="yes")
    row = w.ask()["it"]
    assert (row.reason, row.params["dataset"]) == ("category-forbidden", "source")
    flag(w.cast, w.versions["features"], category="pd:Gender", present="no")
    assert reasons(w) == ["sensitivity-met"]


def test_a_feature_that_is_an_excluded_column_is_refused(w: World) -> None:
    only(w, "sensitivity")
    flag(w.cast, w.versions["raw"], column="income", category="pd:Income", present="yes", excluded_from_training=True)
    row = w.ask()["it"]
    assert (row.reason, row.params["column"]) == ("excluded-column-used", "income")


def test_data_of_a_model_it_was_tuned_from_counts_as_its_own(w: World) -> None:
    only(w, "terms")
    tuned = train(w.cast, w.model, None, "tuned", parent_version=w.version)
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="The subjects objected")
    assert reasons(w, tuned) == ["terms-withdrawn"]


def test_a_loop_in_the_lineage_ends(w: World) -> None:
    w.policy(*FACTS)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunOutput.objects.create(run=w.runs["features"], dataset_version=w.versions["source"], role="output")
    assert w.ask()["provenance"].reason in {"provenance-met", "provenance-incomplete"}


def test_a_version_registered_twice_is_one_dataset_version(w: World) -> None:
    assert DatasetVersion.objects.filter(dataset__namespace=w.cast.retail).count() == 3
