"""The command of the operator's terminal: looks, tells each fault, and brings in what it is told to."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from lineage.models import InventoryImport, Model
from tests.cast import PASSWORD, Cast, email


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it on a file with this content; what it printed."""

    def call(
        content: str, *options: str, password: str = PASSWORD, who: str = "owner", namespace: str = "retail"
    ) -> str:
        file = tmp_path / "inventory.csv"
        file.write_text(content)
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        out = io.StringIO()
        call_command("import_inventory", str(file), "--namespace", namespace, "--by", email(who), *options, stdout=out)
        return out.getvalue()

    return call


def test_it_looks_and_brings_in_only_what_it_is_told_to(cast: Cast, run: Any, tmp_path: Path) -> None:
    good = "name,title\na,A\nb,B\n"
    assert "Say --all-or-nothing" in run(good)
    assert not Model.objects.exists()
    said = run(good, "--all-or-nothing", "--reason", "The house's inventory")
    assert "2 models" in said
    made = InventoryImport.objects.get()
    assert (made.recorded_by, made.history.get().history_change_reason) == (cast.owner, "The house's inventory")
    rest = tmp_path / "rest.csv"
    faulty = "name,personal_data\nc,yes\nd,perhaps\n"
    with pytest.raises(CommandError, match=r"rows\[3\]\.personal_data"):
        run(faulty, "--all-or-nothing", "--remainder", str(rest))
    assert "perhaps" in rest.read_text()
    with pytest.raises(CommandError, match="Nothing was brought in"):
        run(faulty)
    assert "row 3, personal_data" in run(faulty, "--good-rows")
    assert set(Model.objects.values_list("name", flat=True)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"password": "wrong"}, "not the password"),
        ({"namespace": "nowhere"}, "no namespace nowhere"),
        ({"who": "viewer"}, "may not do this"),
    ],
)
def test_it_refuses_who_may_not_in_words(cast: Cast, run: Any, options: dict[str, str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("name\na\n", "--all-or-nothing", **options)
    assert not Model.objects.exists()


def test_a_file_that_is_not_there_is_named(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_inventory", str(tmp_path / "none.csv"), "--namespace", "retail", "--by", email("owner"))
