"""One Slipway for all the clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack, free_port, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running(SLIPWAY_DEFAULT_MODEL="demo/iris", GRPC_PORT=str(free_port())) as started:
        yield started
