"""One Slipway for all the clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.stack import Stack, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running(SLIPWAY_DEFAULT_MODEL="demo/iris") as started:
        yield started
