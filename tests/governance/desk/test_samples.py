"""Samples: the database draws, the draw is final, and anybody draws the same again with plain Python."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from governance import errors
from governance.desk.actions.samples import draw_sample
from governance.desk.models import Act, Sample
from lineage.models import Dataset
from tests.cast import Cast
from tests.docs.documents import blocks
from tests.governance.desk.conftest import Desk

Door = Callable[[str], Any]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def draw(cast: Cast, **changes: Any) -> Sample:
    asked = {"namespace": None, "kind": Sample.ACTS, "from_at": LONG_AGO, "until_at": timezone.now(), "size": 5,
             "seed": "2026-11 external audit", **changes}  # fmt: skip
    return draw_sample(actor=cast.auditor, reason="Annual audit", **asked)


def again(sample: Sample, ids: list[str]) -> list[str]:
    """As the sample's page and docs/audit.md tell it."""
    assert hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest() == sample.population_digest
    ranked = sorted(ids, key=lambda one: hashlib.sha256(f"{sample.seed}:{one}".encode()).digest())
    return ranked[: sample.size]


def test_a_sample_of_acts_is_drawn_again_with_plain_python(desk: Desk) -> None:
    before = timezone.now()
    ids = sorted({str(one) for one in Act.objects.values_list("action_id", flat=True)})
    sample = draw(desk.cast, until_at=before)
    assert (sample.population_size, len(sample.drawn)) == (len(ids), 5)
    assert sample.drawn == again(sample, ids)


def test_a_sample_of_records_holds_those_of_its_namespace_and_period_only(desk: Desk) -> None:
    sample = draw(desk.cast, kind="lineage_dataset", namespace=desk.cast.retail, size=100)
    ids = [str(pk) for pk in Dataset.objects.filter(namespace=desk.cast.retail).values_list("pk", flat=True)]
    assert str(desk.there.pk) not in sample.drawn
    assert sample.drawn == again(sample, ids)
    later = draw(desk.cast, kind="lineage_dataset", from_at=LONG_AGO, until_at=LONG_AGO + timedelta(days=1))
    assert (later.population_size, later.drawn) == (0, [])


def test_another_seed_draws_otherwise_and_one_is_made_up_when_none_is_given(desk: Desk) -> None:
    first, second, made_up = draw(desk.cast), draw(desk.cast, seed="another"), draw(desk.cast, seed="")
    assert first.drawn != second.drawn
    assert len(made_up.seed) == 32


def test_who_draws_and_what_cannot_be_drawn(cast: Cast) -> None:
    for kind, until, size, field in (
        ("auth_user", timezone.now(), 5, "kind"),
        (Sample.ACTS, timezone.now() + timedelta(hours=1), 5, "until_at"),
        (Sample.ACTS, LONG_AGO, 5, "until_at"),
        (Sample.ACTS, timezone.now(), 1001, "size"),
        (Sample.ACTS, timezone.now(), 0, "size"),
    ):
        with pytest.raises(errors.Invalid) as refused:
            draw(cast, kind=kind, until_at=until, size=size)
        assert field in refused.value.errors
    with pytest.raises(errors.Forbidden):
        draw_sample(actor=cast.risk, reason="x", namespace=cast.retail, kind=Sample.ACTS, from_at=LONG_AGO,
                    until_at=timezone.now(), size=1)  # fmt: skip


def test_A02_what_is_drawn_cannot_be_chosen_with_sql_and_is_final(
    own_database: str, cast: Cast, raw: Callable[[str], Any]
) -> None:
    app = raw("app")
    stamp = (
        "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'x', true),"
        " set_config('muniment.action', gen_random_uuid()::text, true),"
        " set_config('muniment.xid', pg_current_xact_id()::text, true)"
    )
    insert = (
        "INSERT INTO governance_sample (kind, from_at, until_at, seed, size, method, population_size, population_digest,"
        " drawn) VALUES (%s, '2020-01-01', %s, 's', 2, 'my-own', 1, 'chosen', '{mine}')"
        " RETURNING method, population_size > 1, drawn <> '{mine}', population_digest <> 'chosen'"
    )
    with app.transaction():
        app.execute(stamp, [str(cast.auditor.pk)])
        row = app.execute(insert, ["lineage_dataset", "2020-02-01"]).fetchone()
        assert row[0] == "sha256-order"
        assert row[3] is True
    for actor, kind, until, code in (
        (cast.risk, "lineage_dataset", "2020-02-01", "not-an-auditor"),
        (cast.auditor, "governance_user", "2020-02-01", "no-such-population"),
        (cast.auditor, "lineage_dataset", "2999-01-01", "period-not-over"),
    ):
        with pytest.raises(psycopg.Error) as refused, app.transaction():
            app.execute(stamp, [str(actor.pk)])
            app.execute(insert, [kind, until])
        assert refused.value.diag.message_detail == code
    with pytest.raises(psycopg.Error, match="permission denied"):
        app.execute("UPDATE governance_sample SET drawn = '{}'")


def test_the_page_draws_shows_and_tells_how_to_draw_again(desk: Desk, signed_in: Door) -> None:
    auditor = signed_in("auditor")
    today = timezone.now().date()
    body = {"kind": Sample.ACTS, "since": "2020-01-01", "until": str(today - timedelta(days=1)), "size": 3, "seed": "s"}
    refused = auditor.post("/audit/samples", {**body, "reason": "x", "until": str(today + timedelta(days=1))})
    assert refused.status_code == 400
    assert "must be over" in refused.content.decode()
    answer = auditor.post("/audit/samples", {**body, "reason": "Annual audit"}, follow=True)
    assert answer.status_code == 200
    assert "import hashlib" in answer.content.decode()
    sample = draw(desk.cast)
    page = auditor.get(f"/audit/samples/{sample.pk}").content.decode()
    assert f"/audit/acts/{sample.drawn[0]}" in page
    assert f"Sample {sample.pk}" not in signed_in("risk").get("/search", {"q": "annual"}).content.decode()


def test_a_sample_of_everything_is_for_oversight_of_everything(desk: Desk, signed_in: Door) -> None:
    everything, retail = draw(desk.cast), draw(desk.cast, namespace=desk.cast.retail)
    seen = {row["id"] for row in signed_in("viewer").get("/api/v1/samples").json()["results"]}
    assert seen == {retail.pk}
    seen = {row["id"] for row in signed_in("auditor").get("/api/v1/samples").json()["results"]}
    assert seen == {everything.pk, retail.pk}
    told = signed_in("auditor").get("/api/v1/history", {"table": "governance_sample"}).json()["results"]
    assert {row["object"] for row in told} == seen


def test_the_documented_way_draws_the_same(desk: Desk) -> None:
    told: dict[str, Any] = {}
    exec(blocks("docs/audit.md", "python")[0], told)
    before = timezone.now()
    ids = [str(one) for one in Act.objects.filter(lead=True).values_list("action_id", flat=True).distinct()]
    sample = draw(desk.cast, until_at=before, size=7)
    assert told["draw"](ids, sample.seed, sample.size) == sample.drawn
    assert told["population_digest"](ids) == sample.population_digest
