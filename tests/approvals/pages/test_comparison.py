"""A release beside what serves now and beside its baseline: on its page, by API, and what each reader may know."""

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.promotions import promote
from approvals.comparison import Comparison, compare
from approvals.comparison.data import columns_changed
from approvals.models import Release
from governance.unit_of_work import recorded_action
from lineage.models import DatasetVersion, ModelVersion, RunInput, TermsWithdrawal
from tests.approvals.world import WHY, World, dataset, derive, flag, give_terms, sha, train
from tests.cast import Cast

Browser = Callable[[str], Any]
ARTIFACT = {"key": "artifact", "kind": "artifact"}


@pytest.fixture
def live(w: World, cast: Cast) -> ModelVersion:
    """Version 1 serves in production."""
    w.policy(ARTIFACT)
    promote(actor=cast.owner, release=w.release(), **WHY)
    return w.version


def candidate(w: World, data: DatasetVersion | None = None, **more: Any) -> Release:
    """Version 2, asking for the same place."""
    version = train(w.cast, w.model, data or w.versions["features"], f"candidate-{sha(str(more))}", **more)
    return w.release(version)


def measure(w: World, plan: Any, version: ModelVersion, *values: dict[str, Any]) -> None:
    """Evidence under a plan on a version."""
    report_evidence(
        actor=w.cast.tester, plan=plan, subject=version,
        subject_digest=f"{version.digest_algorithm}:{version.digest_value}",
        measured=Measured(run_started_at=timezone.now(), values=list(values)), **WHY,
    )  # fmt: skip


def compared(release: Release, w: World) -> Comparison:
    """As an auditor of everything reads it."""
    return compare(
        Release.objects.select_related("model_version__model", "environment").get(pk=release.pk), w.cast.auditor
    )


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:500]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def another(w: World, name: str, label: str, **more: Any) -> DatasetVersion:
    """A further version of a dataset, made from what the one before was made from."""
    with recorded_action(actor=w.cast.pipeline, **WHY):
        made = DatasetVersion.objects.create(
            dataset=w.datasets[name], label=label, digest_algorithm="sha256", digest_value=sha(name + label), **more
        )
    derive(w.cast, w.versions["raw"], made)
    return made


def test_values_under_one_plan_stand_beside_each_other_the_worse_ones_first(w: World, live: ModelVersion) -> None:
    plan = w.plan(criteria=[{"metric": "accuracy", "comparator": "ge", "threshold": "0.9"},
                            {"metric": "latency", "comparator": "le", "threshold": "50"}])  # fmt: skip
    measure(w, plan, live, {"metric": "accuracy", "value": "0.93", "ci_low": "0.92", "ci_high": "0.94"},
            {"metric": "latency", "value": "30"})  # fmt: skip
    release = candidate(w)
    measure(w, plan, release.model_version, {"metric": "accuracy", "value": "0.96", "ci_low": "0.95", "ci_high": "0.97"},
            {"metric": "latency", "value": "40"})  # fmt: skip
    rows = compared(release, w).measurements.rows
    assert [(one.metric, one.difference, one.better, one.apart) for one in rows] == [
        ("latency", Decimal(10), False, None),
        ("accuracy", Decimal("0.03"), True, True),
    ]
    assert [one.role for one in rows[1].dots] == ["candidate", "live"]
    assert float(rows[1].dots[0].low) < float(rows[1].dots[0].x) < float(rows[1].dots[0].high)


def test_a_difference_within_the_intervals_is_said_to_be(w: World, live: ModelVersion, signed_in: Browser) -> None:
    plan = w.plan()
    for version, value in ((live, "0.93"), ((release := candidate(w)).model_version, "0.92")):
        measure(w, plan, version, {"metric": "accuracy", "value": value, "ci_low": "0.90", "ci_high": "0.95"})
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}/comparison"))
    assert "within the intervals" in page and "−0.01" in page and "worse" in page
    assert "1 value was measured under the same plan: 0 better, 1 worse." in page


