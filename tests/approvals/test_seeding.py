"""Seeded records go through the same guards as all others; they are refused where they could be taken for real ones."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from approvals.seeding import records, stage
from governance.ledger.models import LedgerEntry
from governance.models import Act, SearchEntry
from lineage.models import DatasetVersion, Model, ModelVersion
from tests.cast import Cast


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BATCH", 20)


def test_seeded_records_have_their_history_ledger_entries_and_acts(cast: Cast, small: None) -> None:
    before = LedgerEntry.objects.count()
    call_command("seed_records", "--versions", "20", "--beside-others", verbosity=0)
    assert (ModelVersion.objects.count(), DatasetVersion.objects.count()) == (20, 20)
    assert LedgerEntry.objects.count() - before > 20 * 9
    histories: Any = ModelVersion.history
    assert histories.count() == 20
    acts = Act.objects.filter(kind="lineage_modelversion")
    assert acts.values("action_id").distinct().count() == 20
    assert {act.actor_id for act in acts} <= {v.recorded_by_id for v in ModelVersion.objects.all()}
    assert SearchEntry.objects.filter(kind="lineage_model").count() == Model.objects.count() == 2


def test_run_again_it_goes_on_to_the_number_asked_for(cast: Cast, small: None) -> None:
    for versions, there in ((20, 20), (20, 20), (30, 40)):
        call_command("seed_records", "--versions", str(versions), "--beside-others", verbosity=0)
        assert ModelVersion.objects.count() == there


def test_a_batch_that_is_there_is_not_made_again(cast: Cast, small: None) -> None:
    records._batch(stage.prepare(), 20)
    call_command("seed_records", "--versions", "60", "--beside-others", verbosity=0)
    assert (ModelVersion.objects.count(), DatasetVersion.objects.count(), Model.objects.count()) == (60, 60, 6)


def test_it_is_refused_beside_others_records_and_in_production(cast: Cast, settings: Any) -> None:
    with pytest.raises(CommandError, match="records of its own"):
        call_command("seed_records")
    with pytest.raises(CommandError, match="from 1"):
        call_command("seed_records", "--versions", "0", "--beside-others")
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("seed_records", "--beside-others")
    assert not Model.objects.exists()
