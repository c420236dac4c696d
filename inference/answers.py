"""Answers kept for callers who ask the same again, of models whose owners want that.

An answer is found by whose model it is, the file it came from, and the rows as the model sees them:
what they were written like, and by which door they came, makes no difference, and no organization
is ever answered from another's. An entry holds labels and probabilities, whichever was asked for.
Each web process keeps its own in memory: a look-up anywhere else would take longer than most models
do.
"""

from __future__ import annotations

import hashlib
import threading
import time
from array import array
from collections import OrderedDict
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np
from django.conf import settings

from common.meter import Counter
from common.runtime import Batch, Outputs

PART: Final = 64
"""An answer that would take more than this part of all the room is not kept."""
Array = np.ndarray[Any, Any]
ENTRY_BYTES: Final = 400  # what Python needs for an entry beside its arrays
LOOKUPS: Final = Counter(
    "slipway_response_cache_total",
    "Calls of models that keep answers, by what was found.",
    ("found",),
)
_encode = msgspec.msgpack.Encoder().encode


class Answers:
    """The answers of this process, least recently used first to go.

    `most_bytes` is what they may take together.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[float, int, Outputs]] = OrderedDict()
        self._bytes = 0

    def get(self, key: bytes) -> Outputs | None:
        """The answer, where it is here and has not run out."""
        now = time.monotonic()
        with self._lock:
            found = self._kept.get(key)
            if found is not None and found[0] <= now:
                self._drop(key)
                found = None
            elif found is not None:
                self._kept.move_to_end(key)
        LOOKUPS.of("miss" if found is None else "hit").add()
        return None if found is None else found[2]

    def keep(self, key: bytes, outputs: Outputs, seconds: float) -> None:
        """Keep an answer for so long, unless it is too large."""
        kept = _frozen(outputs)
        size = ENTRY_BYTES + _size(kept.predict) + _size(kept.predict_proba)
        if size > self._most // PART:
            return
        with self._lock:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = (time.monotonic() + seconds, size, kept)
            self._bytes += size
            while self._bytes > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        self._bytes -= self._kept.pop(key)[1]


def key_of(organization: bytes, sha256: str, batch: Batch) -> bytes:
    """What an answer is found by; `sha256` is the digest of the model's file."""
    digest = hashlib.blake2b(organization, digest_size=32)
    digest.update(f"{sha256}:{batch.layout}:{batch.rows}:".encode())
    if batch.texts is not None:
        digest.update(_encode(batch.texts))
    elif batch.columns is not None:
        for name, column in batch.columns.items():
            # Cells of objects are texts or nothing; of all others the bytes are the value.
            cells = _encode(column.tolist()) if column.dtype.hasobject else column.tobytes()
            digest.update(_encode([name, column.dtype.str, len(cells)]) + cells)
    elif batch.rows == 1:
        digest.update(array("d", batch.row))
    elif batch.matrix is not None:
        digest.update(batch.matrix.tobytes())
    return digest.digest()


def _frozen(outputs: Outputs) -> Outputs:
    """A copy that nobody can change, and that holds nothing of a larger array."""
    predict, proba = outputs.predict.copy(), outputs.predict_proba
    predict.flags.writeable = False
    if proba is not None:
        proba = proba.copy()
        proba.flags.writeable = False
    return Outputs(predict, proba)


def _size(values: Array | None) -> int:
    if values is None:
        return 0
    if values.dtype.hasobject:
        return sum(50 + 4 * len(str(value)) for value in values.flat)
    return values.nbytes


@cache
def answers() -> Answers:
    """This process's answers."""
    return Answers(most_bytes=settings.RESPONSE_CACHE_BYTES)
