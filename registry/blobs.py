"""Versions' files among the blobs: several versions may share one, and the last takes it along.

Whoever puts a blob in its place and whoever deletes one hold the blob's lock, so that neither
happens between the other's look and its act.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Q

from common import clock, storage
from registry.models import ModelVersion, PipelineJob, State


def adopt(path: Path, sha256: str) -> None:
    """Move a quarantined file to its place. Raises FileNotFoundError as `storage.adopt`."""
    with _held(sha256):
        storage.adopt(path, sha256)


def drop_unused(sha256: str) -> bool:
    """Delete a blob that no version needs; whether nothing is left to do about it.

    What a running pipeline has compiled may be in its place and in no row yet: that waits.
    """
    with _held(sha256):
        needed = Q(sha256=sha256) | Q(graph_sha256=sha256)
        holders = ModelVersion.objects.filter(needed, purged_at=None)
        if holders.exclude(state=State.REJECTED).exists():
            return True
        if _may_be_adopted():
            return False
        storage.discard(sha256)
    return True


def _may_be_adopted() -> bool:
    """Whether a pipeline runs: one that waits puts everything in its place anew once it does."""
    running = PipelineJob.objects.filter(state=PipelineJob.State.RUNNING)
    return running.filter(lease_until__gt=clock.now()).exists()


@contextmanager
def _held(sha256: str) -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        number = int.from_bytes(bytes.fromhex(sha256)[:8], "big", signed=True)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        yield
