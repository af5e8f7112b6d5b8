"""A policy as a form: the same document as its YAML."""

from typing import Any

from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.documents import Place, document_of, to_yaml, whole
from approvals.models import PolicyVersion
from approvals.policy_forms import changed_rows, data_of, document_from, rows_of
from approvals.strict_yaml import read
from tests.approvals.policies.documents import policies
from tests.cast import Cast

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=30)


@settings(max_examples=80, deadline=None)
@given(policy=policies(), summary=LINES)
def test_document_to_form_and_back_is_the_same(policy: dict[str, Any], summary: str) -> None:
    document = {**whole(policy), "summary": summary}
    data = data_of(document)
    assert document_from(data) == document
    assert data_of(document_from(data)) == data
    assert document_from(data_of(whole(read(to_yaml(document, Place("p", "high"))).value))) == document, (
        "through YAML too"
    )


def test_the_default_policies_come_back_unchanged_so_that_their_votes_stand(cast: Cast) -> None:
    for version in PolicyVersion.objects.prefetch_related("requirements"):
        assert document_from(data_of(document_of(version))) == document_of(version)


def form(**fields: Any) -> MultiValueDict[str, str]:
    data: MultiValueDict[str, str] = MultiValueDict()
    for name, value in fields.items():
        data.setlist(
            name.replace("_", "-") if name.startswith("r0_") else name, value if isinstance(value, list) else [value]
        )
    return data


def test_an_empty_field_is_left_out_and_nonsense_is_left_to_the_action() -> None:
    data = form(row=["0"], r0_kind="signoff", r0_key="risk")
    data["r0-role"], data["r0-count"] = "risk_manager", ""
    assert document_from(data)["requirements"][0]["params"] == {"role": "risk_manager"}
    data["r0-count"] = "two where available"
    assert document_from(data)["requirements"][0]["params"]["count"] == "two where available"


def test_rows_are_added_removed_and_moved_by_buttons() -> None:
    data = data_of(
        {"summary": "", "responses": {}, "requirements": []} | {"review_days": None, "review_grace_days": None}
    )
    for kind in ("artifact", "signoff", "evidence", "magic"):
        data["do"], data["add_kind"] = "add", kind
        assert changed_rows(data)
    assert [one["kind"] for one in document_from(data)["requirements"]] == [
        "artifact",
        "signoff",
        "evidence",
        "signoff",
    ]
    data["do"] = "remove-1"
    assert changed_rows(data) and rows_of(data) == ["0", "2", "3"]
    data["do"] = "up-2"
    assert changed_rows(data) and rows_of(data) == ["2", "0", "3"]
    for nothing in ("up-2", "remove-9", "write", "", "remove-x"):
        data["do"] = nothing
        assert not changed_rows(data) and rows_of(data) == ["2", "0", "3"]
    data["do"] = "add"
    assert changed_rows(data) and rows_of(data)[-1] == "4", "a number is never used again while its fields are there"


def test_rows_that_are_none_are_not_read() -> None:
    assert rows_of(form(row=["x", "1", "1", "-1", "٣", "9" * 30])) == ["1"]
