"""It makes no connection that an operator has not opened, however the URL is written."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from common.errors import Invalid
from common.outbound import (
    AddressRefused,
    AnswerUnreadable,
    ConnectionFailed,
    Line,
    OutboundError,
    Policy,
    TimedOut,
    TlsFailed,
    checked_url,
    parse_policy,
    vet,
)
from common.outbound.line import MOST_BYTES
from common.outbound.own import own_servers
from common.outbound.policy import Kind, kind_of
from common.tests.receiver import Received, always, receiving, speaking

EXTERNAL = parse_policy(["external"])
LOOPBACK = parse_policy(["loopback"])
# Each leads, by one parser or another, to this machine or to what no webhook should reach.
TRICKS = [
    "http://127.0.0.1", "http://127.1", "http://127.0.1", "http://2130706433",
    "http://0x7f000001", "http://0x7f.1", "http://0177.0.0.1", "http://017700000001",
    "http://00000177.0.0.1", "http://0", "http://0.0.0.0", "http://localhost", "http://LOCALHOST",
    "http://localhost.", "http://[::1]", "http://[::]", "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]", "http://[::127.0.0.1]", "http://[::ffff:0:127.0.0.1]",
    "http://[64:ff9b::7f00:1]", "http://[64:ff9b:1::7f00:1]", "http://[2002:7f00:1::]",
    "http://[2001:0:7f00:1::]", "http://[fe80::1%lo]", "http://[fe80::1%25lo]", "http://[fec0::1]",
    "http://[fd00:ec2::254]", "http://169.254.169.254", "http://169.254.170.2",
    "http://100.100.100.200", "http://192.0.0.192", "http://168.63.129.16", "http://①②⑦.⓪.⓪.①",
    "http://127。0。0。1", "http://ⓛocalhost", "http://a@127.0.0.1", "http://example.com@127.0.0.1",
    "http://1.1.1.1 &@127.0.0.1", "http://127.0.0.1#@example.com", "http://127.0.0.1\\@example.com",
    "http://example.com\\@127.0.0.1", "http://127.0.0.1\t", "http://127.0.0.1\n", "http://1\x0027.0.0.1",
    "http://127.0.0.1%00.example.com", "http://example.com:80:80", "http://1.1.1.1:0",
    "http://1.1.1.1:22", "http://1.1.1.1:25", "http://1.1.1.1:6379", "http://1.1.1.1:5432",
    "http://1.1.1.1:65536", "file:///etc/passwd", "gopher://127.0.0.1", "ftp://127.0.0.1",
    "dict://127.0.0.1", "//127.0.0.1", "http:///x", "unix:/run/x.sock", "http://10.0.0.1",
    "http://172.16.0.1", "http://192.168.1.1", "http://100.64.0.1", "http://198.18.0.1",
    "http://192.88.99.1", "http://224.0.0.1", "http://255.255.255.255", "http://[fd12::1]",
    "http://[ff02::1]", "http://postgres", "http://redis", "http://host", "http://",
    "javascript:alert(1)", "http://1.1.1.1:", "http://[::1", "http://-.example.org", "",
]  # fmt: skip


Resolve = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """`names(["1.1.1.1"], ["127.0.0.1"])`: what the resolver says of every name, turn by turn."""

    def resolve(*turns: list[str]) -> None:
        answers = itertools.cycle(turns)

        def look_up(host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
            return [
                (socket.AF_INET6 if ":" in text else socket.AF_INET, 1, 6, "", (text, port or 0))
                for text in next(answers)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return resolve


def post(url: str, allow: Policy, *, timeout: float = 1.0, **more: Any) -> Any:
    with Line(allow=allow, **more) as line:
        return line.post(url, headers={}, body=b"{}", timeout=timeout)


@pytest.mark.parametrize("url", TRICKS)
def test_a_trick_leads_nowhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **_: made.append(a))
    with pytest.raises((Invalid, AddressRefused)) as refused:
        post(url, EXTERNAL)
    assert made == []
    assert str(refused.value)


def test_the_refusal_names_the_operators_setting() -> None:
    with pytest.raises(AddressRefused, match="WEBHOOK_ALLOW=external,private"):
        post("http://10.1.2.3/", EXTERNAL)


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["fd00::1"], ["169.254.169.254"], ["::1"]],
)
def test_one_bad_address_of_a_name_refuses_it(names: Resolve, addresses: list[str]) -> None:
    names(addresses)
    with pytest.raises(AddressRefused):
        post("http://trick.example.org/", EXTERNAL)


def test_a_name_that_changes_its_mind_gains_nothing(
    names: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(["93.184.215.14"], ["127.0.0.1"])
    connected: list[str] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    for _ in range(200):
        with pytest.raises(OutboundError):
            post("http://rebind.example.org/", EXTERNAL)
    # Every other look-up said 127.0.0.1, and was refused.
    assert set(connected) == {"93.184.215.14"}
    assert len(connected) == 100


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers_not_ways(status: int) -> None:
    hits: list[int] = []
    with speaking(lambda _: hits.append(1)) as port:
        location = f"http://127.0.0.1:{port}/"
        with receiving(always(status, Location=location, Refresh=f"0; url={location}")) as receiver:
            answer = post(receiver.url, LOOPBACK)
    assert (answer.status, answer.succeeded, hits) == (status, False, [])


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    hits: list[int] = []
    with speaking(lambda _: hits.append(1)) as port, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert post(receiver.url, LOOPBACK).status == 200
    assert hits == []


def test_the_installation_does_not_call_itself() -> None:
    with receiving() as receiver:
        own = frozenset({("localhost", int(receiver.url.split(":")[2].split("/")[0]))})
        with pytest.raises(AddressRefused, match="installation itself"):
            post(receiver.url, LOOPBACK, own=own)
    assert receiver.received == []


def drip(line: socket.socket, head: bytes = b"") -> None:
    line.recv(65536)
    line.sendall(head)
    while True:
        line.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b""],
    ids=["in the headers", "in the body", "before all"],
)
def test_a_byte_now_and_then_ends_at_the_deadline(head: bytes) -> None:
    with speaking(lambda line: drip(line, head)) as port, pytest.raises(TimedOut):
        post(f"http://127.0.0.1:{port}/", LOOPBACK, timeout=0.4)


def silence(line: socket.socket) -> None:
    line.recv(65536)
    time.sleep(3)


def test_a_handshake_that_never_ends_does() -> None:
    with speaking(silence) as port, pytest.raises(TimedOut):
        post(f"https://127.0.0.1:{port}/", LOOPBACK, timeout=0.4)


def test_a_handshake_that_drips_ends() -> None:
    def speak(line: socket.socket) -> None:
        line.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            line.sendall(b"\x00")
            time.sleep(0.05)

    with speaking(speak) as port, pytest.raises((TimedOut, TlsFailed)):
        post(f"https://127.0.0.1:{port}/", LOOPBACK, timeout=0.4)


def endless(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        line.sendall(b"x" * 65536)


def test_of_an_endless_body_the_beginning_is_read() -> None:
    with speaking(endless) as port:
        answer = post(f"http://127.0.0.1:{port}/", LOOPBACK)
    assert (len(answer.body), answer.truncated) == (MOST_BYTES, True)


def test_a_gzip_bomb_stays_packed() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    def packed(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Encoding": "gzip"}, bomb

    with receiving(packed) as receiver:
        answer = post(receiver.url, LOOPBACK)
        assert receiver.received[0].headers["accept-encoding"] == "identity"
    assert answer.body == bomb[:MOST_BYTES]


def many_headers(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        line.sendall(b"X-%d: y\r\n" % number)


def nonsense(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"hello, world\r\n\r\n")


@pytest.mark.parametrize("speak", [many_headers, nonsense])
def test_what_is_no_http_is_named(speak: Callable[[socket.socket], None]) -> None:
    with speaking(speak) as port, pytest.raises(AnswerUnreadable):
        post(f"http://127.0.0.1:{port}/", LOOPBACK)


def test_nobody_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionFailed, match="refused"):
        post(f"http://127.0.0.1:{port}/", LOOPBACK)


def slow(received: Received, number: int) -> tuple[int, dict[str, str], bytes]:
    time.sleep(1)
    return 200, {}, b""


def test_a_connection_is_kept_for_the_next_request_and_its_own_deadline() -> None:
    with receiving() as receiver, Line(allow=LOOPBACK) as line:
        for _ in range(3):
            line.post(receiver.url, headers={}, body=b"", timeout=1)
        receiver.answer = slow
        with pytest.raises(TimedOut):
            line.post(receiver.url, headers={}, body=b"", timeout=0.3)


def test_loopback_opens_loopback_and_nothing_else() -> None:
    for text in ("10.0.0.1", "169.254.169.254", "::", "fd00::1", "0.0.0.0", "100.64.0.1"):  # noqa: S104
        with pytest.raises(AddressRefused):
            vet(text, 8080, LOOPBACK, timeout=1)
    assert vet("127.0.0.1", 8080, LOOPBACK, timeout=1).addresses == (ip_address("127.0.0.1"),)


def test_private_does_not_open_the_clouds_metadata() -> None:
    private = parse_policy(["private"])
    assert vet("10.0.0.1", 80, private, timeout=1).addresses
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200"):
        with pytest.raises(AddressRefused):
            vet(text, 80, private, timeout=1)


def test_a_host_glob_opens_that_host_in_the_intranet(names: Resolve) -> None:
    allow = parse_policy(["*.corp.example.org"])
    names(["10.0.0.7"])
    assert not vet("git.corp.example.org", 443, allow, timeout=1).is_external
    with pytest.raises(AddressRefused):
        vet("git.example.org", 443, allow, timeout=1)
    names(["169.254.169.254"])
    with pytest.raises(AddressRefused):
        vet("git.corp.example.org", 443, allow, timeout=1)


def test_a_network_opens_itself() -> None:
    allow = parse_policy(["10.20.0.0/16"])
    assert vet("10.20.1.1", 443, allow, timeout=1).addresses
    with pytest.raises(AddressRefused):
        vet("10.21.1.1", 443, allow, timeout=1)


def test_a_list_that_is_none_says_so() -> None:
    with pytest.raises(ValueError, match="no pe"):
        parse_policy(["no pe"])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.1.1.1", Kind.EXTERNAL),
        ("2606:4700::1111", Kind.EXTERNAL),
        ("::ffff:1.1.1.1", Kind.EXTERNAL),
        ("::ffff:10.0.0.1", Kind.PRIVATE),
        ("::ffff:127.0.0.1", Kind.LOOPBACK),
        ("192.0.2.1", Kind.SPECIAL),
        ("203.0.113.1", Kind.SPECIAL),
        ("240.0.0.1", Kind.SPECIAL),
        ("2001:db8::1", Kind.SPECIAL),
    ],
)
def test_an_address_is_of_one_kind(text: str, kind: Kind) -> None:
    assert kind_of(ip_address(text)) is kind


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("HTTPS://Example.ORG", "https://example.org/"),
        ("https://example.org./a?b=c@d", "https://example.org/a?b=c@d"),
        ("http://example.org:80/x", "http://example.org/x"),
        ("http://example.org:8080?x", "http://example.org:8080?x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
    ],
)
def test_a_url_is_put_together_anew(text: str, whole: str) -> None:
    assert str(checked_url(text)) == whole


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  compared, not bound
@pytest.mark.parametrize("asked", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_who_listens_everywhere_is_no_receiver_of_its_own(
    host: str, asked: str, settings: Settings
) -> None:
    settings.HOST, settings.PORT = host, 8123
    with pytest.raises(AddressRefused, match="the installation itself"):
        vet(asked, 8123, LOOPBACK, timeout=1.0, own=own_servers())
