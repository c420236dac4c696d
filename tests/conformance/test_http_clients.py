"""It serves the clients people reach for first: curl, requests, and the printed examples."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from benchmarks.stack import Stack

ROW = [5.1, 3.5, 1.4, 0.2]


def curl(*arguments: str) -> tuple[int, str]:
    """Run curl; returns the status and the body."""
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def predict_url(stack: Stack) -> str:
    return f"{stack.url}/api/v1/models/{stack.demo['model']}/predict"


def test_curl_predicts_with_the_printed_key(stack: Stack) -> None:
    status, body = curl(
        predict_url(stack),
        *("-H", f"Authorization: Bearer {stack.demo['api_key']}"),
        *("-H", "Content-Type: application/json"),
        *("-d", json.dumps({"inputs": [ROW]})),
    )
    assert status == 200, body
    assert len(json.loads(body)["predictions"]) == 1


def test_curl_uploads_a_file_and_is_refused_a_stream(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "not-a-model.pkl"
    path.write_bytes(b"hello")
    key = f"X-API-Key: {stack.demo['api_key']}"
    url = f"{stack.url}/api/v1/models"
    status, body = curl(url, "-H", key, "-F", f"file=@{path}", "-F", "name=by-curl")
    assert status == 202, body
    chunked = ("-H", "Transfer-Encoding: chunked")
    status, body = curl(url, "-H", key, *chunked, "-F", f"file=@{path}", "-F", "name=by-curl")
    assert (status, json.loads(body)["code"]) == (411, "length_required")


def test_requests_reads_the_account_with_a_token(stack: Stack) -> None:
    answer = requests.post(
        f"{stack.url}/api/v1/auth/login",
        json={"email": stack.demo["email"], "password": stack.demo["password"]},
        timeout=10,
    ).json()
    me = requests.get(
        f"{stack.url}/api/v1/auth/me",
        headers={"Authorization": f"Bearer {answer['access_token']}"},
        timeout=10,
    )
    assert me.json()["email"] == stack.demo["email"]


@pytest.mark.parametrize(
    "tail",
    [b"", b'{"inputs": [[1, 2'],
    ids=["no body at all", "half a body"],
)
def test_a_connection_that_ends_early_harms_nobody(stack: Stack, tail: bytes) -> None:
    head = (
        f"POST /api/v1/models/{stack.demo['model']}/predict HTTP/1.1\r\nHost: localhost\r\n"
        f"X-API-Key: {stack.demo['api_key']}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(head.encode() + tail)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        answer = connection.recv(65536)
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert stack.predict_demo().status_code == 200


def test_the_openapi_document_is_valid(stack: Stack) -> None:
    from openapi_spec_validator import validate

    document = requests.get(f"{stack.url}/openapi.json", timeout=20).json()
    validate(document)
    assert {"bearer", "apiKey"} <= set(document["components"]["securitySchemes"])
