"""Reading a URL in one way only.

Two parsers that disagree about a URL's host are how address guards are got around. So what is
taken is narrow, and what is requested is put together anew from what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NoReturn

import idna

from common.errors import Fault, Invalid

MAX_URL: Final = 2048
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
PATTERN: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\x00-\x20/?#@:\\\[\]%]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?][\x21-\x7e]*)?",
    re.IGNORECASE,
)
# A last label like these makes a name an IPv4 address to some parsers (WHATWG URL, 3.5).
NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Url:
    """A URL taken apart. `host` is in small letters, without brackets or a dot at its end."""

    scheme: str
    host: str
    port: int
    rest: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.rest}"


def checked_url(text: str, *, pointer: str = "/url") -> Url:
    """Read an http or https URL; raises Invalid, pointing at the field, saying what is wrong."""
    if len(text) > MAX_URL:
        _refuse(f"A URL has at most {MAX_URL} characters.", pointer)
    found = PATTERN.fullmatch(text)
    if found is None or "\\" in (found["rest"] or "") or "#" in (found["rest"] or ""):
        _refuse(
            "Write a URL like https://example.org/hook: http or https, without a user name, "
            "a fragment, spaces or backslashes.",
            pointer,
        )
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        _refuse("A port is a number from 1 to 65535.", pointer)
    return Url(scheme, _host(found["host"], pointer), port, found["rest"] or "/")


def _host(text: str, pointer: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            _refuse("What stands in brackets is no IPv6 address.", pointer)
    name = text.removesuffix(".").lower()
    if NUMERIC.fullmatch(name.rpartition(".")[2]):
        try:
            return str(IPv4Address(name))
        except ValueError:
            _refuse("Write an IPv4 address as four decimal numbers.", pointer)
    try:
        return idna.encode(name, std3_rules=True).decode()
    except idna.IDNAError:
        _refuse("The host is no valid name.", pointer)


def _refuse(message: str, pointer: str) -> NoReturn:
    raise Invalid(message, code="bad_url", errors=[Fault(pointer, message, "bad_url")])
