"""CSV and JSON Lines: where the rows lie, what is in them, and the result in the same form."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np

from common import strict_json
from common.csv_text import cell as guarded
from common.errors import DomainError, Invalid
from inference.bulk.columns import Array, from_texts, from_values
from inference.bulk.layout import (
    Records,
    answer_columns,
    answer_names,
    carried,
    kept_columns,
    piece_rows,
)
from inference.bulk.scoring import Answers, Piece
from inference.decode import Feature
from inference.models import BatchJob, BatchStep, Keep
from inference.serving import Served
from inference.tabular import MOST_NAMED

MOST_RECORD: Final = 1 << 20
"""Bytes of one row."""
csv.field_size_limit(MOST_RECORD)  # of characters, of which there are no more than bytes
MOST_COLUMNS: Final = 20_000
PIECE_ROWS: Final = 8192
STEP_BYTES: Final = 16 << 20
SURROGATES: Final = re.compile("[\ud800-\udfff]")
BLANK: Final = " \t\r\n\x0b\x0c"
BOM: Final = b"\xef\xbb\xbf"
_encode = msgspec.json.Encoder().encode  # not finite becomes null


@dataclass(frozen=True, slots=True)
class Span:
    """Rows `start` to `start + rows` of a file, and the bytes they lie in."""

    start: int
    rows: int
    offset: int = 0
    end: int = 0


class Lines:
    """A file's lines as structure sees them: bytes, counted, none too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = file.tell()
        self.row = 0
        self.wanted_more = False

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(MOST_RECORD + 1):
            self.offset += len(line)
            if len(line) > MOST_RECORD:
                raise _too_long(self.row)
            yield line
        self.wanted_more = True

    def rest_of_record(self, line: bytes) -> None:
        """Go on to the end of the record that begins with this line, as the csv module sees it."""
        begin = self.offset - len(line)

        def following() -> Iterator[str]:
            for more in chain([line], self):
                if self.offset - begin > MOST_RECORD:
                    raise _too_long(self.row)
                yield more.decode("latin-1")

        with contextlib.suppress(csv.Error):  # an error of this row's alone, met again in reading
            next(csv.reader(following()))
        if self.wanted_more:
            raise Invalid(f"Row {self.row} has a quote that is never closed.", code="bad_table")


def _too_long(row: int) -> Invalid:
    return Invalid(
        f"Row {row} is longer than {MOST_RECORD:,} bytes. Is a quote never closed, or is the file "
        "of another kind?",
        code="row_too_long",
    )


def spans(file: BinaryIO, *, quotes: bool, most_rows: int) -> Iterator[Span]:
    """Stretches of at most so many rows, and of about STEP_BYTES, from where the file stands.

    Empty lines are no rows. Raises Invalid for a row that is too long or never ends.
    """
    lines = Lines(file)
    start, offset = 0, lines.offset
    for line in lines:
        if not line.strip():
            continue
        if quotes and b'"' in line:
            lines.rest_of_record(line)
        lines.row += 1
        if lines.row - start == most_rows or lines.offset - offset >= STEP_BYTES:
            yield Span(start, lines.row - start, offset, lines.offset)
            start, offset = lines.row, lines.offset
    if lines.row > start:
        yield Span(start, lines.row - start, offset, lines.offset)


def skip_mark(file: BinaryIO) -> None:
    """Go past the mark that some programs begin UTF-8 with."""
    if file.read(len(BOM)) != BOM:
        file.seek(0)


def csv_header(file: BinaryIO) -> list[str]:
    """The names in the first line; the file stands after it. Raises Invalid."""
    skip_mark(file)
    begin = file.tell()
    lines = Lines(file)
    for line in lines:
        if b'"' in line:
            lines.rest_of_record(line)
        break
    file.seek(begin)
    try:
        text = file.read(lines.offset - begin).decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"The first line is not UTF-8: byte {error.start} is wrong.") from None
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    if not any(header):
        raise Invalid("The file has no line of names.", code="empty")
    if len(header) > MOST_COLUMNS:
        raise Invalid(
            f"The file has {len(header):,} columns; {MOST_COLUMNS:,} is the most.", code="bad_table"
        )
    return header


