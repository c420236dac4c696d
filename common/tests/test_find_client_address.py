"""It finds where a request comes from, and believes nobody it need not."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from pytest_django import Settings

from common.http import address
from common.http.address import area_of, client_address, parse_address, sends_forwarded_for


def find(peer: str, forwarded: str | None = None) -> str:
    environ = {"REMOTE_ADDR": peer}
    return client_address(
        environ if forwarded is None else environ | {"HTTP_X_FORWARDED_FOR": forwarded}
    )


@pytest.fixture
def proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_warned", {})


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        ("::ffff:203.0.113.5", None, "203.0.113.5"),
        ("2001:DB8::1", None, "2001:db8::1"),
        ("", None, ""),
        ("@", None, ""),
        # The peer is nobody we trust: whatever it says.
        ("203.0.113.5", "198.51.100.7", "203.0.113.5"),
        # One proxy, two, and a client that wrote a header of its own.
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "127.0.0.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("fd00::1", "10.1.1.1,[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        # Garbage ends the walk at the last hop that was believed.
        ("10.0.0.1", "198.51.100.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "_hidden", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        # Everybody on the way is trusted: the first of them it is.
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_the_address_is_the_first_from_the_right_that_is_no_proxy(
    proxies: None, peer: str, forwarded: str | None, found: str
) -> None:
    assert find(peer, forwarded) == found


def test_without_trusted_proxies_no_header_is_read() -> None:
    assert find("127.0.0.1", "198.51.100.7") == "127.0.0.1"
    assert sends_forwarded_for("127.0.0.1")
    assert not sends_forwarded_for("203.0.113.5")


def test_a_long_header_is_read_from_its_end_alone(proxies: None) -> None:
    hops = ", ".join(["10.0.0.2"] * 5000)
    assert find("10.0.0.1", f"198.51.100.7, {hops}") == "10.0.0.2"
    assert find("10.0.0.1", "x" * 65_536 + ",198.51.100.7") == "198.51.100.7"


def test_a_header_that_is_not_believed_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        find("203.0.113.5", "198.51.100.7")
    assert str(caplog.messages).count("forwarded_for_not_believed") == 1
    address._warned["203.0.113.5"] = time.monotonic() - address.WARN_EVERY - 1
    find("203.0.113.5", "198.51.100.7")
    assert str(caplog.messages).count("forwarded_for_not_believed") == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [("fe80::1%eth0", "fe80::1"), (" 192.0.2.1 ", "192.0.2.1"), ("192.0.2.256", None), ("", None)],
)
def test_addresses_are_read_as_proxies_write_them(text: str, found: str | None) -> None:
    parsed = parse_address(text)
    assert (str(parsed) if parsed else None) == found


def test_an_area_is_what_one_client_moves_within() -> None:
    assert area_of("192.0.2.77") == "192.0.2.0/24"
    assert area_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert area_of("") == ""
