"""What people asked, by quarter of an hour and version: their own figures read these sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from inference.rollups import QUARTER_MS, Fact, count_labels, merged_labels, moment

UserKey = tuple[UUID, int, UUID]  # person, quarter in Unix milliseconds, version
COUNTS: Final = ("requests", "rows", "failed", "inference_us_sum")


@dataclass(slots=True)
class PersonSums:
    """What one person asked one version within a quarter of an hour."""

    requests: int = 0
    rows: int = 0
    failed: int = 0
    inference_us_sum: int = 0
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Count one prediction."""
        self.requests += 1
        self.rows += fact.rows
        self.failed += fact.status >= 400
        self.inference_us_sum += fact.inference_us
        count_labels(self.labels, fact.labels)


def sum_up_people(facts: Iterable[Fact]) -> dict[UserKey, PersonSums]:
    """What these predictions add, by person, quarter and version."""
    sums: dict[UserKey, PersonSums] = {}
    for fact in facts:
        key = (fact.user_id, fact.at_ms // QUARTER_MS * QUARTER_MS, fact.version_id)
        sums.setdefault(key, PersonSums()).add(fact)
    return sums


def add_people(sums: Mapping[UserKey, PersonSums]) -> None:
    """Add to what people asked, within the caller's transaction, in the order of the keys."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO inference_userrollup AS t (user_id, quarter, version_id, requests, rows,"
            " failed, inference_us_sum, labels) VALUES (%s, %s, %s, %s, %s, %s, %s, '{}')"
            " ON CONFLICT (user_id, quarter, version_id) DO UPDATE SET"
            " requests = t.requests + excluded.requests, rows = t.rows + excluded.rows,"
            " failed = t.failed + excluded.failed,"
            " inference_us_sum = t.inference_us_sum + excluded.inference_us_sum",
            [
                (*_columns(key), *(getattr(sums[key], name) for name in COUNTS))
                for key in sorted(sums)
            ],
        )
    _add_labels({key: one.labels for key, one in sums.items() if one.labels})


def _add_labels(labels: Mapping[UserKey, Mapping[str, int]]) -> None:
    """Add to labels of rows that the caller's transaction holds, as it has just written them."""
    if not labels:
        return
    keys = sorted(labels)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.user_id, t.quarter, t.version_id, t.labels FROM inference_userrollup AS t"
            " JOIN unnest(%s::uuid[], %s::timestamptz[], %s::uuid[])"
            " AS k (user_id, quarter, version_id) USING (user_id, quarter, version_id)",
            [list(column) for column in zip(*map(_columns, keys), strict=True)],
        )
        stored = {tuple(row[:3]): msgspec.json.decode(row[3]) for row in cursor.fetchall()}
        rows: list[tuple[Any, ...]] = [
            (Jsonb(merged_labels(stored[_columns(key)], labels[key])), *_columns(key))
            for key in keys
        ]
        cursor.executemany(
            "UPDATE inference_userrollup SET labels = %s"
            " WHERE user_id = %s AND quarter = %s AND version_id = %s",
            rows,
        )


def _columns(key: UserKey) -> tuple[UUID, datetime, UUID]:
    return key[0], moment(key[1]), key[2]
