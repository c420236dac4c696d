"""Counting in slots: right over processes, their ends and their successors."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.meter import Counter, Histogram, Level, claim, families
from common.meter.reading import exposition
from common.meter.scraped import at_scrape, registered
from common.meter.slots import SLOT_BYTES, Slot, entries, private_slot

COUNTED = Counter("test_counted_total", "Things.", ("kind",))
TOOK = Histogram("test_took_seconds", "How long.", bounds=(1, 10))
HELD = Level("test_held", "What is held.")


@pytest.fixture(autouse=True)
def own_slot() -> Iterator[None]:
    """Each test counts from nothing; whatever it claimed is let go."""
    families.move_to(private_slot())
    yield
    fd = families.slot().fd
    families.move_to(private_slot())
    if fd is not None:
        os.close(fd)


def read(folder: Path) -> dict[str, float]:
    """The samples by name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(exposition(folder).decode())
        for sample in family.samples
        if sample.name.startswith(("test_", "slipway_meter"))
    }


def in_a_child(folder: Path, count: int, *, held: int = 0) -> int:
    """Fork a process that claims a slot, counts, and waits to be killed; its pid once it did."""
    ready, done = os.pipe()
    pid = os.fork()
    if pid == 0:
        claim(folder)
        COUNTED.of("a").add(count)
        HELD.of().set(held)
        os.write(done, b"1")
        signal.pause()
    os.read(ready, 1)
    os.close(ready)
    os.close(done)
    return pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_processes_are_added_up_and_outlived(tmp_path: Path) -> None:
    pids = [in_a_child(tmp_path, 3, held=10), in_a_child(tmp_path, 4, held=20)]
    found = read(tmp_path)
    assert found["test_counted_total['a']"] == 7
    assert found["test_held[]"] == 30
    for pid in pids:
        kill(pid)
    assert read(tmp_path)["test_counted_total['a']"] == 7


def test_a_slot_is_taken_over_with_its_counts_and_without_its_levels(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        kill(in_a_child(tmp_path, count, held=50))
    claim(tmp_path)
    COUNTED.of("a").add()
    found = read(tmp_path)
    assert found["test_counted_total['a']"] == 7
    assert found["test_held[]"] == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_silent_process_held_counts_no_more(tmp_path: Path) -> None:
    pid = in_a_child(tmp_path, 1, held=5)
    kill(pid)
    slot = next(tmp_path.iterdir())
    data = bytearray(slot.read_bytes())
    memoryview(data).cast("Q")[3] = int(time.time()) - 60
    slot.write_bytes(data)
    found = read(tmp_path)
    assert "test_held[]" not in found
    assert found["test_counted_total['a']"] == 1


def test_a_forked_process_begins_at_nothing(tmp_path: Path) -> None:
    claim(tmp_path)
    COUNTED.of("a").add(5)
    pid = in_a_child(tmp_path, 1)
    kill(pid)
    assert read(tmp_path)["test_counted_total['a']"] == 6


def test_buckets_hold_what_took_no_longer(tmp_path: Path) -> None:
    claim(tmp_path)
    for ms in (0.5, 1, 2, 10, 11):
        TOOK.of().observe(int(ms * 1e6))
    found = read(tmp_path)
    assert found["test_took_seconds_bucket['0.001']"] == 2
    assert found["test_took_seconds_bucket['0.01']"] == 4
    assert found["test_took_seconds_bucket['+Inf']"] == found["test_took_seconds_count[]"] == 5
    assert found["test_took_seconds_sum[]"] == pytest.approx(0.0245)


def test_a_family_has_so_many_series_and_no_more(tmp_path: Path) -> None:
    many = Counter("test_many_total", "Too many.", ("kind",))
    try:
        for number in range(families.MOST_CHILDREN + 50):
            many.of(str(number)).add()
        found = {key: value for key, value in read(tmp_path).items() if "many" in key}
        assert len(found) == families.MOST_CHILDREN + 1
        assert found["test_many_total['other']"] == 50
    finally:
        del families.families["test_many_total"]


def test_a_full_slot_refuses_series_and_says_so() -> None:
    slot = Slot(bytearray(1024))
    places = [slot.place(f"test_counted_total\x1f{n}", 10) for n in range(20)]
    kept = [at for cells, at in places if cells is slot.cells]
    assert 0 < len(kept) < 20
    assert slot.cells[4] == 20 - len(kept)
    assert len(list(entries(slot.read()))) == len(kept)
    for cells, at in places:
        cells[at] += 1  # nothing breaks


def test_a_slot_of_another_format_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "0.slot").write_bytes(b"\xff" * SLOT_BYTES)
    assert claim(tmp_path)
    COUNTED.of("a").add()
    assert read(tmp_path)["test_counted_total['a']"] == 1


def test_one_figure_that_can_not_be_read_hides_no_other(tmp_path: Path) -> None:
    @at_scrape("test_broken", "It raises.")
    def broken() -> list[tuple[tuple[str, ...], float]]:
        raise OSError("away")

    try:
        text = exposition(tmp_path).decode()
    finally:
        del registered["test_broken"]
    assert 'slipway_scrape_failed{metric="test_broken"} 1.0' in text
    assert "slipway_meter_series_refused_total 0.0" in text
