"""A mailbox that can be held at the worst moment: the file is written, the transaction is not yet committed."""

import os
import time
from collections.abc import Sequence

from django.core.mail import EmailMessage

from governance.outbox.mailbox import FileMailbox


class HeldMailbox(FileMailbox):
    """Writes its process id to `sent` beside the mailbox after each message, and stays while `hold` exists there."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        kept = super().send_messages(email_messages)
        (self.folder.parent / "sent").write_text(str(os.getpid()))
        while (self.folder.parent / "hold").exists():
            time.sleep(0.02)
        return kept
