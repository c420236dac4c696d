"""One file of a job's parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from common.jail import Jail
from inference.bulk.text import CsvSource
from inference.models import BatchJob, FileFormat
from inference.serving import Served

BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Joined:
    """A result: `size` in bytes."""

    sha256: str
    size: int


def join_parts(
    job: BatchJob, served: Served, features: Sequence[str], parts: Sequence[Path], to: Path
) -> Joined:
    """Write the result to `to`, on disk for good. Raises what the jail raises, and OSError."""
    digest, size = hashlib.sha256(), 0
    if job.format == FileFormat.PARQUET:
        blocks = _parquet(parts)
    else:
        head = CsvSource.head(job, served, features) if job.format == FileFormat.CSV else b""
        blocks = _text(head, parts)
    with to.open("wb") as file:
        for block in blocks:
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return Joined(digest.hexdigest(), size)


def _text(head: bytes, parts: Sequence[Path]) -> Iterator[bytes]:
    yield head
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


def _parquet(parts: Sequence[Path]) -> Iterator[bytes | bytearray]:
    with Jail(settings.JAIL_SOCKET).joiner() as joiner:
        for part in parts:
            yield joiner.add(part.read_bytes())
        yield joiner.end()
