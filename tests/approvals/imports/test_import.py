"""An inventory is looked at row by row, and comes in as one act or not at all."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.imports import import_inventory, remainder_of
from governance import errors
from governance.ledger.models import LedgerEntry
from lineage import actions
from lineage.models import InventoryImport, Model, ModelVersion
from lineage.risk import QUESTIONS
from tests.approvals.imports.conftest import WHY, confirm, faults, sent
from tests.approvals.imports.generator import KINDS, inventory
from tests.cast import Cast

SHA = "sha256:" + "a" * 64
SHA2 = "sha256:" + "b" * 64


def test_a_model_and_its_version_come_of_a_row(cast: Cast) -> None:
    answers = ",".join(QUESTIONS)
    draft = sent(
        cast,
        f"name,title,owner,intended_purpose,deployment_geography,{answers},version_digest\n"
        f"scoring,Scoring,Owner@bank.example,https://w3id.org/dpv#CreditChecking,de; AT,no,no,no,yes,no,{SHA}\n",
    )
    assert faults(draft) == {}
    assert not Model.objects.exists()
    made = confirm(draft)
    model = Model.objects.get()
    assert (model.title, model.owner, model.intended_purpose) == ("Scoring", cast.owner, "dpv:CreditChecking")
    assert (model.deployment_geography, model.risk_tier) == (["AT", "DE"], "medium")
    assert str(ModelVersion.objects.get().digest_value) == "a" * 64
    assert (made.models_made, made.versions_made, made.rows) == (1, 1, 1)


def test_the_whole_import_is_one_act_with_its_reason(cast: Cast) -> None:
    made = confirm(sent(cast, f"name,version_digest\na,{SHA}\nb,{SHA2}\n"))
    rows = [*Model.history.all(), *ModelVersion.history.all(), *InventoryImport.history.all()]
    assert len(rows) == 5
    assert len({row.action_id for row in rows}) == 1
    assert {row.history_change_reason for row in rows} == {"A test of imports"}
    assert made.recorded_by == cast.owner


def test_the_same_file_again_makes_nothing(cast: Cast) -> None:
    content = f"name,title,version_digest\na,A,{SHA}\n"
    confirm(sent(cast, content))
    again = sent(cast, content)
    assert again.report["counts"] == {
        "rows": 1, "faulty": 0, "unchanged": 1, "models": 0, "versions": 0, "as_found": 0,
    }  # fmt: skip
    with pytest.raises(errors.Invalid, match="Nothing in it is new"):
        confirm(again)


def test_an_import_is_confirmed_once_and_by_its_sender_alone(cast: Cast) -> None:
    draft = sent(cast, "name\na\n")
    with pytest.raises(errors.Forbidden):
        import_inventory(actor=cast.steward, draft=draft, whole=True, **WHY)
    confirm(draft)
    with pytest.raises(errors.Conflict):
        confirm(draft)


@pytest.mark.parametrize("who", ["viewer", "risk", "validator", "auditor", "policy", "outsider"])
def test_who_may_register_nothing_may_import_nothing(cast: Cast, who: str) -> None:
    with pytest.raises(errors.Forbidden):
        sent(cast, "name\na\n", who=getattr(cast, who))


def test_an_administrator_who_judges_nothing_may_import(cast: Cast) -> None:
    confirm(sent(cast, "name\na\n", who=cast.admin))
    assert Model.objects.get().name == "a"


def test_what_is_on_record_is_never_changed_by_an_import(cast: Cast) -> None:
    actions.register_model(
        actor=cast.owner, namespace=cast.retail, name="a", title="Mine", risk_answers={"personal_data": True}, **WHY
    )
    draft = sent(cast, "name,title,personal_data,safety_component\na,Yours,no,\nb,,,\n")
    assert faults(draft) == {2: ["title", "personal_data"]}
    same = sent(cast, "name,title,personal_data\na,,yes\n")
    assert same.report["counts"]["unchanged"] == 1


def test_rows_about_one_model_add_to_each_other_and_agree(cast: Cast) -> None:
    content = (
        f"name,title,personal_data,no_human_review,version_digest\na,A,yes,,{SHA}\na,,,no,{SHA2}\n"
        f"b,B,,,\nb,C,,,\nc,C,,,{SHA}\nc,,,,{SHA}\n"
    )
    draft = sent(cast, content)
    assert faults(draft) == {4: ["name"], 5: ["title"], 6: ["name"], 7: ["version_digest"]}
    confirm(draft, whole=False)
    model = Model.objects.get()
    assert model.risk_answers == {"personal_data": True, "no_human_review": False}
    assert [version.number for version in model.versions.order_by("number")] == [1, 2]


def test_all_or_nothing_brings_in_nothing_where_a_row_is_faulty(cast: Cast) -> None:
    entries = LedgerEntry.objects.count()
    draft = sent(cast, "name,personal_data\na,yes\nb,perhaps\n")
    with pytest.raises(errors.Invalid) as caught:
        confirm(draft)
    assert list(caught.value.errors) == ["rows[3].personal_data"]
    assert not Model.objects.exists()
    assert LedgerEntry.objects.count() == entries


def test_the_good_rows_come_in_and_the_mended_remainder_after_them(cast: Cast) -> None:
    draft = sent(cast, 'name,title,personal_data\na,"=cmd|x",yes\nb,"=1+1",perhaps\nc,-,no\n')
    made = confirm(draft, whole=False)
    assert (made.models_made, made.rows_faulty, made.whole) == (2, 1, False)
    rest = remainder_of(draft).decode()
    assert rest.splitlines()[0] == "name,title,personal_data,fault"
    assert rest.splitlines()[1].startswith("b,'=1+1,perhaps,\"personal_data: Write yes or no")
    mended = sent(cast, rest.replace("perhaps", "no"))
    assert faults(mended) == {}
    confirm(mended)
    assert Model.objects.get(name="b").title == "=1+1", "what made it safe is taken off again"
    assert Model.objects.get(name="c").title == "-"


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_remainder_has_the_format_of_its_file(cast: Cast, format: str) -> None:
    rows = ['{"name": "a", "personal_data": true}', '{"name": "b", "personal_data": "perhaps"}']
    content = "[" + ",".join(rows) + "]" if format == "json" else "\n".join(rows)
    draft = sent(cast, content, format=format)
    confirm(draft, whole=False)
    mended = sent(cast, remainder_of(draft).decode().replace("perhaps", "no"), format=format)
    assert mended.report["counts"]["models"] == 1
    assert Model.objects.get().name == "a"


def test_bytes_that_are_no_utf_8_are_named_in_their_cell_and_kept_in_the_remainder(cast: Cast) -> None:
    draft = sent(cast, b"name,title\ncaf\xe9,A\nb,B\n")
    assert faults(draft) == {2: ["name"]}
    assert b"caf\xe9" in remainder_of(draft)
    assert sent(cast, b"name,title\ncaf\xe9,A\n", encoding="windows-1252").report["rows"][0]["name"] == "café"


@pytest.mark.parametrize(
    ("header", "sentence"),
    [("name,titel", "is “title” meant?"), ("name,colour", "no column “colour”"), ("title", "“name” is missing"),
     ("name,bell\x07", "no column “bell")],
)  # fmt: skip
def test_a_column_that_there_is_not_is_refused_by_name(cast: Cast, header: str, sentence: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        sent(cast, f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n")
    named = {"name,titel": "titel", "name,colour": "colour", "title": "name"}.get(header, "file")
    assert sentence in " ".join(str(one) for one in caught.value.errors[named])


def test_the_federal_inventory_of_2024_is_read_in_its_own_columns(cast: Cast) -> None:
    header = (
        '"Use Case Name","Agency","Use Case Topic Area","What is the intended purpose and expected benefits of the AI?",'
        '"Describe the AI system’s outputs.","Stage of Development",'
        '"Is the AI use case rights-impacting, safety-impacting, both, or neither?",'
        '"Does this AI use case involve personally identifiable information (PII) that is maintained by the agency?",'
        '"Does this project include custom-developed code?"\n'
    )
    rows = (
        "Triage,Department of Examples,Health,Helps,Scores,Operation,Rights-impacting,Yes,No\n"
        "Search,Department of Examples,Health,Finds,Lists,Operation,Neither,No,No\n"
        "Odd,Department of Examples,Health,Finds,Lists,Operation,Presumed,No,No\n"
        ",Department of Examples,Health,Finds,Lists,Operation,Both,Perhaps,No\n"
    )
    draft = sent(cast, (header + rows).encode("cp1252"), layout="us-federal-2024", encoding="windows-1252")
    impact = "Is the AI use case rights-impacting, safety-impacting, both, or neither?"
    found = faults(draft)
    assert found[4] == [impact, impact]
    assert sorted(found[5])[-1] == "Use Case Name"
    assert draft.report["left_out"] == ["Does this project include custom-developed code?"]
    confirm(draft, whole=False)
    triage, search = Model.objects.get(name="Triage"), Model.objects.get(name="Search")
    assert (triage.risk_answers["legal_or_similar_effect"], search.risk_answers["safety_component"]) == (True, False)
    assert "Agency: Department of Examples" in triage.description


def check_generated(cast: Cast, rows: int, faulty: int) -> None:
    """Look, refuse whole, bring the good rows in, and account for every row."""
    made = inventory(rows, faulty)
    begun = time.perf_counter()
    draft = sent(cast, made.content)
    looked = time.perf_counter()
    named = faults(draft)
    assert named.keys() == made.faulty.keys()
    for row, field in made.faulty.items():
        assert field in named[row], (row, field, named[row])
    with pytest.raises(errors.Invalid):
        confirm(draft)
    assert not Model.objects.exists(), "nothing half-imported"
    refused = time.perf_counter()
    with CaptureQueriesContext(connection) as asked:
        record = confirm(draft, whole=False)
    done = time.perf_counter()
    print(f"{rows} rows: look {looked - begun:.1f} s, refuse {refused - looked:.1f} s, bring in {done - refused:.1f} s")
    assert (record.models_made, record.rows_faulty) == (rows - faulty, faulty)
    assert Model.objects.count() == Model.history.count() == rows - faulty
    assert len(asked) < 60 + rows // 100
    assert remainder_of(draft).count(b"\r\n") == faulty + 1


def test_an_inventory_of_a_thousand_with_faults_of_every_kind(cast: Cast) -> None:
    assert len(KINDS) >= 12
    check_generated(cast, 1_000, 2 * len(KINDS))


@pytest.mark.soak
def test_an_inventory_of_ten_thousand_with_two_hundred_faulty_rows(cast: Cast) -> None:
    check_generated(cast, 10_000, 200)


def test_somebody_who_took_a_name_meanwhile_makes_the_import_look_again(cast: Cast) -> None:
    draft = sent(cast, "name,title\na,A\nb,B\n")
    actions.register_model(actor=cast.owner, namespace=cast.retail, name="a", title="Other", **WHY)
    with pytest.raises(errors.Invalid) as caught:
        confirm(draft)
    assert list(caught.value.errors) == ["rows[2].title"]
    assert Model.objects.count() == 1


def test_namespaces_stay_apart(cast: Cast) -> None:
    theirs: Any = actions.register_model(actor=cast.outsider, namespace=cast.elsewhere, name="a", title="Theirs", **WHY)
    draft = sent(cast, "name,title\na,Ours\n")
    assert faults(draft) == {}
    confirm(draft)
    assert Model.objects.get(namespace=cast.retail).title == "Ours"
    theirs.record.refresh_from_db()
    assert theirs.record.title == "Theirs"
