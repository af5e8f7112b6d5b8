"""A profile on record is of the version's own bytes, and says on whose word it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance import errors
from lineage import actions
from lineage.digests import Digest
from lineage.models import DataProfile
from lineage.quality.documents import read_profile
from lineage.quality.records import best_profile, profile_of
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts
from tests.lineage.quality.bytes import Door, described, of_bytes, sent, work
from tests.lineage.quality.documents import amounts

pytestmark = pytest.mark.usefixtures("place")


def test_a_profile_that_is_handed_in_stands_on_the_word_of_whoever_did(cast: Cast, facts: Facts, api: Door) -> None:
    version = of_bytes(facts)
    address = f"/api/v1/dataset-versions/{version.pk}/profiles"
    answer = api("pipeline").post(address, described(version), format="json")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["how"], told["rows"], told["recorded_by"]) == ("handed-in", 5, cast.pipeline.pk)
    assert told["receipt"]["id"] == told["id"]
    assert told["columns"][0]["edges"] == [10, 20, 30]
    again = api("pipeline").post(address, described(version), format="json")
    assert (again.status_code, again.json()["id"]) == (200, told["id"])
    other = api("tester").post(address, described(version), format="json")
    assert (other.status_code, other.json()["recorded_by"]) == (201, cast.tester.pk), "each vouches by themselves"
    row = DataProfile.objects.get(pk=told["id"])
    assert profile_of(row) == read_profile(described(version))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"profile": 2}, "profile"),
        ({"passed": True}, "passed"),
        ({"digest": "sha256:" + "0" * 64}, "digest"),
        ({"columns": [amounts(edges=[30, 20, 10])]}, "columns[0].edges"),
        ({"columns": [amounts(min=None)]}, "columns[0].max"),
        ({"reason": 7}, "reason"),
        ({"rows": "5"}, "rows"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused_by_name(facts: Facts, api: Door, part: Any, named: str) -> None:
    version = of_bytes(facts)
    answer = api("pipeline").post(
        f"/api/v1/dataset-versions/{version.pk}/profiles", {**described(version), **part}, format="json"
    )
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == [named]
    assert not DataProfile.objects.exists()


@pytest.mark.parametrize("text", ["1e400", "NaN", "-Infinity", "1" * 200])
def test_numbers_that_no_record_can_hold_are_refused(facts: Facts, api: Door, text: str) -> None:
    version = of_bytes(facts)
    body = json.dumps(described(version, columns=[amounts(max=123456)])).replace("123456", text)
    answer = api("pipeline").post(
        f"/api/v1/dataset-versions/{version.pk}/profiles", body, content_type="application/json"
    )
    assert answer.status_code == 400, answer.content


def test_a_profile_of_ten_thousand_columns_is_taken_and_a_larger_body_refused(facts: Facts, api: Door) -> None:
    version = of_bytes(facts)
    many = [{"name": f"c{n}", "type": "other", "count": 5, "nulls": 0, "declared": "x" * 240} for n in range(10_000)]
    address = f"/api/v1/dataset-versions/{version.pk}/profiles"
    answer = api("pipeline").post(address, described(version, columns=many), format="json")
    assert answer.status_code == 201, answer.content[:500]
    body = b" " * (16 * 2**20 + 1)
    assert api("pipeline").post(address, body, content_type="application/json").status_code == 413


def test_the_database_holds_what_a_profile_may_say(facts: Facts, cast: Cast, attack: Any) -> None:
    version = of_bytes(facts)
    columns = (
        "INSERT INTO lineage_dataprofile (namespace_id, dataset_version_id, said_at, content_digest, columns, how, engine,"
        " format, file_digest, complete, stopped_by, rows) VALUES (%s, %s, now(), %s, '[]', %s, '', 'csv', %s, true, '', 1)"
    )
    own, other = f"sha256:{version.digest_value}", "sha256:" + "0" * 64
    for who, how, digest, says in (
        (cast.pipeline, "measured", own, "Only the product"),
        (cast.owner, "measured", own, "Only the product"),
        (cast.system, "measured", other, "of other bytes"),
        (cast.pipeline, "handed-in", other, "of other bytes"),
        (cast.viewer, "handed-in", own, "hand in profiles"),
        (cast.risk, "handed-in", own, "hand in profiles"),
    ):
        with pytest.raises(errors.Refused, match=says), attack(who) as sql:
            sql(columns, version.dataset.namespace_id, version.pk, f"{who}{how}", how, digest)
    with pytest.raises(errors.Refused), attack(cast.pipeline) as sql:
        sql(columns, version.dataset.namespace_id, version.pk, "unknown", "believed", own)


def test_the_database_keeps_no_value_of_a_column_that_looks_like_personal_data(
    facts: Facts, cast: Cast, attack: Any
) -> None:
    version = of_bytes(facts)
    find = [{"pattern": "birth_date", "looked_at": 0, "matched": 0}]
    for kind, kept in (
        ("date", {"edges": [0, 1]}), ("timestamp", {"min": 0}), ("integer", {"quantiles": {"0.5": 1}}), ("string", {"max": 1}),
        ("boolean", {"top": [{"value": "true", "key": "0", "count": 5}]}),
    ):  # fmt: skip
        with pytest.raises(errors.Refused, match="keeps values of it") as refusal, attack(cast.pipeline) as sql:
            sql(
                "INSERT INTO lineage_dataprofile (namespace_id, dataset_version_id, said_at, content_digest, columns, how,"
                " engine, format, file_digest, complete, stopped_by, rows, rules)"
                " VALUES (%s, %s, now(), %s, %s, 'handed-in', '', 'csv', %s, true, '', 1, '[]')",
                version.dataset.namespace_id, version.pk, f"of {kind}",
                json.dumps([{"name": "born", "type": kind, "personal": find, **kept}]), f"sha256:{version.digest_value}",
            )  # fmt: skip
            sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert refusal.value.params["code"] == "profile-with-values", kind


def test_only_the_product_measures(facts: Facts, cast: Cast) -> None:
    version = of_bytes(facts)
    given = {"reason": WHY, "dataset_version": version, "profile": read_profile(described(version))}
    own = Digest(version.digest_algorithm, version.digest_value)
    with pytest.raises(errors.SeparationOfDuties):
        actions.record_measured_profile(actor=cast.pipeline, digest=own, **given)
    with pytest.raises(errors.Refused, match="of other bytes"):
        actions.record_measured_profile(actor=cast.system, digest=Digest("sha256", "0" * 64), **given)
    assert actions.record_measured_profile(actor=cast.system, digest=own, **given).created


def test_the_profile_that_says_most_is_the_one_measured_here(facts: Facts, cast: Cast) -> None:
    version = of_bytes(facts)
    own_profiles = DataProfile.objects.filter(dataset_version=version)
    assert best_profile(own_profiles) is None
    given = {"reason": WHY, "dataset_version": version}
    own = Digest(version.digest_algorithm, version.digest_value)
    measured = actions.record_measured_profile(
        actor=cast.system, digest=own, profile=read_profile(described(version)), **given
    ).record
    for rows in (5, 5):
        actions.record_profile(
            actor=cast.pipeline, profile=read_profile(described(version, engine=f"other {rows}")), **given
        )
    found = best_profile(own_profiles)
    assert found is not None and found.pk == measured.pk


def test_the_pages_show_what_was_counted(facts: Facts, cast: Cast, signed_in: Door) -> None:
    version = of_bytes(facts)
    row = actions.record_profile(
        actor=cast.pipeline, reason=WHY, dataset_version=version, profile=read_profile(described(version))
    ).record
    steward = signed_in("steward")
    listed = steward.get(f"/dataset-versions/{version.pk}/profiles").content.decode()
    assert f'href="/profiles/{row.pk}"' in listed and "Upload and profile" in listed
    shown = steward.get(f"/profiles/{row.pk}").content.decode()
    assert "<svg" in shown and "handed in" in shown and "amount" in shown
    assert (
        f'href="/dataset-versions/{version.pk}/profiles"'
        in steward.get(f"/datasets/{version.dataset_id}").content.decode()
    )
    assert (
        "Upload and profile" not in signed_in("viewer").get(f"/dataset-versions/{version.pk}/profiles").content.decode()
    )


def test_a_steward_uploads_on_the_page(own_database: str, cast: Cast, signed_in: Door, place: Path) -> None:
    version = of_bytes(Facts(cast))
    steward = signed_in("steward")
    where = f"/dataset-versions/{version.pk}/profiles"
    assert steward.post(f"{where}/upload", {"reason": WHY}).status_code == 400
    for more, stands in (({"null": "NA"}, "handed in"), ({}, "measured by Muniment")):
        assert "measured by Muniment" not in steward.get(where).content.decode()
        answer = steward.post(f"{where}/upload", sent(**more))
        assert answer.status_code == 302, answer.content
        assert work().state == "done"
        assert stands in steward.get(where).content.decode()
    assert list(place.iterdir()) == []
    strict = type(steward)(enforce_csrf_checks=True)
    strict.cookies = steward.cookies
    assert strict.post(f"{where}/upload", sent()).status_code == 403
    assert list(place.iterdir()) == [], "without its token a form leaves nothing"
