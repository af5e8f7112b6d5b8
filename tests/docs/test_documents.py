"""Nothing in README and docs that does not exist: commands, make targets, files, variables."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.docs.documents import DOCUMENTS, ROOT

SOURCES = ("governance", "lineage", "approvals", "docs/demo")
#: Of PostgreSQL, Django's mail and the shell, or given by the reader.
NOT_OURS = {"DATE"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"`?make ([a-z-]+)", "\n".join(code(document))))
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_management_commands_exist(document: Path) -> None:
    used = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text(encoding="utf-8")))
    assert used <= set(get_commands())


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_variables_are_read_somewhere(document: Path) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
    used = set(
        re.findall(r"\b(?:MUNIMENT|DATABASE|CELERY|DJANGO|EMAIL|DEFAULT)_[A-Z_]+\b", document.read_text("utf-8"))
    )
    assert not {name for name in used - NOT_OURS if name not in source}


def test_the_readme_lists_every_target_for_people() -> None:
    shown = set(re.findall(r"^\| `make ([a-z-]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    # For those who change the project, not for those who use it.
    assert shown == told - {"lock", "clean"}


def code(document: Path) -> list[str]:
    """What stands between backticks, in blocks or lines."""
    text = document.read_text(encoding="utf-8")
    return re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
