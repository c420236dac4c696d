"""The heartbeat: heard where all is well, harmless where it is not."""

from __future__ import annotations

import logging

import pytest
from pytest_django import Settings

from config import heartbeat
from config.embedded.ports import free_port
from tests.receiver import receiving

SECRET = "a-secret-of-its-own"


def test_a_ping_is_heard(settings: Settings) -> None:
    with receiving() as told:
        settings.HEARTBEAT_URL = f"{told.url}/{SECRET}"
        assert heartbeat.ping()
        assert [(one.method, one.path) for one in told.sent] == [("GET", f"/{SECRET}")]


def test_nobody_is_asked_where_no_address_is_set(settings: Settings) -> None:
    settings.HEARTBEAT_URL = ""
    assert not heartbeat.ping()


@pytest.mark.parametrize("listens", [True, False])
def test_a_failure_is_logged_without_the_address(
    settings: Settings, caplog: pytest.LogCaptureFixture, listens: bool
) -> None:
    caplog.set_level(logging.WARNING)
    with receiving() as told:
        told.status = 500
        settings.HEARTBEAT_URL = (
            f"{told.url if listens else f'http://127.0.0.1:{free_port()}'}/{SECRET}"
        )
        assert not heartbeat.ping()
    assert "heartbeat_" in str(caplog.messages)
    assert SECRET not in str(caplog.messages)
