"""A release beside what serves now and beside its baseline: what was measured, and what else is otherwise.

One release, a fixed number of queries, every list bounded; whatever is left out or cannot be compared is said by name.
"""

from approvals.comparison.compared import Comparison, compare

__all__ = ["Comparison", "compare"]
