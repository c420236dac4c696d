"""The cast: alice (owner), bob (knows alice's models), charlie (a stranger), olga (operator)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts import attempts, guards
from accounts.api import authentication
from accounts.models import User
from accounts.scans import Scans
from accounts.services import issue_tokens
from accounts.tests import factories
from common import clock as real_clock
from common.http import address

# Before any test there is no rule, and no database to read one from.
guards.guard.put(())


@pytest.fixture(autouse=True)
def own_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for another's wrong passwords, or is kept out by its rules."""
    monkeypatch.setattr(attempts, "salt", uuid4().hex)
    guards.guard.put(())
    monkeypatch.setattr(authentication, "scans", Scans())
    monkeypatch.setattr(address, "_warned", {})


@pytest.fixture
def alice(db: None) -> User:
    return factories.make_user("alice@example.org")


@pytest.fixture
def bob(db: None) -> User:
    return factories.make_user("bob@example.org")


@pytest.fixture
def charlie(db: None) -> User:
    return factories.make_user("charlie@example.org")


@pytest.fixture
def olga(db: None) -> User:
    return factories.make_user("olga@example.org", is_staff=True)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """`make_user("dora@example.org")`: one more person, with a personal organization `dora`."""
    return factories.make_user


@pytest.fixture
def anonymous(db: None) -> APIClient:
    """A client without a credential."""
    return APIClient()


@pytest.fixture
def client_for() -> Callable[[User], APIClient]:
    """`client_for(alice)`: an API client with a token of hers."""

    def make(user: User) -> APIClient:
        return APIClient(headers={"Authorization": f"Bearer {issue_tokens(user).access}"})

    return make


@pytest.fixture
def key_for() -> Callable[..., str]:
    """`key_for(alice, scopes=["predict"])`: a new API key of hers, as the bare secret."""

    def make(user: User, scopes: Sequence[str] = ("models:read", "predict"), **fields: Any) -> str:
        return factories.make_key(user, scopes=list(scopes), **fields)

    return make


class FrozenClock:
    """Stands still until it is told to go on. Tokens keep their own, real time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Every `common.clock.now()` reads this clock."""
    frozen = FrozenClock()
    monkeypatch.setattr(real_clock, "source", frozen)
    return frozen
