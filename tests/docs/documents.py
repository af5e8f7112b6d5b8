"""What README.md and docs/*.md hold: code blocks by language, in their order."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text_of(name: str) -> str:
    """A document's text, by its path below the project's root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of one language."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text_of(name), re.MULTILINE | re.DOTALL)
    return [block for block in found if block.strip()]
