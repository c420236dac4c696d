"""Predictions as one long file: read by pages, written as they come, never all in memory."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np
from django.conf import settings

from accounts.actors import Actor
from common.csv_text import cell
from common.errors import Unavailable
from common.jail import Jail, JailError
from inference.models import Prediction
from inference.selectors import Wanted, list_predictions

PAGE: Final = 200  # rows; inputs and outputs of one are 320 KiB at most
PATIENCE: Final = 3.0  # seconds to wait for a jail that is starting
AT_ONCE: Final = 2  # of one process: each holds a thread for as long as it takes
FORMATS: Final = ("csv", "json", "parquet")
COLUMNS: Final = (
    "id", "model", "version", "created_at", "door", "status", "code", "rows", "inference_ms",
    "duration_ms", "cache_hit", "request_id", "correlation_id", "inputs_kept", "inputs",
    "outputs",
)  # fmt: skip
NUMBERS: Final[dict[str, Any]] = {
    "version": np.int64, "status": np.int64, "rows": np.int64, "inference_ms": np.float64,
    "duration_ms": np.float64, "cache_hit": np.bool_, "inputs_kept": np.bool_,
}  # fmt: skip
_encode = msgspec.json.Encoder().encode
_places = threading.BoundedSemaphore(AT_ONCE)


def export(actor: Actor, wanted: Wanted, kind: str) -> Export:
    """The predictions that fit, newest first, as CSV, a JSON array or Parquet, piece by piece.

    The first page is read before anything is given back: what is wrong with the question is said
    by an error, not by a broken file. Raises ModelNotFound, and Unavailable where others export.
    """
    if not _places.acquire(blocking=False):
        raise Unavailable("Others are exporting just now.", code="export_busy", retry_after=5)
    try:
        pages = _pages(actor, wanted)
        pieces = _WRITERS[kind](_chained(next(pages), pages))
        first = next(pieces)
    except JailError as error:
        _places.release()
        raise Unavailable("Parquet can't be written just now.", retry_after=5) from error
    except BaseException:
        _places.release()
        raise
    return Export(first, pieces)


class Export:
    """An answer that gives its place back when it ends, or is broken off."""

    def __init__(self, first: bytes, pieces: Generator[bytes, None, None]) -> None:
        self._first = [first]
        self._pieces = pieces
        self._held = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop()
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._held:
            self._held = False
            self._pieces.close()
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


def _csv(pages: Iterable[list[Prediction]]) -> Generator[bytes, None, None]:
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
    if isinstance(value, (dict, list)) or hasattr(value, "isoformat"):
        return _text(value)
    return cell(value)


def _json(pages: Iterable[list[Prediction]]) -> Generator[bytes, None, None]:
    before = b"[\n"
    for page in pages:
        for row in page:
            yield before + _encode(_record(row))
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _parquet(pages: Iterable[list[Prediction]]) -> Generator[bytes, None, None]:
    """Written by a child of the jail: no web process has a library for it."""
    with Jail(settings.JAIL_SOCKET, patience=PATIENCE).joiner() as joiner:
        for page in pages:
            records = [_record(row) for row in page]
            columns = {name: _column(name, records) for name in COLUMNS}
            yield bytes(joiner.add_columns(columns))
        yield bytes(joiner.end())


def _column(name: str, records: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    """Numbers and truths as such; the rest as texts, with JSON for what has parts."""
    values = [record[name] for record in records]
    if name in NUMBERS:
        return np.array(values, dtype=NUMBERS[name])
    texts = np.empty(len(values), dtype=object)
    texts[:] = [_text(value) for value in values]
    return texts


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return _encode(value).decode()
    if hasattr(value, "isoformat"):
        return str(value.isoformat().replace("+00:00", "Z"))
    return str(value)


_WRITERS = {"csv": _csv, "json": _json, "parquet": _parquet}
