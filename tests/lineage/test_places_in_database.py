"""Places that there are not, attacked in SQL under the app's login: a code of nothing would forbid nothing."""

import pytest
from django.db import connection, models

from governance import errors
from lineage import vocabularies
from lineage.models import DatasetVersion, Intake, Model
from tests.approvals.world import World, world
from tests.cast import Cast
from tests.lineage.conftest import Facts
from tests.lineage.test_rules_in_database import HEX, Attack, insert, terms_row
from tests.permission_table import found

NOWHERE = ("UK", "QX", "QX-AB", "EU-1", "USA", "USA-CA")
LISTS = ("permitted_geographies", "forbidden_geographies", "permitted_storage_geographies",
         "forbidden_storage_geographies")  # fmt: skip


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order."""
    return world(cast)


def test_the_database_knows_the_places_that_the_forms_take(db: None) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = [a + b for a in letters for b in letters] + ["EEA", "EUR", "US-CA", *NOWHERE]
    with connection.cursor() as cursor:
        cursor.execute("SELECT c FROM unnest(%s::text[]) c WHERE muniment.known_place(c) ORDER BY c", [codes])
        known = [code for (code,) in cursor]
    assert known == sorted([*vocabularies.countries(), *vocabularies.BLOCS, "US-CA"])


@pytest.mark.parametrize("place", NOWHERE)
def test_terms_speak_of_places_that_there_are(facts: Facts, cast: Cast, attack: Attack, place: str) -> None:
    loans = facts.dataset()
    for column in LISTS:
        statement, values = insert("collectionterms", **terms_row(loans.pk, **{column: ["DE", place]}))
        with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
            sql(statement, *values)
        assert caught.value.params["code"] == "terms-" + column.replace("_", "-")
    statement, values = insert("collectionterms", **terms_row(loans.pk, permitted_geographies=["DE", "US-CA", "EEA"]))
    with attack(cast.pipeline) as sql:
        sql(statement, *values)


@pytest.mark.parametrize("place", NOWHERE)
def test_data_comes_from_a_place_that_there_is(facts: Facts, cast: Cast, attack: Attack, place: str) -> None:
    texts = [field.name for field in DatasetVersion._meta.concrete_fields if isinstance(field, models.TextField)]
    row = {
        "dataset_id": facts.dataset().pk, "label": "v2", "digest_algorithm": "sha256", "digest_value": HEX,
        "schema": "[]", **dict.fromkeys([*texts, "location", "format"], ""),
    }  # fmt: skip
    statement, values = insert("datasetversion", **row, origin_geography=place)
    with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
        sql(statement, *values)
    assert caught.value.params["code"] in ("dataset-version-place", "dataset_version_geography_well_formed")
    statement, values = insert("datasetversion", **row, origin_geography="US-CA")
    with attack(cast.pipeline) as sql:
        sql(statement, *values)


def test_a_model_decides_where_there_is_a_place(facts: Facts, cast: Cast, attack: Attack) -> None:
    model = facts.model()
    for place in NOWHERE:
        with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
            sql("UPDATE lineage_model SET deployment_geography = %s WHERE id = %s", [place], model.pk)
        assert caught.value.params["code"] == "model-lists"
    with attack(cast.pipeline) as sql:
        sql("UPDATE lineage_model SET deployment_geography = %s WHERE id = %s", ["US-CA", "EU"], model.pk)
    assert Model.objects.get(pk=model.pk).deployment_geography == ["US-CA", "EU"]


def test_a_model_is_proposed_for_a_place_that_there_is(w: World, attack: Attack) -> None:
    told = found.intake(w)
    copied = ", ".join(
        field.column
        for field in Intake._meta.concrete_fields
        if field.name not in ("id", "recorded_at", "recorded_by", "risk_tier", "name", "deployment_geography")
    )
    again = (
        f"INSERT INTO lineage_intake ({copied}, name, deployment_geography, risk_tier)"
        f" SELECT {copied}, 'another', %s, '' FROM lineage_intake WHERE id = %s"
    )
    for place in NOWHERE:
        with pytest.raises(errors.Invalid) as caught, attack(w.cast.owner) as sql:
            sql(again, [place], told.pk)
        assert caught.value.params["code"] == "intake-geography"
    with attack(w.cast.owner) as sql:
        sql(again, ["US-CA"], told.pk)
