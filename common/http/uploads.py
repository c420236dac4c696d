"""File uploads that never lie in memory or in a second temporary file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from common.storage import Received, Receiver


class ReceivedFile(UploadedFile[bytes]):
    """An uploaded file that lies in quarantine already.

    Whoever makes it somebody's sets `taken`; it is deleted at the request's end otherwise.
    """

    def __init__(self, received: Received, *, name: str) -> None:
        super().__init__(file=None, name=name, size=received.size)
        self.received = received
        self.taken = False


class QuarantineUploadHandler(FileUploadHandler):
    """Django's upload hook: streams every file of a form into quarantine, capped."""

    def __init__(self, request: HttpRequest, *, most: int) -> None:
        super().__init__(request)
        self._most = most
        self._receiver: Receiver | None = None
        self._files: list[ReceivedFile] = []

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._receiver = Receiver(most=self._most)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if self._receiver is not None:
            self._receiver.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> ReceivedFile | None:
        if self._receiver is None:
            return None
        received, self._receiver = self._receiver.finish(), None
        self._files.append(ReceivedFile(received, name=self.file_name or ""))
        return self._files[-1]

    def close(self) -> None:
        """Delete what was interrupted and what nobody took."""
        if self._receiver is not None:
            self._receiver.abort()
        for file in self._files:
            if not file.taken:
                file.received.drop()


@contextlib.contextmanager
def quarantined_uploads(request: HttpRequest, *, most: int | None = None) -> Iterator[None]:
    """While this holds, the request's files go to quarantine; enter it before the body is read.

    `most` is how many bytes each may have: as many as a model, unless it is given.
    """
    handler = QuarantineUploadHandler(request, most=most or settings.MODEL_MAX_BYTES)
    request.upload_handlers = [handler]
    try:
        yield
    finally:
        handler.close()


def receives_files(
    view: Callable[..., HttpResponse], *, most: Callable[[], int] | None = None
) -> Callable[..., HttpResponse]:
    """A page that takes files. The CSRF check reads the form, so it must come after the handler."""
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def receive(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with quarantined_uploads(request, most=most() if most else None):
            return protected(request, *args, **kwargs)

    return receive
