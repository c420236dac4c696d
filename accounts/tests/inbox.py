"""A mail server on the loopback, and what it was given."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from common.events import deliver
from common.models import EventRecord


class Inbox:
    """What came in. An address in `refused` gets the SMTP reply that stands there."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refused: dict[str, str] = {}

    @property
    def last(self) -> EmailMessage:
        return self.messages[-1]

    def text(self) -> str:
        """The body of the last message."""
        return str(self.last.get_content()).replace("\r\n", "\n")

    def found(self, pattern: str) -> str:
        """The first group of the pattern in the last message."""
        match = re.search(pattern, self.text())
        assert match is not None, self.text()
        return match.group(1)


class _Handler:
    """aiosmtpd's side of it, which looks at every attribute of what it is given."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self._inbox.refused:
            return self._inbox.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._inbox.messages.append(message)
        return "250 OK"


@contextmanager
def serving(settings: Any) -> Iterator[Inbox]:
    """A server that listens; Django's settings lead to it until it ends."""
    inbox = Inbox()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    controller = Controller(_Handler(inbox), hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_CONFIGURED = True
    try:
        yield inbox
    finally:
        controller.stop()


def deliver_all(within: float = 10.0) -> None:
    """Hand every event to its subscribers as a worker would, those that follow from it too."""
    until = time.monotonic() + within
    while rows := list(EventRecord.objects.filter(dispatched_at=None).order_by("id")):
        assert time.monotonic() < until
        for row in rows:
            deliver(row)
            EventRecord.objects.filter(id=row.id).update(dispatched_at=row.created_at)
