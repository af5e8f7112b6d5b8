"""A mailbox of files: one message, one file, however often it is sent."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Sequence
from email.generator import BytesGenerator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

PART = ".part-"
PART_SECONDS = 3_600  # a part older than this belongs to a process that was killed


class FileMailbox(BaseEmailBackend):
    """E-mail backend that writes each message to `EMAIL_FILE_PATH` as one RFC 5322 file (.eml, mode 600).

    The file's name is the Message-ID, and a name is taken once: sending the same Message-ID again leaves the first file
    as it is. So a handler that is run again after a crash does not tell anyone twice.
    """

    def __init__(self, *args: Any, file_path: str | os.PathLike[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        path = file_path or getattr(settings, "EMAIL_FILE_PATH", None)
        if not path:
            raise ImproperlyConfigured("FileMailbox needs a folder: set EMAIL_FILE_PATH, or another EMAIL_BACKEND.")
        self.folder = Path(path)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write each message; returns how many have their file now. Raises OSError unless `fail_silently`."""
        kept = 0
        for email in email_messages:
            if not email.recipients():
                continue
            try:
                self._keep(email)
            except OSError:
                if not self.fail_silently:
                    raise
            else:
                kept += 1
        return kept

    def _keep(self, email: EmailMessage) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = email.message()
        final = self.folder / file_name(str(content["Message-ID"]))
        if final.exists():
            return
        self._clear_parts()
        part = self.folder / f"{PART}{os.getpid()}-{time.monotonic_ns()}"
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                BytesGenerator(file, mangle_from_=False).flatten(content, linesep="\r\n")
                file.flush()
                os.fsync(file.fileno())
            # A link and not a rename: a rename would replace what another worker wrote in the meantime.
            os.link(part, final)
        except FileExistsError:
            return
        finally:
            part.unlink(missing_ok=True)

    def _clear_parts(self) -> None:
        for part in self.folder.glob(f"{PART}*"):
            try:
                if time.time() - part.stat().st_mtime > PART_SECONDS:
                    part.unlink()
            except FileNotFoundError:
                continue


def file_name(message_id: str) -> str:
    """The file's name for a Message-ID: readable, and different for different ids."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    safe = re.sub(r"[^A-Za-z0-9@._-]", "_", bare).lstrip(".")[:150]
    if safe != bare:
        safe += "-" + hashlib.sha256(message_id.encode()).hexdigest()[:16]
    return f"{safe}.eml"
