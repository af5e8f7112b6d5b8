"""What a profile may take, how a file is to be read, and why there is no profile of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

MIB = 1 << 20
FORMATS = ("csv", "parquet", "jsonl")


def unquoted(text: str) -> str:
    """What a library says of a fault, without what it quotes: that may be a value of the file, and name a person."""
    return re.sub(r"""(?<!\w)(["'`]).*?(?:\1|$)|\d{6,}""", "…", text)


def nesting(declared: str) -> int:
    """How many lists and maps lie in one another in a type of DuckDB's: 2 of `STRUCT(a INTEGER[][], b DATE)`."""
    here, within, maps = 0, [0], [False]
    for part in re.findall(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|\w*\(|[),]|\[\d*\]""", declared):
        if part.endswith("("):
            within.append(0)
            maps.append(part == "MAP(")
        elif part == ",":
            within[-1], here = max(within[-1], here), 0
        elif part == ")" and len(maps) > 1:
            here = max(within.pop(), here) + maps.pop()
        elif part.startswith("["):
            here += 1
    return max(within[0], here)


class Unreadable(Exception):
    """No profile: `slug` names why for machines; `line` where in the file, as far as it is known."""

    def __init__(self, slug: str, says: str, line: int | None = None) -> None:
        super().__init__(says)
        self.slug, self.line = slug, line


@dataclass(frozen=True)
class Limits:
    """What one profile may take."""

    seconds: float = 3600.0
    memory: int = 2048 * MIB
    """Bytes of DuckDB's; its process may hold half as much again, and a gigabyte."""
    temporary: int = 64 * 1024 * MIB
    """Bytes of one temporary file: what was unpacked, converted or put aside."""
    bytes: int = 0
    """A larger file is refused, and no more is unpacked from a smaller one; 0: any size."""
    rows: int = 0
    """Counted from the beginning; 0: all."""
    columns: int = 10_000
    threads: int = 2


@dataclass(frozen=True)
class Reading:
    """How to read the file; what is blank is found out."""

    format: str = ""
    encoding: str = ""
    """Python's name of it, such as cp1252, euc-kr, utf-16; blank: UTF-8, or UTF-16 where its mark stands first."""
    delimiter: str = ""
    header: bool = True
    """Whether the first line of a CSV names the columns."""
    nulls: tuple[str, ...] = ("",)
    """What a CSV writes where there is no value."""
