"""Every model of the kernel, where Django looks for them."""

from governance.accounts.models import (
    ApiKey,
    CredentialEvent,
    Namespace,
    OperatorSetting,
    Principal,
    RoleGrant,
    User,
)
from governance.ledger.models import LedgerCheckpoint, LedgerEntry, LedgerEpoch, LedgerPosition, LedgerTile
from governance.outbox.models import Notice, OutboxMessage

__all__ = [
    "ApiKey",
    "CredentialEvent",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LedgerEpoch",
    "LedgerPosition",
    "LedgerTile",
    "Namespace",
    "Notice",
    "OperatorSetting",
    "OutboxMessage",
    "Principal",
    "RoleGrant",
    "User",
]