def test_only_the_newest_evidence_under_a_plan_counts_and_exact_numbers_are_kept(w: World, live: ModelVersion) -> None:
    plan, release = w.plan(), candidate(w)
    for value in ("0.5", "0.123456789012345678901234567890"):
        measure(w, plan, release.model_version, {"metric": "accuracy", "value": value})
    measure(w, plan, live, {"metric": "accuracy", "value": "0.1"})
    (row,) = compared(release, w).measurements.rows
    assert row.difference == Decimal("0.023456789012345678901234567890")


def test_what_was_measured_otherwise_is_named_with_the_reason(w: World, live: ModelVersion) -> None:
    release = candidate(w)
    measure(w, w.plan(title="Old plan"), live, {"metric": "accuracy", "value": "0.9"})
    measure(w, w.plan(title="New plan"), release.model_version, {"metric": "accuracy", "value": "0.9"})
    measure(w, w.plan(title="Alone"), release.model_version, {"metric": "fairness_gap", "value": "0.1"})
    found = compared(release, w)
    assert found.measurements.rows == []
    said = "\n".join(found.not_compared)
    assert "accuracy: Version 2 was measured under the plan “New plan”, Version 1 under another." in said
    assert "fairness gap under “Alone”: measured for Version 2 alone." in said
    assert "No baseline" in said


def test_with_nothing_live_it_says_so_and_compares_with_the_parent(w: World) -> None:
    release = candidate(w, parent_version=w.version, code_commit="b" * 40)
    found = compared(release, w)
    assert found.sides.live is None and found.other is not None and found.other.version == w.version
    assert "Nothing serves in production, slot champion." in found.not_compared
    assert found.commit == ("", "b" * 40)


def test_the_baseline_of_the_run_outweighs_the_parent(w: World, live: ModelVersion) -> None:
    other = w.retrain(9)
    release = candidate(w, parent_version=live)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=release.model_version.source_run, model_version=other, role="baseline")
    found = compared(release, w)
    assert found.sides.baseline is not None and found.sides.baseline.version == other


def test_a_version_that_serves_has_itself_for_no_comparison(w: World, live: ModelVersion, cast: Cast) -> None:
    first = Release.objects.get(model_version=live)
    assert "Nothing served in its place before it." in compared(first, w).not_compared
    second = candidate(w)
    promote(actor=cast.owner, release=second, **WHY)
    found = compared(second, w)
    assert found.sides.live is not None and found.sides.live.version == live


def test_data_added_removed_and_renewed_is_told_with_its_columns(w: World, live: ModelVersion) -> None:
    _made, extra = dataset(w.cast, "bureau", rows=10)
    newer = another(w, "features", "2", rows=2000, schema=[{"name": "income", "type": "double"}])
    release = candidate(w, newer)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=release.model_version.source_run, dataset_version=extra, role="training")
    data = compared(release, w).data
    assert [one.dataset.name for one in data.added] == ["bureau"]
    assert [(one.before.label, one.after.label) for one in data.renewed] == [("1", "2")]
    assert data.same == 2 and not data.unchanged


def test_schema_changes_are_told_column_by_column() -> None:
    before = DatasetVersion(schema=[{"name": "a", "type": "int"}, {"name": "b", "type": "text"}])
    after = DatasetVersion(schema=[{"name": "a", "type": "double"}, {"name": "c"}])
    assert columns_changed(before, after) == ["c came", "b went", "a is double, was int"]
    wide = DatasetVersion(schema=[{"name": f"c{n}"} for n in range(300)])
    assert len(columns_changed(before, wide)) == 51


def test_terms_changed_since_it_went_live_are_told_field_by_field(
    w: World, live: ModelVersion, signed_in: Browser
) -> None:
    release = candidate(w)
    assert compared(release, w).data.terms == []
    give_terms(w.cast, w.datasets["raw"], effective_from=timezone.now(), permitted_geographies=["DE"])
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Consent taken back")
    found = {one.dataset.name: one for one in compared(release, w).data.terms}
    assert "permitted_geographies" in {one.field for one in found["raw"].changes}
    assert found["source"].after is None
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}/comparison"))
    assert "terms 1 hold no more, and none came after" in page and "terms 1 → terms 2" in page


