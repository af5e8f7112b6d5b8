"""A data file on its way in: written to disk as it comes, under a limit, and gone unless a job takes it over."""

from __future__ import annotations

import os
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest
from django.utils.translation import gettext as _

from governance import errors
from lineage.quality.files import forget, new_token, uploaded

FIELD = "file"
FORM_BYTES = 64 * 1024  # of the other parts of the form, and of what separates them


class DiskUpload(FileUploadHandler):
    """Takes one file in the part `file`, and no other."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.most = settings.PROFILE_UPLOAD_MIB * 2**20
        self.token = ""
        self.too_large = False
        self._file: IO[bytes] | None = None
        self._bytes = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Hear how much is to come."""
        self.too_large = content_length > self.most + FORM_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open the place for it.

        Raises:
            StopUpload: it says itself that it is too large. SkipFile: it is another part's, or a second one.
        """
        super().new_file(*args, **kwargs)
        if self.too_large:
            raise StopUpload(connection_reset=True)
        if self.field_name != FIELD or self.token:
            raise SkipFile
        self.token = new_token()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(uploaded(self.token), flags, 0o600), "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write it. Raises StopUpload beyond the limit."""
        assert self._file is not None
        self._bytes += len(raw_data)
        if self._bytes > self.most:
            self.too_large = True
            raise StopUpload(connection_reset=True)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[bytes] | None:
        """The file as forms know it; its bytes stay where they are."""
        if self._file is None:
            return None
        self._file.close()
        self._file = None
        return UploadedFile(name=self.file_name or FIELD, size=file_size)

    def upload_interrupted(self) -> None:
        """The connection broke, or there was too much."""
        self.discard()

    def discard(self) -> None:
        """Remove what came."""
        if self._file is not None:
            self._file.close()
            self._file = None
        forget(self.token)
        self.token = ""

    def take_over(self) -> str:
        """The token of what came.

        Raises:
            errors.TooLarge, errors.Invalid: nothing came, or not all of it.
        """
        if self.too_large:
            sentence = _(
                "At most %(limit)d MiB are uploaded. Profile the file where it lies: muniment profile FILE."
            ) % {"limit": settings.PROFILE_UPLOAD_MIB}
            raise errors.TooLarge(sentence, errors={FIELD: [sentence]})
        if not self.token or self._file is not None:
            sentence = _("Choose a file: CSV, Parquet or JSON lines, with gzip around it or not.")
            raise errors.Invalid(sentence, errors={FIELD: [sentence]})
        return self.token
