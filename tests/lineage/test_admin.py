"""The admin shows facts to auditors and takes nothing from anyone."""

from collections.abc import Callable
from typing import Any

import pytest

from governance.history.models import governed_models
from lineage.actions import Link
from tests.lineage.conftest import Facts

FACTS = [model for model in governed_models() if model._meta.app_label == "lineage"]


@pytest.fixture
def recorded(facts: Facts) -> Facts:
    """One of nearly everything."""
    data = facts.source()
    facts.terms(data.dataset)
    facts.model_version(source_run=facts.run(inputs=[Link(data, "training")]))
    return facts


@pytest.mark.parametrize("model", FACTS, ids=lambda model: model._meta.model_name)
def test_an_auditor_lists_searches_and_reads_the_history(
    recorded: Facts, signed_in: Callable[[str], Any], model: Any
) -> None:
    auditor = signed_in("auditor")
    name = f"/admin/lineage/{model._meta.model_name}/"
    assert auditor.get(name).status_code == 200
    assert auditor.get(name, {"q": "loans"}).status_code == 200
    for record in model.objects.all():
        assert auditor.get(f"{name}{record.pk}/change/").status_code == 200
        assert auditor.get(f"{name}{record.pk}/history/").status_code == 200


@pytest.mark.parametrize("model", FACTS, ids=lambda model: model._meta.model_name)
def test_nobody_adds_or_deletes_there(recorded: Facts, signed_in: Callable[[str], Any], model: Any) -> None:
    name = f"/admin/lineage/{model._meta.model_name}/"
    for person in ("auditor", "admin"):
        assert signed_in(person).get(f"{name}add/").status_code == 403
        assert signed_in(person).post(f"{name}1/delete/", {"post": "yes"}).status_code in (302, 403)


def test_who_is_no_auditor_does_not_enter(recorded: Facts, signed_in: Callable[[str], Any]) -> None:
    assert signed_in("risk").get("/admin/lineage/dataset/").status_code == 302
