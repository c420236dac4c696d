"""It drops the days that are beyond retention, and keeps their sums."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts.models import User
from common import clock
from conftest import FrozenClock
from inference.models import JournalBatch, Prediction, RollUp
from inference.partitions import ensure_partitions, partitions
from inference.tasks import make_partitions, retain_predictions
from inference.tests.test_browse_predictions import make_prediction
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db


def spread(alice: User) -> None:
    """A prediction on each of ten days, the oldest two of them in the net."""
    version = make_version(make_model(alice))
    today = clock.now()
    ensure_partitions(today.date() - timedelta(days=i) for i in range(8))
    for i in range(10):
        make_prediction(version, alice, created_at=today - timedelta(days=i))
    RollUp.objects.create(version=version, quarter=today - timedelta(days=9), last_at=today)


def days_left() -> list[int]:
    today = clock.now().date()
    return sorted((today - row.created_at.date()).days for row in Prediction.objects.all())


def test_whole_days_go(alice: User, clock: FrozenClock, settings: Settings) -> None:
    settings.PREDICTION_RETENTION_DAYS = 5
    spread(alice)
    assert days_left() == list(range(10))
    assert retain_predictions() == [
        "inference_prediction_p20260222",
        "inference_prediction_p20260223",
    ]
    assert days_left() == list(range(6))
    assert RollUp.objects.count() == 1
    clock.advance(timedelta(days=1))
    assert retain_predictions() == ["inference_prediction_p20260224"]


def test_the_net_is_emptied_too(alice: User, clock: FrozenClock, settings: Settings) -> None:
    settings.PREDICTION_RETENTION_DAYS = 8
    spread(alice)
    retain_predictions()
    assert days_left() == list(range(9))


def test_zero_keeps_for_ever(alice: User, clock: FrozenClock, settings: Settings) -> None:
    settings.PREDICTION_RETENTION_DAYS = 0
    spread(alice)
    clock.advance(timedelta(days=5000))
    assert retain_predictions() == []
    assert Prediction.objects.count() == 10


def test_batches_are_forgotten_after_a_week(clock: FrozenClock) -> None:
    for days in (1, 6, 8, 30):
        JournalBatch.objects.create(
            segment=f"{days}", offset=0, end=1, stored_at=clock.now - timedelta(days=days)
        )
    retain_predictions()
    assert set(JournalBatch.objects.values_list("segment", flat=True)) == {"1", "6"}


def test_days_to_come_are_made_and_stay(clock: FrozenClock, settings: Settings) -> None:
    make_partitions()
    ahead = partitions()
    assert len(ahead) >= 4
    retain_predictions()
    assert partitions() == ahead
