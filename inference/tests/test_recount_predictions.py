"""It makes the roll-ups anew from the log, and says where they differ."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import actor_for_user
from accounts.models import User
from common import clock
from inference.journal.writer import Journal
from inference.models import DayRollUp, Prediction, QualityRollUp, RollUp, UserRollUp
from inference.services import Truth, give_feedback
from inference.store import store
from inference.tests.journaled import answer, facts_of, write_call, written
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (RollUp, DayRollUp, UserRollUp)


@pytest.fixture
def stored(tmp_path: Path, alice: User, bob: User) -> Iterator[None]:
    """Two days of calls by two people to two versions, stored as they came, in batches."""
    journal = Journal(tmp_path / "journal")
    chance = random.Random(5)
    versions = [make_version(make_model(alice, f"m{i}")) for i in range(2)]
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [0]
    for number in range(200):
        good = chance.random() < 0.8
        write_call(
            journal,
            facts_of(chance.choice(versions), chance.choice([alice, bob])),
            at=midnight - timedelta(minutes=chance.randint(-1, 1500)),
            rows=2,
            status=200 if good else 400,
            code="" if good else "invalid_input",
            duration_ns=int(10 ** chance.uniform(4, 9)),
            outputs=answer(*chance.choices(["yes", "no"], k=2), confidence=[0.5, chance.random()])
            if good
            else b"",
        )
        if number % 61 == 0:
            ends.append(len(written(journal)[1]))
    name, data = written(journal)
    for start, end in zip(ends, [*ends[1:], len(data)], strict=True):
        store(name, start, data[start:end])
    yield
    journal.close()


def tables() -> list[list[dict[str, Any]]]:
    """All roll-ups, but for their row numbers and the last digits of sums of floats."""
    found = []
    for model in TABLES:
        rows: list[dict[str, Any]] = [{**row, "id": 0} for row in model.objects.values()]
        for row in rows:
            if "confidence_sum" in row:
                row["confidence_sum"] = round(row["confidence_sum"], 6)
        found.append(sorted(rows, key=repr))
    return found


def test_the_stored_are_the_sums_of_the_log(stored: None) -> None:
    out = StringIO()
    call_command("rebuild_rollups", "--check", stdout=out)
    assert "are the sums" in out.getvalue()


def test_rebuilt_they_are_what_they_were(stored: None) -> None:
    before = tables()
    assert all(before)
    for model in TABLES:
        model.objects.all().delete()
    call_command("rebuild_rollups", stdout=StringIO())
    assert tables() == before


@pytest.mark.parametrize("model", TABLES)
def test_a_sum_that_is_wrong_is_found_and_mended(
    stored: None, model: type[RollUp | DayRollUp | UserRollUp]
) -> None:
    before = tables()
    row = model.objects.order_by("id")[0]
    model.objects.filter(id=row.id).update(requests=row.requests + 1)
    with pytest.raises(CommandError, match="1 roll-ups are not"):
        call_command("rebuild_rollups", "--check", stdout=StringIO(), stderr=StringIO())
    call_command("rebuild_rollups", stdout=StringIO())
    assert tables() == before


@pytest.fixture
def judged(stored: None, alice: User) -> None:
    """Of every fourth call it is known what was true; of some it was said wrongly at first."""
    actor = actor_for_user(alice)
    asked = Prediction.objects.filter(user=alice, status=200).order_by("id")
    for label, every in (("yes", 4), ("no", 8)):
        truths = [Truth(prediction=one.id, label=label, row=1) for one in asked[::every]]
        assert all(one.error is None for one in give_feedback(truths, actor=actor))


def quality() -> list[dict[str, Any]]:
    rows = QualityRollUp.objects.order_by("version_id", "day").values()
    return [{**row, "id": 0} for row in rows]


def test_how_right_they_were_is_made_anew_from_the_feedback(judged: None) -> None:
    before = quality()
    assert sum(row["labelled"] for row in before) > sum(row["correct"] for row in before) > 0
    QualityRollUp.objects.all().delete()
    call_command("rebuild_rollups", stdout=StringIO())
    assert quality() == before


def test_a_wrong_sum_of_verdicts_is_found_and_mended(judged: None) -> None:
    before = quality()
    row = QualityRollUp.objects.all()[0]
    QualityRollUp.objects.filter(id=row.id).update(labelled=row.labelled + 1)
    said = StringIO()
    with pytest.raises(CommandError, match="1 roll-ups are not"):
        call_command("rebuild_rollups", "--check", stderr=said)
    assert f"labelled {row.labelled + 1}" in said.getvalue()
    call_command("rebuild_rollups", stdout=StringIO())
    assert quality() == before


def test_what_is_older_than_the_log_is_left_alone(stored: None) -> None:
    with pytest.raises(CommandError, match="kept from"):
        call_command("rebuild_rollups", "--from", "2020-01-01")


def test_a_range_that_ends_before_it_begins_is_refused(stored: None) -> None:
    today = clock.now().date().isoformat()
    with pytest.raises(CommandError, match="--to"):
        call_command("rebuild_rollups", "--from", today, "--to", "2020-01-01")
