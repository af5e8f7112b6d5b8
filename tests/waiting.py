"""How long a test waits for what must come. Nothing here says how fast something is: that is measured (docs/measured.md)."""

import time
from datetime import datetime, timedelta

from django.utils import timezone

#: Seconds after which what has not come never will, on a machine that does ten other things.
PATIENCE = 180.0

#: The same for a command that does much: `migrate`, a backup, the making of the cast.
COMMAND_SECONDS = 900.0

#: The same for what waits until another test has ended: some hold one transaction open for minutes.
OTHERS_SECONDS = 900.0


def soon(began: float) -> datetime:
    """A moment ahead, for what a test must have recorded before it comes: a second, or five times what the acts since
    `began` (of `time.monotonic`) took, so that a busy machine has as much time as an idle one."""
    return timezone.now() + timedelta(seconds=max(1.0, 5 * (time.monotonic() - began)))


def sleep_until(moment: datetime) -> None:
    """Sleep until a moment is certainly over."""
    time.sleep(max(0.0, (moment - timezone.now()).total_seconds()) + 0.05)
