"""Column lineage: what is on record, once, of data that the run read and wrote."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from governance import errors
from lineage import actions
from lineage.actions import ColumnLink, Link
from lineage.models import ColumnLineage, DatasetVersion, Run, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Attack = Callable[[Any], Any]


@pytest.fixture
def chain(facts: Facts) -> tuple[Run, DatasetVersion, DatasetVersion]:
    """A run that made `derived` from `loans`."""
    above, below = facts.version(), facts.version(facts.dataset("derived"))
    return facts.run(inputs=[Link(above, "source")], outputs=[Link(below, "output")]), above, below


def test_links_are_recorded_once_however_often_they_are_sent(
    facts: Facts, cast: Cast, chain: tuple[Run, DatasetVersion, DatasetVersion]
) -> None:
    run, above, below = chain
    pay = ColumnLink(above, below, "pay", "income", "direct", "IDENTITY", False, "taken")
    links = [pay, ColumnLink(above, below, "", "", "indirect", "FILTER"), pay, pay._replace(masking=True)]
    told = {"actor": cast.pipeline, "reason": WHY, "run": run}
    made = actions.link_columns(**told, links=links)
    assert [one.created for one in made] == [True, True, False, True]
    assert made[0].record == made[2].record
    again = actions.link_columns(**told, links=links[::-1], link_method="openlineage")
    assert [one.record for one in again] == [one.record for one in made[::-1]] and not any(one.created for one in again)
    assert not actions.link_column(**told, **pay._asdict()).created
    assert {one.link_method for one in ColumnLineage.objects.all()} == {"declared"}


def test_what_the_run_did_not_read_or_write_is_refused_by_its_side(
    facts: Facts, cast: Cast, chain: tuple[Run, DatasetVersion, DatasetVersion]
) -> None:
    run, above, below = chain
    other = facts.version(label="v2")
    for source, target, side in ((other, below, "source"), (above, other, "target"), (below, above, "source")):
        with pytest.raises(errors.Invalid) as caught:
            actions.link_column(actor=cast.pipeline, reason=WHY, run=run, source=source, target=target)
        assert list(caught.value.errors) == [side]
    for fault, field in (({"transformation": "x"}, "transformation"), ({"source_column": "x" * 257}, "source_column")):
        given: dict[str, Any] = {"source": above, "target": below, **fault}
        with pytest.raises(errors.Invalid) as caught:
            actions.link_column(actor=cast.pipeline, reason=WHY, run=run, **given)
        assert list(caught.value.errors) == [field]
    with pytest.raises(errors.Forbidden):
        actions.link_column(actor=cast.viewer, reason=WHY, run=run, source=above, target=below)
    with pytest.raises(errors.Invalid):
        actions.link_columns(
            actor=cast.pipeline, reason=WHY, run=run, links=[ColumnLink(above, below, str(n)) for n in range(10_001)]
        )
    assert not ColumnLineage.objects.exists()


def test_in_bulk_all_or_none(api: Any, chain: tuple[Run, DatasetVersion, DatasetVersion]) -> None:
    run, above, below = chain
    items = [
        {"run": run.pk, "source": above.pk, "source_column": column, "target": below.pk, "target_column": column}
        for column in ("a", "b")
    ]
    client, path = api("pipeline"), "/api/v1/column-lineage"

    def post(sent: list[dict[str, Any]]) -> Any:
        return client.post(f"{path}/bulk", json.dumps({"items": sent}), content_type="application/json")

    refused = post([*items, {**items[0], "source": below.pk}])
    assert refused.status_code == 400 and list(refused.json()["errors"]) == ["items[2].source"]
    assert not ColumnLineage.objects.exists()
    assert post(items).json()["created"] == 2 and post(items).json()["created"] == 0
    listed = client.get(f"{path}?target={below.pk}&target_column=a").json()["results"]
    assert [one["source_column"] for one in listed] == ["a"]
    assert listed[0]["transformation"] == "unstated" and not listed[0]["raises"]
    assert api("outsider_pipeline").get(path).json()["results"] == []


def insert(run: int, above: int, below: int, **more: Any) -> tuple[str, list[Any]]:
    row = {
        "run_id": run, "source_id": above, "source_column": "", "target_id": below, "target_column": "",
        "transformation": "direct", "subtype": "", "masking": False, "description": "", "link_method": "declared", **more,
    }  # fmt: skip
    return (
        f"INSERT INTO lineage_columnlineage ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
        list(row.values()),
    )


def test_sql_links_nothing_that_no_run_read_and_wrote_and_changes_nothing(
    facts: Facts, cast: Cast, chain: tuple[Run, DatasetVersion, DatasetVersion], attack: Attack
) -> None:
    run, above, below = chain
    other = facts.version(label="v2")
    for source, target in ((other.pk, below.pk), (above.pk, other.pk), (10**9, below.pk), (above.pk, 10**9)):
        statement, values = insert(run.pk, source, target)
        with pytest.raises(errors.Invalid) as caught, attack(cast.pipeline) as sql:
            sql(statement, *values)
        assert caught.value.params["code"] == "columns-not-of-the-run"
    for spoiled in ({"transformation": "magic"}, {"link_method": "guess"}):
        statement, values = insert(run.pk, above.pk, below.pk, **spoiled)
        with pytest.raises(errors.Invalid), attack(cast.pipeline) as sql:
            sql(statement, *values)
    statement, values = insert(run.pk, above.pk, below.pk, epoch=99, raises=True)
    with attack(cast.pipeline) as sql:
        sql(statement, *values)
    with pytest.raises(errors.Refused), attack(cast.pipeline) as sql:
        sql(*[statement, *values])
    assert [(one.epoch, one.raises) for one in ColumnLineage.objects.all()] == [(0, False)], "the database numbers them"
    for change in ("UPDATE lineage_columnlineage SET masking = true", "DELETE FROM lineage_columnlineage"):
        with pytest.raises(Exception, match=r"lineage_columnlineage|final"), attack(cast.pipeline) as sql:
            sql(change)


def test_a_link_raises_when_a_flag_stands_above_it(facts: Facts, cast: Cast) -> None:
    """Over two steps, whichever link comes last; and a loop in claims hangs nothing."""
    a, b, c = (facts.version(facts.dataset(name)) for name in "abc")
    first = facts.run("first", inputs=[Link(a, "source")], outputs=[Link(b, "output")])
    second = facts.run(
        "second", inputs=[Link(b, "source"), Link(c, "source")], outputs=[Link(c, "output"), Link(b, "output")]
    )

    def link(run: Run, source: DatasetVersion, x: str, target: DatasetVersion, y: str, **more: Any) -> ColumnLineage:
        return actions.link_column(
            actor=cast.pipeline, reason=WHY, run=run, source=source, source_column=x, target=target, target_column=y,
            **more,
        ).record  # fmt: skip

    actions.raise_flag(
        actor=cast.pipeline, reason=WHY, dataset_version=a, category="pd:Income", present="yes", column="pay"
    )
    assert not link(second, b, "income", c, "score").raises, "nothing is known to be above yet"
    assert not link(first, a, "name", b, "label").raises, "another column"
    assert link(first, a, "pay", b, "income").raises
    assert link(second, c, "score", b, "income").raises, "the loop is closed"
    assert link(second, b, "income", c, "other").raises
    assert link(second, c, "none", b, "x", transformation="indirect").raises is False
    assert list(ColumnLineage.objects.filter(target=b).order_by("id").values_list("epoch", flat=True)) == [
        0, 1, 2, 2,
    ]  # fmt: skip
    assert SensitivityFlag.objects.count() == 1, "what travels is worked out, never written"
