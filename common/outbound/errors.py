"""Why a request did not get an answer.

OutboundError
├── AddressRefused     the operator has not opened where it leads
├── HostUnknown        the name has no address
├── ConnectionFailed   nobody accepts, or the line broke
├── TlsFailed          the certificate or the handshake
├── TimedOut           the deadline passed, at whatever stage
└── AnswerUnreadable   what came back is no HTTP
"""

from __future__ import annotations

from typing import ClassVar


class OutboundError(Exception):
    """The root. `code` is stable; the message is for whoever set the URL."""

    code: ClassVar[str] = "outbound_failed"


class AddressRefused(OutboundError):
    code = "address_refused"


class HostUnknown(OutboundError):
    code = "host_unknown"


class ConnectionFailed(OutboundError):
    code = "connection_failed"


class TlsFailed(OutboundError):
    code = "tls_failed"


class TimedOut(OutboundError):
    code = "timed_out"


class AnswerUnreadable(OutboundError):
    code = "answer_unreadable"
