"""It keeps each day's predictions in a partition of its own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from common import clock
from common.ids import least_id
from inference import partitions
from inference.partitions import day_of, ensure_partitions, make_ahead

pytestmark = pytest.mark.django_db


def test_the_models_and_the_table_agree() -> None:
    call_command("makemigrations", "inference", check=True, dry_run=True)


def test_days_are_made_ahead_once() -> None:
    make_ahead()
    made = partitions.partitions()
    today = clock.now().date()
    assert set(made.values()) >= {today + timedelta(days=i) for i in range(4)}
    make_ahead()
    assert partitions.partitions() == made


def test_a_partition_has_every_index_once() -> None:
    ensure_partitions([date(2026, 3, 1)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT indexdef), (SELECT count(*) FROM pg_indexes"
            " WHERE tablename = 'inference_prediction') FROM pg_indexes WHERE tablename = %s",
            ["inference_prediction_p20260301"],
        )
        on_partition, different, on_table = cursor.fetchone()
    assert on_partition == different == on_table > 0


def test_a_day_far_away_is_left_to_the_net() -> None:
    far = date(2199, 1, 1)
    ensure_partitions([far])
    assert far not in partitions.partitions().values()


def test_an_id_knows_its_day() -> None:
    now = clock.now()
    assert day_of(least_id(now).int) == now.date()
