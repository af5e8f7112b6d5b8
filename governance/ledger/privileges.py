"""Who may do what with the log's tables, as plain data: the guards grant exactly this and take everything else away.

Logins are the keys of `settings.DATABASE_LOGINS`; the owner is not listed (it owns the tables). INSERT on entries is
held by nobody: the recorder writes them as their owner (SECURITY DEFINER). The identity columns of the tables that the
sealer inserts into need no privilege on their sequences.
"""

from __future__ import annotations

from typing import Final

TABLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "governance_ledgerepoch": {"app": ("SELECT",), "sealer": ("SELECT",), "auditor": ("SELECT",)},
    "governance_ledgerentry": {"app": ("SELECT",), "sealer": ("SELECT",), "auditor": ("SELECT",)},
    "governance_ledgerposition": {"app": ("SELECT",), "sealer": ("SELECT", "INSERT"), "auditor": ("SELECT",)},
    "governance_ledgertile": {"app": ("SELECT",), "sealer": ("SELECT", "INSERT"), "auditor": ("SELECT",)},
    "governance_ledgercheckpoint": {"app": ("SELECT",), "sealer": ("SELECT", "INSERT"), "auditor": ("SELECT",)},
}
