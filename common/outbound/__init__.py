"""Requests to addresses that users name: never to one that an operator has not opened.

    with Line(allow=policy) as line:
        answer = line.post("https://example.org/hook", headers={…}, body=b"…", timeout=15)

Every address that a name resolves to is vetted when the connection is made, and the vetted one is
connected to, so that a name which changes its mind gains nothing. No redirects, no proxies, no
cookies; one deadline for all of it, and an answer's first 64 KiB.
"""

from common.outbound.errors import (
    AddressRefused,
    AnswerUnreadable,
    ConnectionFailed,
    HostUnknown,
    OutboundError,
    TimedOut,
    TlsFailed,
)
from common.outbound.line import Answer, Line
from common.outbound.policy import Policy, parse_policy
from common.outbound.urls import Url, checked_url
from common.outbound.vetting import Vetted, check_target, vet

__all__ = [
    "AddressRefused",
    "Answer",
    "AnswerUnreadable",
    "ConnectionFailed",
    "HostUnknown",
    "Line",
    "OutboundError",
    "Policy",
    "TimedOut",
    "TlsFailed",
    "Url",
    "Vetted",
    "check_target",
    "checked_url",
    "parse_policy",
    "vet",
]
