"""It loses no answered call and counts none twice, whatever is killed under load."""

from __future__ import annotations

import pytest

from benchmarks.chaos import VICTIMS, rounds


@pytest.mark.timeout(400)
def test_every_answer_is_in_the_log_once_and_summed_up_whatever_dies() -> None:
    report = rounds(len(VICTIMS), seed=3)
    assert report.is_whole, f"{report}\n{report.missing[:5]} {report.twice[:5]} {report.apart[:5]}"
    assert set(report.killed) == set(VICTIMS)
    assert report.refused  # the kills were felt
