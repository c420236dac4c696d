"""It guards every request: id, length, slashes, problems."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def raw_post(client: Client, path: str, body: bytes, **environ: Any) -> Any:
    """POST with a WSGI environment of our own making."""
    return client.generic("POST", path, **{"wsgi.input": io.BytesIO(body), **environ})


def test_a_well_formed_request_id_is_echoed(client: Client) -> None:
    response = client.get("/live", headers={"X-Request-ID": "my-request-0001"})
    assert response["X-Request-ID"] == "my-request-0001"


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space inside", "line\nbreak-12"])
def test_another_request_id_is_replaced(client: Client, given: str) -> None:
    response = client.get("/live", headers={"X-Request-ID": given})
    assert response["X-Request-ID"] != given
    assert len(response["X-Request-ID"]) == 32


def test_a_chunked_body_is_refused_and_not_taken_for_empty(client: Client) -> None:
    response = raw_post(
        client, "/api/v1/models", b"", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""
    )
    assert response.status_code == 411
    assert response.json()["code"] == "length_required"


@pytest.mark.parametrize("length", ["-1", "1e3", "ten", "٣"])
def test_a_length_that_is_no_number_is_refused(client: Client, length: str) -> None:
    response = raw_post(client, "/api/v1/auth/login", b"{}", CONTENT_LENGTH=length)
    assert response.status_code in {400, 411}


def test_a_body_over_the_cap_is_refused_unread(client: Client) -> None:
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    environ: Any = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(50 * 1024 * 1024)}
    response = client.generic("POST", "/api/v1/auth/login", **environ)
    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"


def test_a_body_shorter_than_it_said_is_refused(client: Client) -> None:
    response = raw_post(
        client,
        "/api/v1/auth/login",
        b'{"email": "a@b.example"}',
        CONTENT_LENGTH="1000",
        CONTENT_TYPE="application/json",
    )
    assert response.status_code == 400
    assert response.json()["code"] == "incomplete_body"


@pytest.mark.parametrize("path", ["/live", "/live/", "/health", "/health/", "/docs/", "/docs"])
def test_a_trailing_slash_makes_no_difference(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/models/a/b/c/d"])
def test_an_unknown_address_is_a_problem_for_programs(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    problem = json.loads(response.content)
    assert problem["status"] == 404
    assert problem["request_id"] == response["X-Request-ID"]


def test_below_v2_an_unknown_address_is_an_error_in_the_protocols_shape(client: Client) -> None:
    response = client.get("/v2/nothing")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]


def test_every_problem_points_to_a_page_that_is_there(client: Client) -> None:
    problem = client.get("/api/v1/nothing").json()
    page = client.get(problem["type"].partition("#")[0])
    assert page.status_code == 200
    assert f'id="{problem["code"]}"' in page.content.decode()


def test_an_unknown_address_is_a_page_for_people(client: Client) -> None:
    response = client.get("/nothing", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert b"<html" in response.content


def test_pages_may_run_no_inline_script(client: Client) -> None:
    policy = client.get("/login")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