def test_flags_raised_since_and_on_new_versions_are_told(w: World, live: ModelVersion) -> None:
    flag(w.cast, w.versions["raw"], column="mail", category="pd:EmailAddress", present="unknown", assessment="detected")
    newer = another(w, "features", "2")
    flag(w.cast, newer, category="dpv:PersonalData", present="yes")
    told = {(one.version.dataset.name, one.category): one for one in compared(candidate(w, newer), w).data.flags}
    assert told[("raw", "pd:EmailAddress")].before is None
    changed = told[("features", "dpv:PersonalData")]
    assert changed.before is not None and changed.after is not None
    assert (changed.before.present, changed.after.present) == ("no", "yes")


def test_code_parameters_and_features_are_told(w: World, live: ModelVersion, signed_in: Browser) -> None:
    release = candidate(
        w, code_commit="c" * 40, parameters={"depth": 5, "bias": True, "seed": None}, features_used=["income", "age"]
    )
    found = compared(release, w)
    assert [(one.name, one.before, one.after) for one in found.parameters] == [
        ("bias", None, "true"), ("depth", None, "5"), ("seed", None, "null"),
    ]  # fmt: skip
    assert found.features_added == ["age"] and found.commit == ("", "c" * 40)
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}"))
    assert "The code is another." in page and "Parameters differ." in page
    assert "Beside Version 1, which serves now" in page


def test_the_api_answers_the_same(w: World, live: ModelVersion, api: Browser) -> None:
    plan, release = w.plan(), candidate(w, code_commit="d" * 40)
    for version, value in ((live, "0.93"), (release.model_version, "0.96")):
        measure(w, plan, version, {"metric": "accuracy", "value": value, "ci_low": "0.9", "ci_high": "0.97"})
    flag(w.cast, w.versions["raw"], column="mail", category="pd:EmailAddress", present="unknown", assessment="detected")
    give_terms(w.cast, w.datasets["raw"], effective_from=timezone.now(), permitted_geographies=["DE"])
    body = api("pipeline").get(f"/api/v1/releases/{release.pk}/comparison").json()
    assert [one["role"] for one in body["sides"]] == ["candidate", "live"]
    assert body["compared_with"] == "live"
    (metric,) = body["metrics"]
    assert (metric["difference"], metric["better"], metric["intervals_apart"]) == ("0.03", True, False)
    assert [one["value"] for one in metric["points"]] == ["0.96", "0.93"]
    assert metric["points"][0]["ci_low"] == "0.9"
    assert body["flags"][0]["before"] is None and body["flags"][0]["after"]["present"] == "unknown"
    assert body["terms"][0]["changes"][0]["effect"] == "mixed"
    assert body["code_commit"] == ["", "d" * 40]


def test_a_reader_of_one_namespace_sees_nothing_of_the_others(w: World, live: ModelVersion, api: Browser) -> None:
    elsewhere, theirs = dataset(w.cast, "secretdata")
    with recorded_action(actor=w.cast.outsider_pipeline, **WHY):
        elsewhere = type(elsewhere).objects.create(namespace=w.cast.elsewhere, name="hiddendata")
        theirs = DatasetVersion.objects.create(
            dataset=elsewhere, label="hiddenlabel", digest_algorithm="sha256", digest_value=sha("hidden")
        )
    flag(w.cast, w.versions["raw"], column="x", category="pd:Name", present="unknown", assessment="detected")
    release = candidate(w)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        RunInput.objects.create(run=release.model_version.source_run, dataset_version=theirs, role="training")
    body = api("pipeline").get(f"/api/v1/releases/{release.pk}/comparison")
    assert "hidden" not in body.content.decode()
    assert any("1 dataset versions above Version 2" in one for one in body.json()["not_compared"])
    assert api("outsider_pipeline").get(f"/api/v1/releases/{release.pk}/comparison").status_code == 404


