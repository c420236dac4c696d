"""Predictions as one long file: read by pages, written as they come, never all in memory."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import msgspec

from accounts.actors import Actor
from common.csv_text import cell
from common.errors import Unavailable
from inference.models import Prediction
from inference.selectors import Wanted, list_predictions

PAGE: Final = 200  # rows; inputs and outputs of one are 320 KiB at most
AT_ONCE: Final = 2  # of one process: each holds a thread for as long as it takes
FORMATS: Final = ("csv", "json")
COLUMNS: Final = (
    "id", "model", "version", "created_at", "door", "status", "code", "rows", "inference_ms",
    "duration_ms", "cache_hit", "request_id", "correlation_id", "inputs_kept", "inputs",
    "outputs",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_places = threading.BoundedSemaphore(AT_ONCE)


def export(actor: Actor, wanted: Wanted, kind: str) -> Export:
    """The predictions that fit, newest first, as CSV or as a JSON array, piece by piece.

    The first page is read before anything is given back: what is wrong with the question is said
    by an error, not by a broken file. Raises ModelNotFound, and Unavailable where others export.
    """
    if not _places.acquire(blocking=False):
        raise Unavailable("Others are exporting just now.", code="export_busy", retry_after=5)
    try:
        pages = _pages(actor, wanted)
        first = next(pages)
    except BaseException:
        _places.release()
        raise
    return Export(_WRITERS[kind](_chained(first, pages)))


class Export:
    """An answer that gives its place back when it ends, or is broken off."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._held:
            self._held = False
            _places.release()


def _pages(actor: Actor, wanted: Wanted) -> Iterator[list[Prediction]]:
    cursor = wanted.cursor
    while True:
        page = list_predictions(actor, replace(wanted, cursor=cursor), limit=PAGE, whole=True)
        yield page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def _chained(
    first: list[Prediction], others: Iterable[list[Prediction]]
) -> Iterator[list[Prediction]]:
    yield first
    yield from others


def _record(row: Prediction) -> dict[str, Any]:
    told = {
        "model": row.version.model.reference,
        "version": row.version.number,
        "door": row.get_door_display(),
    }
    return {name: told[name] if name in told else getattr(row, name) for name in COLUMNS}


def _csv(pages: Iterable[list[Prediction]]) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for page in pages:
        for row in page:
            writer.writerow([_cell(value) for value in _record(row).values()])
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return _encode(value).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return cell(value)


def _json(pages: Iterable[list[Prediction]]) -> Iterator[bytes]:
    before = b"[\n"
    for page in pages:
        for row in page:
            yield before + _encode(_record(row))
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


_WRITERS = {"csv": _csv, "json": _json}