class TextSource(ABC):
    """A file of text: its pieces, and parts of the result."""

    def __init__(
        self, job: BatchJob, file: BinaryIO, served: Served, features: Sequence[Feature]
    ) -> None:
        self.job = job
        self.served = served
        self.features = features
        self._file = file
        self._part: BinaryIO | None = None

    def close(self) -> None:
        """Close the file, and a part that nobody wants."""
        self._file.close()
        if self._part is not None:
            self._part.close()

    def pieces(self, step: BatchStep) -> Iterator[Piece]:
        """A step's rows. Raises Invalid where there are not as many as there were."""
        self._file.seek(step.offset)
        data = self._file.read(step.end - step.offset)
        start, end = step.start, step.start + step.rows
        records = self.records(data)
        most = piece_rows(self.served, len(self.job.header) or len(self.features), PIECE_ROWS)
        while taken := list(islice(records, most)):
            yield self.piece(start, taken)
            start += len(taken)
        if start != end:
            raise Invalid(f"Rows {start} to {end} are gone from the file.", code="file_changed")

    def begin_part(self, path: Path) -> None:
        """From here on `add` writes there."""
        self._part = path.open("wb", buffering=1 << 20)

    def add(self, piece: Piece, answers: Answers, records: Records) -> None:
        """Write rows and their answers."""
        if self._part is None:
            raise RuntimeError("no part was begun")
        columns = answer_columns(self.served, answers, probabilities=self.job.probabilities)
        cells = zip(*[values.tolist() for values in columns.values()], strict=True)
        ids = records.of_rows(piece.rows)
        self.write(self._part, piece, ids, cells)

    def end_part(self) -> None:
        """The part is whole, and on disk for good."""
        if self._part is not None:
            self._part.flush()
            os.fsync(self._part.fileno())
            self._part.close()
            self._part = None

    @abstractmethod
    def records(self, data: bytes) -> Iterator[Any]: ...
    @abstractmethod
    def piece(self, start: int, records: list[Any]) -> Piece: ...
    @abstractmethod
    def write(
        self,
        part: BinaryIO,
        piece: Piece,
        ids: Sequence[str | None],
        cells: Iterator[tuple[Any, ...]],
    ) -> None: ...


class CsvSource(TextSource):
    """A CSV file with a line of names."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        places = {name: place for place, name in enumerate(self.job.header)}
        self._width = len(places)
        self._places = [places[feature.name] for feature in self.features]
        names = [feature.name for feature in self.features]
        kept = kept_columns(self.job.header, names, self.job.keep)
        self._kept = [places[name] for name in kept]
        self._all_is_text = True

    def records(self, data: bytes) -> Iterator[list[str] | csv.Error]:
        """Rows as lists of cells, or what is wrong with one. Empty lines are none."""
        # What is not UTF-8 becomes something that can be told from all that is.
        text = data.decode(errors="surrogateescape")
        self._all_is_text = text.isascii() or not SURROGATES.search(text)
        begins = True

        def lines() -> Iterator[str]:
            nonlocal begins
            for line in io.StringIO(text, newline="\n"):
                if begins and not line.strip(BLANK):
                    continue
                begins = False
                yield line

        reader = csv.reader(lines())
        while True:
            begins = True
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield error

    def piece(self, start: int, records: list[list[str] | csv.Error]) -> Piece:
        errors = np.full(len(records), None, dtype=object)
        rows: list[list[str]] = []
        for i, found in enumerate(records):
            row = [] if isinstance(found, csv.Error) else found
            if isinstance(found, csv.Error):
                errors[i] = f"row {start + i} is no CSV: {found}"
            elif len(row) != self._width:
                errors[i] = f"row {start + i} has {len(row)} cells; there are {self._width} columns"
            elif not self._all_is_text and SURROGATES.search("".join(row)):
                errors[i] = f"row {start + i} is not UTF-8"
            if len(row) != self._width:
                row = (row + [""] * self._width)[: self._width]
            rows.append(row)
        unread = frozenset(np.flatnonzero(errors != None).tolist())  # noqa: E711 - of an array
        cells = list(zip(*rows, strict=True))
        piece = Piece(start, [], errors, unread=unread)
        piece.columns = _columns(self.features, [cells[i] for i in self._places], from_texts, piece)
        piece.kept = list(zip(*[cells[i] for i in self._kept], strict=True)) if self._kept else ()
        return piece

    def write(
        self,
        part: BinaryIO,
        piece: Piece,
        ids: Sequence[str | None],
        cells: Iterator[tuple[Any, ...]],
    ) -> None:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        kept = piece.kept or [()] * piece.rows
        nothing = None
        for i, answer in enumerate(cells):
            error = piece.errors[i]
            if error is None:
                writer.writerow((*kept[i], piece.start + i, ids[i], *answer, nothing))
            else:
                blank = (nothing,) * len(answer)
                writer.writerow((*kept[i], piece.start + i, nothing, *blank, guarded(error)))
        part.write(out.getvalue().encode(errors="surrogateescape"))

    @staticmethod
    def head(job: BatchJob, served: Served, features: Sequence[str]) -> bytes:
        """The result's line of names."""
        kept = [carried(name) for name in kept_columns(job.header, features, job.keep)]
        names = answer_names(served, probabilities=job.probabilities)
        out = io.StringIO(newline="")
        line = [*kept, "row", "prediction_id", *names, "error"]
        csv.writer(out, lineterminator="\n").writerow(line)
        return out.getvalue().encode()