def test_what_people_wrote_is_shown_as_text(w: World, live: ModelVersion, signed_in: Browser) -> None:
    release = candidate(w, parameters={"<b>p</b>": "<script>alert(1)</script>"})
    plan = w.plan(title="<script>x</script>")
    for version in (live, release.model_version):
        measure(w, plan, version, {"metric": "<i>m</i>", "slice": '"><script>', "value": "1"})
    for path in (f"/releases/{release.pk}/comparison", f"/releases/{release.pk}"):
        page = signed_in("risk").get(path).content.decode()
        assert "<script>alert" not in page and "<script>x" not in page and "<i>m" not in page


def test_queries_do_not_grow_and_lists_are_bounded(w: World, live: ModelVersion, signed_in: Browser) -> None:
    release = candidate(w, parameters={f"p{n}": n for n in range(120)})
    browser = signed_in("risk")

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            assert browser.get(f"/releases/{release.pk}/comparison").status_code == 200
        return len(found)

    few = asked()
    plan = w.plan()
    values = [{"metric": f"m{n}", "value": str(n)} for n in range(80)]
    for version in (live, release.model_version):
        measure(w, plan, version, *values)
    for n in range(60):
        flag(w.cast, w.versions["raw"], column=f"c{n}", category="pd:Name", present="unknown", assessment="detected")
    assert asked() == few < 15
    found = compared(release, w)
    assert (len(found.measurements.rows), len(found.data.flags), len(found.parameters)) == (60, 50, 50)
    said = " ".join(found.not_compared)
    for rest in ("20 more metrics", "10 more changed flags", "70 more parameters"):
        assert rest in said


def test_a_challenger_without_one_before_it_stands_beside_the_champion(w: World, live: ModelVersion) -> None:
    version = w.retrain(5)
    release = w.release(version, slot="challenger")  # type: ignore[arg-type]
    found = compared(release, w)
    assert found.sides.live is not None and found.sides.live.version == live
    assert "champion" in found.sides.live.why


def test_drift_evidence_of_its_data_is_shown(w: World, live: ModelVersion, signed_in: Browser) -> None:
    plan = w.plan(kind="drift", subject=w.datasets["features"], title="Drift of features",  # type: ignore[arg-type]
                  criteria=[{"metric": "psi", "comparator": "le", "threshold": "0.2"}])  # fmt: skip
    version = w.versions["features"]
    report_evidence(
        actor=w.cast.tester, plan=plan, subject=version, subject_digest=f"sha256:{version.digest_value}",
        measured=Measured(run_started_at=timezone.now() + datetime.timedelta(0), values=[{"metric": "psi", "value": "0.31"}]),
        **WHY,
    )  # fmt: skip
    release = candidate(w)
    found = compared(release, w)
    assert [one.plan for one in found.measurements.drift] == ["Drift of features"]
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}/comparison"))
    assert "0.31" in page and "1 check of drift failed" in page


def test_more_upstream_than_is_walked_is_said_and_the_rest_compared(
    own_database: str, w: World, cast: Cast, raw: Callable[[str], Any], signed_in: Browser, api: Any
) -> None:
    """The limit is lowered for it: building 50,000 records is the soak test's."""
    w.policy(ARTIFACT)
    promote(actor=cast.owner, release=w.release(), **WHY)
    release = candidate(w, another(w, "features", "newer"), code_commit="c0ffee")
    assert len(compared(release, w).data.renewed) == 1
    walked = Path("lineage/sql/20_closure.sql").read_text()
    raw("owner").execute(walked.replace("LIMIT 50001", "LIMIT 4").replace("v_count > 50000", "v_count > 3"))
    found = compared(release, w)
    assert any("more than 50,000 records lie upstream" in str(one) for one in found.not_compared)
    assert [one.after.label for one in found.data.renewed] == ["newer"], (
        "what it was trained on is compared all the same"
    )
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}/comparison"))
    assert "records lie upstream of one of these versions" in page
    answer = api("pipeline").get(f"/api/v1/releases/{release.pk}/comparison")
    assert answer.status_code == 200 and "records lie upstream" in str(answer.json()["not_compared"])
