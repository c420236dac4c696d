"""Finding whole records in a segment, whatever lies between them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from inference.journal.record import FACTS_BYTES, FIXED, HEAD, MAGIC, MAX_PAYLOAD, PAYLOAD_LEAST

_unpack_head = HEAD.unpack_from
_crc32 = zlib.crc32


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a walk came to: records counted, torn bytes stepped over, and where the next begins."""

    end: int
    records: int
    torn: int


# As record.FIXED lists them.
Fixed = tuple[bytes, int, int, int, int, int, int, int, int, int, int, int, int]


def walk(data: bytes, seed: int, *, most: int, finished: bool) -> Stretch:
    """Step over at most so many records of a segment's bytes.

    An incomplete record at the end is still being written, unless a whole one follows it or the
    segment is `finished`: then it is torn and passed over.
    """
    view, size, at, records, torn = memoryview(data), len(data), 0, 0, 0
    head_size = HEAD.size
    while records < most and at + head_size <= size:
        magic, length, crc = _unpack_head(data, at)
        end = at + head_size + length
        if magic == MAGIC and end <= size and _crc32(view[at + head_size : end], seed) == crc:
            at = end
            records += 1
            continue
        found = _next_whole(data, at + 1, seed)
        if found < 0:
            break
        torn += found - at
        at = found
    if records < most and finished:
        # A segment whose process was killed ends in the room it had reserved: zeros.
        torn += len(data[at:].rstrip(b"\0"))
        at = size
    return Stretch(at, records, torn)


def payloads(data: bytes, seed: int) -> Iterator[tuple[bytes, Fixed, bytes]]:
    """Every whole record: the facts, the unpacked fixed part, and the pieces in one."""
    size, at, head_size = len(data), 0, HEAD.size
    unpack_fixed, fixed_size = FIXED.unpack, FIXED.size
    while at + head_size <= size:
        magic, length, crc = _unpack_head(data, at)
        start = at + head_size
        payload = data[start : start + length]
        whole = magic == MAGIC and len(payload) == length >= PAYLOAD_LEAST
        if whole and _crc32(payload, seed) == crc:
            middle = FACTS_BYTES + fixed_size
            yield payload[:FACTS_BYTES], unpack_fixed(payload[FACTS_BYTES:middle]), payload[middle:]
            at = start + length
            continue
        at = _next_whole(data, at + 1, seed)
        if at < 0:
            return


def _next_whole(data: bytes, start: int, seed: int) -> int:
    """Where the next whole record begins, or -1."""
    view, size = memoryview(data), len(data)
    at = data.find(MAGIC, start)
    while at >= 0 and at + HEAD.size <= size:
        _, length, crc = _unpack_head(data, at)
        begin = at + HEAD.size
        if (
            PAYLOAD_LEAST <= length <= MAX_PAYLOAD
            and begin + length <= size
            and _crc32(view[begin : begin + length], seed) == crc
        ):
            return at
        at = data.find(MAGIC, at + 1)
    return -1
