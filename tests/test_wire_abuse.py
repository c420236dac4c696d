"""It answers well-behaved callers while others send it what no client would."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from benchmarks.stack import Stack, running


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as started:
        yield started


def connect(stack: Stack) -> socket.socket:
    return socket.create_connection(("127.0.0.1", stack.port), timeout=10)


def request_to(stack: Stack, body: bytes, *, length: int | None = None) -> bytes:
    """A prediction as bytes, with another length than the body's if one is given."""
    return (
        f"POST /api/v1/models/{stack.demo['model']}/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {stack.headers['Authorization']}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    ).encode() + body


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up or has nothing more to say."""
    connection.settimeout(3)
    said = b""
    try:
        while chunk := connection.recv(65536):
            said += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return said


GOOD = b'{"inputs": [[5.1, 3.5, 1.4, 0.2]]}'


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff" * 500,
        b"GET /\r\n\r\n",
        b"PO ST / HTTP/1.1\r\n\r\n",
        b"A" * 100_000,
        b"\r\n" * 50,
    ],
)
def test_garbage_behind_a_good_request_spoils_nothing(stack: Stack, garbage: bytes) -> None:
    with connect(stack) as connection:
        connection.sendall(request_to(stack, GOOD) + garbage)
        said = read_all(connection)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"Traceback" not in said
    assert stack.predict_demo().status_code == 200


def test_requests_in_a_row_are_answered_in_order(stack: Stack) -> None:
    bad = b'{"inputs": "wrong"}'
    with connect(stack) as connection:
        connection.sendall(
            request_to(stack, GOOD) + request_to(stack, bad) + request_to(stack, GOOD)
        )
        said = read_all(connection)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    assert statuses == [b"200", b"400", b"200"]


@pytest.mark.parametrize(
    "path", ["/api/v1/models/iris/predict", "/api/v1/nothing", "/v1/x:predict"]
)
def test_who_is_refused_before_the_body_came_gets_the_answer(stack: Stack, path: str) -> None:
    """Not a reset: the connection is as good for the next request as any."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer nobody\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(GOOD)}\r\n\r\n"
    )
    with connect(stack) as connection:
        connection.sendall(head.encode())
        time.sleep(0.2)
        connection.sendall(GOOD)
        time.sleep(0.1)
        connection.sendall(request_to(stack, GOOD))
        said = read_all(connection)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    assert statuses[0] in {b"401", b"404"}
    assert statuses[1:] == [b"200"]


def test_bodies_that_never_end_keep_nobody_else_waiting(stack: Stack) -> None:
    slow = [connect(stack) for _ in range(4)]
    try:
        for connection in slow:
            connection.sendall(request_to(stack, GOOD[:10], length=len(GOOD)))
        for _ in range(50):
            assert stack.predict_demo().status_code == 200
    finally:
        for connection in slow:
            connection.close()
    assert stack.predict_demo().status_code == 200


def test_a_million_rows_are_told_of_the_batch_route(stack: Stack) -> None:
    body = b'{"inputs": [' + b",".join([b"[1,2,3,4]"] * 1_000_000) + b"]}"
    response = requests.post(
        f"{stack.url}/api/v1/models/{stack.demo['model']}/predict",
        data=body,
        headers={**stack.headers, "Content-Type": "application/json"},
        timeout=60,
    )
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "/predict/batch" in response.json()["detail"]
