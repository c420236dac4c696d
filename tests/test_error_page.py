"""The page for an error shows even when what failed is what other pages stand on."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from common.http import views


def unreachable() -> Any:
    raise OperationalError("the server closed the connection")


@pytest.fixture
def request_in_an_outage(rf: RequestFactory) -> Any:
    request: Any = rf.get("/models", headers={"Accept": "text/html"})
    request.user = SimpleLazyObject(unreachable)
    request._messages = SimpleLazyObject(unreachable)
    return request


def test_an_internal_error_needs_neither_user_nor_messages(request_in_an_outage: Any) -> None:
    response = views.server_error(request_in_an_outage)
    assert response.status_code == 500
    assert b"Something went wrong on our side" in response.content