class JsonlSource(TextSource):
    """A JSON document on each line: an object by feature, or a list of values."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._names = [feature.name for feature in self.features]
        self._known = set(self._names)

    def records(self, data: bytes) -> Iterator[bytes]:
        """Lines."""
        return (line for line in data.split(b"\n") if line.strip())

    def piece(self, start: int, records: list[bytes]) -> Piece:
        errors = np.full(len(records), None, dtype=object)
        kept: list[dict[str, Any]] = []
        rows: list[list[Any]] = []
        width = len(self._names)
        for i, line in enumerate(records):
            row: list[Any] = [None] * width
            document: Any = None
            try:
                document = strict_json.loads(line)
                row = self._cells(document)
            except DomainError as error:
                errors[i] = f"row {start + i}: {error.message}"
            rows.append(row)
            kept.append(self._carried(document))
        unread = frozenset(np.flatnonzero(errors != None).tolist())  # noqa: E711 - of an array
        piece = Piece(start, [], errors, kept, unread)
        piece.columns = _columns(self.features, list(zip(*rows, strict=True)), from_values, piece)
        return piece

    def write(
        self,
        part: BinaryIO,
        piece: Piece,
        ids: Sequence[str | None],
        cells: Iterator[tuple[Any, ...]],
    ) -> None:
        names = answer_names(self.served, probabilities=self.job.probabilities)
        lines: list[bytes] = []
        for i, answer in enumerate(cells):
            error = piece.errors[i]
            values = dict(
                zip(names, answer if error is None else (None,) * len(names), strict=True)
            )
            ours = {"row": piece.start + i, "prediction_id": ids[i], **values, "error": error}
            lines.append(_encode({**piece.kept[i], **ours}))
        lines.append(b"")
        part.write(b"\n".join(lines))

    def _cells(self, document: Any) -> list[Any]:
        """The features' values. Raises Invalid."""
        if isinstance(document, dict):
            missing = [name for name in self._names if name not in document]
            if missing:  # null says that there is no value; a misspelt name says nothing
                raise Invalid(f"lacks {', '.join(missing[:MOST_NAMED])}")
            return [document[name] for name in self._names]
        if not isinstance(document, list):
            raise Invalid("must be an object by feature, or a list of values")
        if len(document) != len(self._names):
            raise Invalid(f"has {len(document)} values; the model takes {len(self._names)}")
        return document

    def _carried(self, document: Any) -> dict[str, Any]:
        """What of a line stands in the result, whatever is wrong with it otherwise."""
        if isinstance(document, list):
            if self.job.keep != Keep.ALL:
                return {}
            document = dict(zip(self._names, document, strict=False))
        elif not isinstance(document, dict):
            return {}
        kept = kept_columns(list(document), self._names, self.job.keep)
        return {carried(name): document[name] for name in kept}


def _columns(
    features: Sequence[Feature], cells: Sequence[Sequence[Any]], convert: Any, piece: Piece
) -> list[Array]:
    columns = []
    for feature, column in zip(features, cells, strict=True):
        values, faults = convert(feature, column)
        piece.note(feature, faults)
        columns.append(values)
    return columns
