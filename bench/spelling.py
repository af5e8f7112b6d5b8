"""Misspelt names among a million entries of the search: on the embedded PostgreSQL, or on DATABASE_URL and its kin."""

import time
from functools import partial

from bench.databases import connect, fresh
from bench.figures import Figure, Scale, spent, table
from bench.people import namespace
from governance.desk.readers import Scope
from governance.desk.search import find

MILLISECONDS = 50
TIMES = 5
#: What is asked of names such as `fraud-alerts-north-417`, and whether in one namespace: misspelt, or nothing like it.
ASKED = (
    ("fruad-alrets-north-417", False),
    ("claims triagge iberia", False),
    ("claims triagge iberia", True),
    ("dcoument routing alps 9999", False),
    ("fruad alrets", False),
    ("chrun nordcs", True),
    ("qqqq wwww", False),
    ("document-routingg-alpss-iberria-easst-wesst-soouth-onlinne", False),
)
_ENTRIES = """
INSERT INTO governance_searchentry (kind, object_id, namespace_id, title, words, at)
SELECT 'lineage_model', n, CASE WHEN n %% 12 = 0 THEN %s::bigint END, t.title,
  muniment.search_entry(t.title, t.title, CASE WHEN n %% 12 = 0 THEN %s::bigint END), now()
FROM generate_series(1, %s) n CROSS JOIN LATERAL (SELECT format('%%s-%%s-%%s',
  (ARRAY['default-scoring', 'fraud-alerts', 'churn', 'next-best-offer', 'claims-triage', 'early-warning',
         'price-elasticity', 'document-routing', 'limit-setting', 'recovery-rate', 'cash-demand'])[1 + n %% 11],
  (ARRAY['north', 'south', 'east', 'west', 'central', 'online', 'nordics', 'iberia', 'alps'])[1 + n %% 9],
  n) AS title) t
"""


def measure(scale: Scale) -> list[Figure]:
    """Fill the entries as the owner, without the records behind them, and ask."""
    with fresh("spelling") as name:
        with connect("owner", name) as owner:
            trigrams = owner.execute("SELECT to_regclass('public.searchword_trigrams') IS NOT NULL").fetchone() == (
                True,
            )
            start = time.monotonic()
            owner.execute(_ENTRIES, [namespace().pk, namespace().pk, scale.history])
            owner.execute("VACUUM ANALYZE governance_searchentry, governance_searchword")
        print(f"\n{scale.history:,} entries in {time.monotonic() - start:.0f} s; pg_trgm: {trigrams}")
        rows, slowest = [], 0.0
        for asked, in_one in ASKED:
            scope = Scope((namespace().pk,) if in_one else None)
            hits, _following = find(scope, asked)
            took = [spent(partial(find, scope, asked)) for _time in range(TIMES)]
            python, postgres, clock = (1000 * min(part) for part in zip(*took, strict=True))
            slowest = max(slowest, python + postgres)
            rows.append(
                (
                    asked,
                    "one of twelve" if in_one else "all",
                    len(hits),
                    *(f"{part:.1f}" for part in (python, postgres, clock)),
                )
            )
        table(
            "Misspelt names, ms of CPU, best of five",
            ("asked", "namespace", "found", "Python", "PostgreSQL", "clock"),
            rows,
        )
    return [
        Figure("misspelt names: dearest, ms of CPU", f"{slowest:.0f}", f"≤ {MILLISECONDS}", slowest <= MILLISECONDS)
    ]
