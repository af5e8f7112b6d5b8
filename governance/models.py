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
from governance.api.models import IdempotencyKey, RateCount
from governance.desk.models import Act, Export, Sample, SearchEntry, SearchWord
from governance.jobs.models import Job, JobFilePart
from governance.ledger.models import LedgerCheckpoint, LedgerEntry, LedgerEpoch, LedgerPosition, LedgerTile
from governance.outbox.models import Notice, OutboxMessage, OutboxReplay

__all__ = [
    "Act",
    "ApiKey",
    "CredentialEvent",
    "Export",
    "IdempotencyKey",
    "Job",
    "JobFilePart",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LedgerEpoch",
    "LedgerPosition",
    "LedgerTile",
    "Namespace",
    "Notice",
    "OperatorSetting",
    "OutboxMessage",
    "OutboxReplay",
    "Principal",
    "RateCount",
    "RoleGrant",
    "Sample",
    "SearchEntry",
    "SearchWord",
    "User",
]
