"""It tells of every committed change, and of nothing else, whatever is killed meanwhile."""

from __future__ import annotations

import pytest

from benchmarks.chaos_webhooks import rounds


@pytest.mark.timeout(400)
def test_every_committed_change_arrives_whatever_dies() -> None:
    report = rounds(3, seed=4)
    assert report.is_whole, f"{report}\n{report.missing[:5]} {report.foreign[:5]}"
    assert sum(report.killed.values()) == 3
    assert report.answers["500"]  # the receiver failed, too
