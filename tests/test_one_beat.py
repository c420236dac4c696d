"""It lets one beat tick at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from config.beat import take_lock


def take_elsewhere() -> bool:
    """Another process's try, from a connection of its own."""
    try:
        return take_lock()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_second_beat_waits_until_the_first_is_gone() -> None:
    assert take_lock()
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(take_elsewhere).result()
        connection.close()
        assert pool.submit(take_elsewhere).result()
