"""A data file counted: rows, nulls, distinct values, ranges, distributions, frequent values, and no row of it kept.

Reads CSV, Parquet and JSON lines, with gzip around them or not, by DuckDB, in a process of its own under limits of
time, memory, temporary files, rows and columns: whatever the file does to its reader, there is an answer. Neither the
product nor its packages are needed: Python 3.11 or later, and `pip install muniment[profile]`, which brings DuckDB.

The same file under the same limits gives the same profile. docs/profiles.md lists what it says.
"""

from .limits import Limits, Reading, Unreadable
from .process import Progress, profile

__all__ = ["Limits", "Progress", "Reading", "Unreadable", "profile"]
