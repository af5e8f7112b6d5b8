"""A dataset version as Croissant: its own reader accepts it, whatever the record holds; nothing elsewhere is named."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.models import Dataset, DatasetVersion, RunInput
from tests.approvals.world import World, flag, give_terms, world
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Api = Callable[[str], Any]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
SCHEMA = [
    {"name": "income", "type": "double precision", "description": "Monthly, in euro"},
    {"name": "grade", "type": "varchar(2)"},
    {"name": "geometry", "type": "wkb"},
]


@pytest.fixture
def w(cast: Cast) -> World:
    """`features`, made from `raw`, made from `source`."""
    return world(cast)


def told(api: Api, version: DatasetVersion, who: str = "pipeline", **query: Any) -> dict[str, Any]:
    """The document that a reader is given."""
    answer = api(who).get(f"/api/v1/dataset-versions/{version.pk}/croissant", query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("application/ld+json")
    found: dict[str, Any] = json.loads(answer.content)
    return found


def accepted(document: dict[str, Any]) -> Any:
    """What the format's own reader makes of it; any error it finds raises."""
    import mlcroissant  # its import alone takes two seconds

    read = mlcroissant.Dataset(json.loads(json.dumps(document)))
    assert not read.metadata.ctx.issues.errors
    assert read.metadata.ctx.is_v1_1()
    return read.metadata


def whole(facts: Facts, dataset: Dataset, **more: Any) -> DatasetVersion:
    """A version that says everything it can."""
    return facts.source(
        dataset,
        "2025-12",
        location="s3://bank/loans.csv",
        format="text/csv",
        bytes=1_234,
        rows=99,
        schema=SCHEMA,
        data_collection_process="Entered by clerks",
        known_bias='Few of the "young" & <old>',
        dataset_noise="Typing errors",
        update_mechanism="Monthly",
        missing_data="Income of the self-employed",
        imputation="Median",
        preprocessing="Deduplicated",
        annotation_protocol="Two clerks",
        **more,
    )


def test_everything_on_record_is_told_and_its_own_reader_accepts_it(facts: Facts, cast: Cast, api: Api) -> None:
    dataset = facts.dataset("loans", title="Loans of 2025", description="All of them\nsince January", owner=cast.owner)
    version = whole(facts, dataset)
    give_terms(cast, dataset, forbidden_purposes=["dpv:Marketing"], storage_duration_days=30)
    flag(cast, version, column="income", category="pd:Income", present="yes", treatment="pseudonymised")
    document = told(api, version)
    metadata = accepted(document)
    assert (metadata.name, metadata.version) in [("loans", "2025-12"), ({"en": "loans"}, "2025-12"), ("loans", None)]
    assert metadata.data_biases == ['Few of the "young" & <old>']
    assert metadata.data_collection_missing_data == "Income of the self-employed"
    assert [one.isoformat()[:10] for one in metadata.data_collection_timeframe] == ["2023-01-01", "2023-12-31"]
    assert metadata.license == ["https://spdx.org/licenses/CC-BY-4.0"]
    [file] = metadata.distribution
    assert (file.sha256, file.content_url, file.content_size) == (version.digest_value, "s3://bank/loans.csv", "1234 B")
    fields = metadata.record_sets[0].fields
    assert [one.source.extract.column for one in fields] == ["income", "grade", "geometry"]
    assert [str(one.data_types[0]).rpartition("/")[2] for one in fields] == ["Float", "Text", "Text"]
    assert document["rai:personalSensitiveInformation"] == [
        "pd:Income in income: yes; collected; pseudonymised; reviewed"
    ]
    offer = document["usageInfo"]
    assert offer["@type"] == ["CreativeWork", "odrl:Offer"]
    assert offer["odrl:prohibition"][0]["odrl:constraint"][0]["odrl:rightOperand"] == {
        "@id": "https://w3id.org/dpv#Marketing"
    }
    assert offer["odrl:permission"][0]["odrl:duty"][0]["odrl:action"] == {"@id": "odrl:delete"}


BARE: list[dict[str, Any]] = [
    {"digest": None},
    {"digest": None, "schema": SCHEMA},
    {"digest": "sha512:" + "a" * 128, "location": "file:///data"},
    {"schema": SCHEMA},
    {"schema": [{"name": 'a "b" \\ {c}', "type": "text"}], "label": "1.2.3"},
    {"digest": None, "location": "kafka://loans", "schema": SCHEMA},
]


def test_what_says_little_is_accepted_too(facts: Facts, api: Api) -> None:
    for live in (False, True):
        for place, given in enumerate(BARE):
            accepted(told(api, facts.version(facts.dataset(f"bare-{live}-{place}", is_live=live), **given)))


def test_the_content_has_a_name_where_no_address_is_on_record(facts: Facts, api: Api) -> None:
    document = told(api, facts.version())
    assert document["distribution"][0]["contentUrl"].startswith("ni:///sha-256;")
    assert document["license"] == [{"@type": "CreativeWork", "name": "None: no terms of use are in force"}]


def test_sources_elsewhere_are_named_by_digest_alone(w: World, cast: Cast, api: Api) -> None:
    with recorded_action(actor=cast.outsider, reason=WHY):
        foreign = Dataset.objects.create(namespace=cast.elsewhere, name="merger-plans", title="Secret")
        secret = DatasetVersion.objects.create(
            dataset=foreign, label="quiet", digest_algorithm="sha256", digest_value="b" * 64, source="Board"
        )
    with recorded_action(actor=cast.pipeline, reason=WHY):
        RunInput.objects.create(run=w.runs["raw"], dataset_version=secret, role="source")
    answer = api("pipeline").get(f"/api/v1/dataset-versions/{w.versions['raw'].pk}/croissant").content.decode()
    assert "urn:muniment:digest:sha256:" + "b" * 64 in answer
    assert f"urn:muniment:dataset-version:{w.versions['source'].pk}" in answer
    assert not [word for word in ("merger-plans", "Secret", "quiet", "Board", "elsewhere") if word in answer]
    assert f"dataset-version:{secret.pk}" not in answer


def test_the_same_record_gives_the_same_bytes_and_says_their_digest(w: World, api: Api) -> None:
    address = f"/api/v1/dataset-versions/{w.versions['raw'].pk}/croissant"
    first, second = (api("pipeline").get(address) for _ in range(2))
    digest = hashlib.sha256(first.content).hexdigest()
    assert first.content == second.content
    assert first["ETag"] == f'"{digest}"' and digest[:12] in first["Content-Disposition"]
    assert first["Content-Digest"].startswith("sha-256=:")
    again = api("pipeline").get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_is_told_as_of_a_moment(w: World, cast: Cast, api: Api) -> None:
    version = w.versions["raw"]
    before = timezone.now().isoformat()
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=w.terms["raw"])
    flag(cast, version, column="age", present="yes")
    then, now = told(api, version, as_of=before), told(api, version)
    assert "odrl:permission" in then["usageInfo"] and "usageInfo" not in now
    assert len(then["rai:personalSensitiveInformation"]) + 1 == len(now["rai:personalSensitiveInformation"])
    accepted(then)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"as_of": "soon"}, 400),
        ({"as_of": "2999-01-01"}, 400),
        ({"at": "2026-01-01"}, 400),
        ({"as_of": "2001-01-01"}, 404),
    ],
)
def test_a_moment_that_is_none_is_refused(w: World, api: Api, query: dict[str, str], status: int) -> None:
    answer = api("pipeline").get(f"/api/v1/dataset-versions/{w.versions['raw'].pk}/croissant", query)
    assert answer.status_code == status and answer.json()["detail"]
