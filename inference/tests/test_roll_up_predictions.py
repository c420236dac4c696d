"""It sums predictions up by version and quarter hour, and the sums are those of the table."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from common.ids import uuid7
from inference import rollups
from inference.durations import LATENCY_BOUNDS_US, quantile
from inference.journal.writer import Journal
from inference.models import Prediction, RollUp
from inference.rollups import Fact, Totals, sum_up
from inference.store import store
from inference.tests.journaled import answer, facts_of, write_call, written
from registry.tests.factories import SIGNATURE, make_model, make_version

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


def test_the_sums_are_those_of_the_table(journal: Journal, alice: User) -> None:
    chance = random.Random(7)
    versions = [make_version(make_model(alice, f"m{i}")) for i in range(3)]
    cuts = [0]
    for i in range(300):
        rows = chance.randint(1, 4)
        good = chance.random() < 0.8
        write_call(
            journal,
            facts_of(chance.choice(versions), alice),
            at=NOON + timedelta(minutes=chance.randint(0, 50)),
            rows=rows,
            status=200 if good else chance.choice([400, 503]),
            code="" if good else chance.choice(["prediction_failed", "model_unavailable"]),
            duration_ns=int(10 ** chance.uniform(3, 11.3)),
            cache_hit=chance.random() < 0.5,
            outputs=answer(
                *chance.choices(["yes", "no"], k=rows),
                confidence=[chance.random() for _ in range(rows)],
            )
            if good
            else b"",
        )
        if i % 37 == 0:
            cuts.append(len(written(journal)[1]))
    name, data = written(journal)
    for start, end in pairwise([*cuts, len(data)]):
        store(name, start, data[start:end])
    counted = recount()
    assert len(counted) == RollUp.objects.count() > 6
    for row in RollUp.objects.all():
        expected = counted[(row.version_id, row.quarter)]
        assert (row.requests, row.rows, row.failed, row.cache_hits) == expected[:4]
        assert (row.duration_us_sum, row.inference_us_sum, row.last_at) == expected[4:7]
        assert (row.errors, row.labels) == expected[7:9]
        assert row.confidence_sum == pytest.approx(expected[9])
        assert (row.confidence_count, sum(row.confidence_histogram)) == (expected[10],) * 2
        assert (row.latency_histogram, row.inference_histogram) == expected[11:13]
        assert (row.inference_us_min, row.inference_us_max) == expected[13:]


def recount() -> dict[tuple[object, datetime], tuple[object, ...]]:
    """The same from the rows, in a way of its own."""
    groups: dict[tuple[object, datetime], list[Prediction]] = {}
    for row in Prediction.objects.all():
        quarter = row.created_at.replace(
            minute=row.created_at.minute // 15 * 15, second=0, microsecond=0
        )
        groups.setdefault((row.version_id, quarter), []).append(row)
    counted: dict[tuple[object, datetime], tuple[object, ...]] = {}
    for key, rows in groups.items():
        answers = [row.outputs for row in rows if row.outputs]
        confidence = [value for one in answers for value in one["confidence"]]
        histograms = [[0] * (len(LATENCY_BOUNDS_US) + 1) for _ in range(2)]
        # Those that the model answered; of the others, whole calls alone are timed.
        inside = [row.inference_us for row in rows if row.status < 400]
        whole = [row.duration_us for row in rows]
        for histogram, times in zip(histograms, (whole, inside), strict=True):
            for us in times:
                histogram[sum(bound <= us for bound in LATENCY_BOUNDS_US)] += 1
        counted[key] = (
            len(rows),
            sum(row.rows for row in rows),
            sum(row.status >= 400 for row in rows),
            sum(row.cache_hit for row in rows),
            sum(row.duration_us for row in rows),
            sum(inside),
            max(row.created_at for row in rows),
            dict(Counter(row.code for row in rows if row.code)),
            dict(Counter(label for one in answers for label in one["predictions"])),
            sum(confidence),
            len(confidence),
            *histograms,
            min(inside, default=None),
            max(inside, default=None),
        )
    return counted


def test_numbers_of_a_regression_are_not_counted_as_labels(journal: Journal, alice: User) -> None:
    signature = {key: value for key, value in SIGNATURE.items() if key != "classes"}
    version = make_version(make_model(alice), signature=signature | {"classes": None})
    write_call(journal, facts_of(version, alice), outputs=answer(1.25))
    name, data = written(journal)
    store(name, 0, data)
    assert RollUp.objects.get().labels == {}


def test_too_many_labels_become_others(journal: Journal, alice: User) -> None:
    version = make_version(make_model(alice))
    offset = 0
    for batch in range(3):
        labels = [f"label {batch * 100 + i}" for i in range(100)]
        write_call(journal, facts_of(version, alice), at=NOON, outputs=answer(*labels))
        name, data = written(journal)
        store(name, offset, data[offset:])
        offset = len(data)
    labels = RollUp.objects.get().labels
    assert (len(labels), labels["other"], sum(labels.values())) == (201, 100, 300)


def test_labels_that_are_no_texts_are_counted_as_their_json(journal: Journal, alice: User) -> None:
    version = make_version(make_model(alice))
    write_call(journal, facts_of(version, alice), outputs=answer(0, True, None, [1, 0], "0"))
    name, data = written(journal)
    store(name, 0, data)
    assert RollUp.objects.get().labels == {"0": 2, "true": 1, "null": 1, "[1,0]": 1}


def test_totals_take_one_query(
    journal: Journal, alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    asked, never = (make_version(make_model(alice, name)) for name in ("asked", "never"))
    for minute in (0, 20, 40):
        write_call(
            journal, facts_of(asked, alice), rows=2, at=NOON + timedelta(minutes=minute),
            status=500 if minute else 200,
        )  # fmt: skip
    name, data = written(journal)
    store(name, 0, data)
    with django_assert_max_num_queries(1):
        found = rollups.totals([asked.id, never.id])
    last = NOON + timedelta(minutes=40)
    assert found == {asked.id: Totals(3, 6, 2, 12, 120, last)}


def test_a_quantile_is_close() -> None:
    durations = [int(100 * 1.01**i) for i in range(1000)]
    version = uuid7()
    facts = [Fact(version, version, 0, 200, "", 1, 1, us, True) for us in durations]
    (sums,) = sum_up(facts).values()
    for q in (0.5, 0.95, 0.99):
        assert sums.duration.quantile(q) == pytest.approx(durations[int(q * 1000)], rel=0.06)
    assert quantile([], 0.5) is None
