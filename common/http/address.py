"""Where a request comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from common.context import Origin

AGENT_LENGTH = 200


def client_address(environ: Mapping[str, Any]) -> str:
    """The client's address in its shortest form; "" where there is none (a Unix socket)."""
    try:
        address = ipaddress.ip_address(str(environ.get("REMOTE_ADDR", "")))
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def client_origin(environ: Mapping[str, Any]) -> Origin:
    """The client's address and User-Agent."""
    agent = str(environ.get("HTTP_USER_AGENT", ""))
    return Origin(client_address(environ), agent.replace("\x00", "")[:AGENT_LENGTH])
