"""The admin is read-only in truth: auditors see who, when, why and what, and no request writes (attacks A07, A20, A33)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.accounts.models import Namespace
from governance.history.models import GovernedModel, governed_models, history_model
from governance.unit_of_work import recorded_action
from tests.cast import Cast

Door = Callable[[str], Any]
MODELS = pytest.mark.parametrize("model", governed_models(), ids=lambda m: m.__name__)


def address(model: type[GovernedModel], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@MODELS
def test_every_governed_model_has_its_list_and_history_in_the_admin(model: type[GovernedModel]) -> None:
    assert admin.site.is_registered(model)
    assert address(model, "history", 1)


@MODELS
def test_the_auditor_reads_every_list(model: type[GovernedModel], signed_in: Door) -> None:
    assert signed_in("auditor").get(address(model, "changelist")).status_code == 200


def test_the_admin_leads_to_the_desk(signed_in: Door) -> None:
    page = signed_in("auditor").get("/admin/").content.decode()
    assert 'href="/audit"' in page
    assert 'href="/search"' in page


def test_nobody_but_auditors_and_administrators_enters(signed_in: Door) -> None:
    for name in ("risk", "owner", "outsider", "viewer"):
        assert signed_in(name).get("/admin/").status_code == 302
    for name in ("auditor", "admin"):
        assert signed_in(name).get("/admin/").status_code == 200


def test_the_history_page_says_who_when_why_and_what(cast: Cast, signed_in: Door) -> None:
    with recorded_action(actor=cast.admin, reason="The desk was renamed by the board"):
        cast.retail.title = "Retail banking"
        cast.retail.save()
    page = signed_in("auditor").get(address(Namespace, "history", cast.retail.pk)).content.decode()
    for expected in ("Anna Admin", "The desk was renamed by the board", "Retail banking", "<del>Retail</del>", "title"):
        assert expected in page


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_A07_a_history_form_answers_nothing_but_reading(method: str, cast: Cast, signed_in: Door) -> None:
    row = Namespace.history.filter(id=cast.retail.pk).latest()
    where = address(Namespace, "simple_history", cast.retail.pk, row.history_id)
    browser = signed_in("auditor")
    assert browser.get(where).status_code == 200
    before = Namespace.history.count()
    answer = getattr(browser, method)(where, {"title": "reverted"})
    assert answer.status_code in (403, 405)
    assert Namespace.history.count() == before


@MODELS
def test_no_form_of_the_admin_writes(model: type[GovernedModel], signed_in: Door) -> None:
    browser = signed_in("admin")
    before = history_model(model)._default_manager.count()
    assert browser.post(address(model, "add"), {"name": "forged"}).status_code == 403
    # A list has no actions: what is posted to it is answered with the list.
    browser.post(address(model, "changelist"), {"action": "delete_selected", "_selected_action": "1"})
    row = model._default_manager.first()
    if row is not None:
        assert browser.post(address(model, "change", row.pk), {"id": "1"}).status_code == 403
        assert browser.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert history_model(model)._default_manager.count() == before


def test_history_pages_do_not_ask_once_per_row(cast: Cast, signed_in: Door, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        with recorded_action(actor=cast.admin if number % 2 else cast.admin2, reason=f"edit {number}"):
            Namespace.objects.filter(pk=cast.retail.pk).update(title=f"Title {number}")
    browser = signed_in("auditor")
    with django_assert_max_num_queries(15):
        assert browser.get(address(Namespace, "history", cast.retail.pk)).status_code == 200


def test_lists_count_no_further_than_their_pages_reach(
    cast: Cast, signed_in: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million rows are not counted to say how many pages there are; nor the changes of one record."""
    monkeypatch.setattr("governance.history.admin.COUNTED", 3)
    auditor = signed_in("auditor")
    for where in (
        reverse("admin:governance_principal_changelist"),
        reverse("admin:governance_ledgerentry_changelist"),
        address(Namespace, "history", cast.retail.pk),
    ):
        with CaptureQueriesContext(connection) as asked:
            assert auditor.get(where).status_code == 200
        counts = [query["sql"] for query in asked if "COUNT(*)" in query["sql"]]
        assert counts, where
        assert all("LIMIT 3" in sql for sql in counts), (where, counts)
