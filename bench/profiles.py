"""A gigabyte of data profiled: rows a second and memory, as CSV and as Parquet, beside the same worked out with pandas.

No database is asked: what is measured is the reader in its own process. pandas counts what `describe` and
`value_counts` count, which is less: no edges, no exact distribution, no digest; and it holds the file in memory.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import QUICK, Figure, Scale, table

MIB = 2**20
PANDAS = """
import sys, pandas
read = pandas.read_csv if sys.argv[1].endswith("csv") else pandas.read_parquet
data = read(sys.argv[1])
data.describe(include="all")
for name in data:
    data[name].isna().sum(), data[name].nunique(), data[name].value_counts().head(100)
data.duplicated().sum()
"""


def measure(scale: Scale) -> list[Figure]:
    """Write the files, profile each, and have pandas do what it can."""
    size = 64 * MIB if scale == QUICK else 1024 * MIB
    rows: list[tuple[str, ...]] = []
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-profiles-") as folder:
        csv, parquet, lines = _written(Path(folder), size)
        for name, path in (("CSV", csv), ("Parquet", parquet)):
            ours = _timed([sys.executable, "-c", _OURS, str(path)])
            theirs = _timed([sys.executable, "-c", PANDAS, str(path)])
            mib = path.stat().st_size / MIB
            for who, told in (("muniment profile", ours), ("pandas", theirs)):
                rows.append((f"{name}, {mib:,.0f} MiB, {lines:,} rows", who, *_shown(told, lines)))
            if ours is not None:
                found.append(Figure(f"profile of {name}: rows a second", f"{lines / ours[0]:,.0f}"))
                found.append(Figure(f"profile of {name}: memory at most", f"{ours[1] / MIB:,.0f} MiB"))
            if ours is not None and theirs is not None:
                found.append(Figure(f"profile of {name}: time, pandas = 1", f"{ours[0] / theirs[0]:.2f}"))
    table("A data file profiled", ("file", "by", "seconds", "rows/s", "memory at most"), rows)
    return found


_OURS = f"""
import sys
from governance.client.muniment_profile import Limits, profile
profile(sys.argv[1], limits=Limits(memory={1024 * MIB}, threads=2))
"""


def _written(folder: Path, size: int) -> tuple[Path, Path, int]:
    """A table of ten columns as CSV of about `size` bytes, and the same as Parquet."""
    import duckdb

    rows = size // 95
    csv, parquet = folder / "data.csv", folder / "data.parquet"
    db = duckdb.connect()
    db.execute(
        "CREATE VIEW made AS SELECT i AS id, hash(i) % 100 AS age, (hash(i * 3) % 1000000) / 100 AS amount,"
        " sqrt(hash(i * 5) % 1000003) AS score, ['AT', 'DE', 'FR', 'IT', 'KR'][(1 + hash(i * 7) % 5)::INT] AS country,"
        " CASE WHEN hash(i * 11) % 10 > 0 THEN 'group ' || hash(i * 13) % 5000 END AS segment,"
        " DATE '2020-01-01' + (hash(i * 17) % 2000)::INT AS day, hash(i * 19) % 2 = 0 AS defaulted,"
        f" 'text ' || hash(i * 23) AS reference, (hash(i * 29) % 997)::INT AS branch FROM range({rows}) t(i)"
    )
    db.execute(f"COPY made TO '{csv}' (HEADER)")
    db.execute(f"COPY made TO '{parquet}' (FORMAT parquet)")
    return csv, parquet, rows


def _timed(command: list[str]) -> tuple[float, int] | None:
    """Seconds, and bytes of memory the largest of its processes held; None where it failed."""
    watch = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]);"
    watch += " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", watch, *command], stdout=subprocess.PIPE, text=True, env=os.environ)
    seconds = time.perf_counter() - start
    return None if done.returncode else (seconds, int(done.stdout.split()[-1]) * 1024)


def _shown(told: tuple[float, int] | None, lines: int) -> tuple[str, str, str]:
    if told is None:
        return ("not measured", "–", "–")
    return (f"{told[0]:.1f}", f"{lines / told[0]:,.0f}", f"{told[1] / MIB:,.0f} MiB")
