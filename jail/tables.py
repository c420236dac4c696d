"""Parquet files, read and written piece by piece.

Parsing Parquet takes a large C++ library, and the file is a stranger's: so it happens in a jailed
child like everything else that is uploaded. Two jobs: `table` reads rows, takes what a model
answered for them and gives back a part of the result; `join` makes one file of the parts.

Parts are Arrow streams. They are ours, made in a child, and read in another alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jail.batch import Array
from jail.codec import Packer, Unpacker
from jail.job import Job, explain, failure
from jail.refusal import Refused
from jail.wire import Head, receive, send

MAX_REQUEST: Final = 256 << 20
MAX_COLUMNS: Final = 20_000
MAX_GROUPS: Final = 1_000_000
READ_AHEAD: Final = 256 << 10
"""Bytes that each column's pages are read ahead by."""


class Table:
    """A Parquet file that is read forwards, mostly; going back begins its row group anew.

    `file` is any file of bytes that can seek; what it reads ahead by itself is read in vain.
    """

    def __init__(self, file: Any) -> None:
        with sound():
            self._file = pq.ParquetFile(
                pa.PythonFile(file, mode="r"), buffer_size=READ_AHEAD, pre_buffer=False
            )
            found = self._file.metadata
            if found.num_row_groups > MAX_GROUPS or found.num_columns > MAX_COLUMNS:
                raise Refused("The file has too many columns or row groups.", "bad_table")
            self.rows = found.num_rows
            groups = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
            self.schema = self._file.schema_arrow
        if sum(groups) != self.rows or min(groups, default=0) < 0:
            raise Refused(
                f"The file says that it has {self.rows} rows; its row groups have {sum(groups)}.",
                "bad_table",
            )
        self._groups = groups
        self._starts = np.concatenate([[0], np.cumsum(groups)]).tolist()
        self._columns: list[str] = []
        self._position = -1
        self._left: list[pa.RecordBatch] = []
        self._batches: Iterator[pa.RecordBatch] = iter(())

    def choose(self, columns: list[str]) -> None:
        """Read these columns from now on."""
        self._columns, self._position = columns, -1

    def take(self, start: int, count: int) -> pa.Table:
        """So many rows from `start` on. Raises Refused where they are not there."""
        if not 0 <= start <= start + count <= self.rows:
            raise Refused(f"The file has no rows {start} to {start + count}.", "bad_table")
        with sound():
            self._seek(start, count)
            taken, missing = [], count
            while missing:
                batch = self._next(missing)
                taken.append(batch)
                missing -= batch.num_rows
            self._position = start + count
            return pa.Table.from_batches(taken, self._chosen())

    def _chosen(self) -> pa.Schema:
        return pa.schema([self.schema.field(name) for name in self._columns])

    def _seek(self, start: int, count: int) -> None:
        if start == self._position:
            return
        group = int(np.searchsorted(self._starts, start, side="right")) - 1
        first = self._starts[group]
        if not first <= self._position < start:
            self._left, self._position = [], first
            self._batches = self._read_from(group, max(count, 1))
        skip = start - self._position
        while skip:
            skip -= self._next(skip).num_rows

    def _next(self, most: int) -> pa.RecordBatch:
        """The next rows, at most so many."""
        batch = self._left.pop() if self._left else next(self._batches)
        if batch.num_rows > most:
            self._left.append(batch.slice(most))
            batch = batch.slice(0, most)
        return batch

    def _read_from(self, group: int, size: int) -> Iterator[pa.RecordBatch]:
        for i in range(group, len(self._groups)):
            count = 0
            for batch in self._file.iter_batches(
                batch_size=size, row_groups=[i], columns=self._columns, use_threads=False
            ):
                count += batch.num_rows
                if batch.num_rows:
                    yield batch.select(self._columns)
            if count != self._groups[i]:
                raise Refused(
                    f"Row group {i} says that it has {self._groups[i]} rows; it has {count}.",
                    "bad_table",
                )


class sound:  # noqa: N801 - reads as what it says
    """What Arrow makes of a damaged file becomes Refused; its own OSError is no socket's."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (pa.ArrowMemoryError, MemoryError, Refused)) or error is None:
            return
        if isinstance(error, StopIteration):
            raise Refused("The file ends before its last row.", "bad_table") from None
        if isinstance(error, Exception):
            raise Refused(f"The file is no sound Parquet: {explain(error)}", "bad_table") from None


class Session:
    """One child's work on one file: rows out, answers in, parts out."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._features: list[str] = []
        self._kept: dict[str, str] = {}
        self._waiting: dict[int, pa.Table] = {}
        self._part: list[pa.Table] = []

    def choose(self, asked: Head, _blobs: Unpacker, _packer: Packer) -> Head:
        """Which columns the model takes; which are carried into the result, and as what."""
        self._features, self._kept = list(asked["features"]), dict(asked["kept"])
        self.table.choose(list(dict.fromkeys([*self._features, *self._kept])))
        return {}

    def read(self, asked: Head, _blobs: Unpacker, packer: Packer) -> Head:
        """Rows as arrays: `{"columns": [[kind, array], …]}` in the features' order."""
        start, count = int(asked["start"]), int(asked["rows"])
        rows = self.table.take(start, count)
        self._waiting[start] = rows.select(list(self._kept))
        columns = [as_array(name, rows.column(name)) for name in self._features]
        return {"columns": [[kind, packer.array(array)] for kind, array in columns]}

    def write(self, asked: Head, blobs: Unpacker, _packer: Packer) -> Head:
        """Add rows that were read to the part: carried columns first, then the answers."""
        start = int(asked["start"])
        kept = self._waiting.pop(start)
        columns: dict[str, Any] = {called: kept.column(name) for name, called in self._kept.items()}
        failed = blobs.array(asked["failed"])
        columns["row"] = pa.array(np.arange(start, start + len(failed), dtype=np.int64))
        columns["prediction_id"] = ids(failed, asked["ids"], int(asked["each"]))
        for name, described in asked["answers"]:
            columns[name] = answers(blobs.array(described), failed)
        columns["error"] = pa.array(blobs.array(asked["errors"]).tolist(), pa.string())
        self._part.append(pa.table(columns))
        return {}

    def end_part(self, _asked: Head, _blobs: Unpacker, packer: Packer) -> Head:
        """The part with all rows that were written since the last."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._part[0].schema) as writer:
            for table in self._part:
                writer.write_table(table)
        self._part = []
        return {"part": packer.bytes(memoryview(sink.getvalue()))}


def as_array(name: str, column: pa.ChunkedArray) -> tuple[str, Array]:
    """A column as one of `number` (nulls are NaN), `whole`, `truth`, `text` or `nothing`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_null(kind):
        return "nothing", np.full(len(column), np.nan)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = np.empty(len(column), dtype=object)
        try:
            texts[:] = column.to_pylist()
        except UnicodeDecodeError:
            raise Refused(f"Column {name!r} holds text that is not UTF-8.", "bad_table") from None
        return "text", texts
    if pa.types.is_boolean(kind):
        if column.null_count:
            return "truth", numbers(column.cast(pa.float64()))
        return "truth", column.to_numpy()
    if pa.types.is_integer(kind) and not column.null_count and not pa.types.is_uint64(kind):
        return "whole", column.cast(pa.int64()).to_numpy()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number", numbers(column.cast(pa.float64(), safe=False))
    raise Refused(
        f"Column {name!r} holds {kind}; a model takes numbers, booleans or text.", "bad_column"
    )


def numbers(column: pa.ChunkedArray) -> Array:
    """Float64 with NaN for nulls."""
    return cast("Array", column.to_numpy())


def ids(failed: Array, records: list[str], each: int) -> pa.Array:
    """`{id}:{place}` for every row that was answered, `each` of them to a record."""
    place = np.cumsum(~failed) - 1
    record = pa.array(records, pa.string()).take(pa.array(place // each, mask=failed))
    return pc.binary_join_element_wise(
        record, pa.array(place % each, mask=failed).cast(pa.string()), ":"
    )


def answers(values: Array, failed: Array) -> pa.Array:
    """A column of answers, null where a row has none, or none that is a number."""
    if values.dtype == object:
        return pa.array([None if no else v for v, no in zip(values, failed, strict=True)],
                        pa.string())  # fmt: skip
    return pa.array(values, mask=failed, from_pandas=True)


OPERATIONS: Final[dict[str, Callable[[Session, Head, Unpacker, Packer], Head]]] = {
    "choose": Session.choose,
    "read": Session.read,
    "write": Session.write,
    "end_part": Session.end_part,
}


def work_on_table(job: Job, _request: Head, _blobs: Unpacker) -> None:
    """Open the file, say what is in it, then do what is asked until the other end hangs up."""
    job.step = "table"
    # Columns lie far apart: what one has read ahead is of no use to the next.
    session = Session(Table(cast("io.BufferedReader", job.file).raw))
    packer = Packer()
    columns = [[field.name, str(field.type)] for field in session.table.schema]
    job.done(rows=session.table.rows, columns=columns, packer=packer)
    _converse(job, lambda asked, blobs, packer: OPERATIONS[asked["op"]](
        session, asked, blobs, packer))  # fmt: skip


def join_parts(job: Job, _request: Head, _blobs: Unpacker) -> None:
    """Take part after part, and give back the bytes of one Parquet file as they come to be.

    A part is an Arrow stream, or columns as arrays.
    """
    job.step = "table"
    sink = io.BytesIO()
    writer: pq.ParquetWriter | None = None

    def take(asked: Head, blobs: Unpacker, packer: Packer) -> Head:
        nonlocal writer
        if "part" in asked or "columns" in asked:
            table = _part(asked, blobs)
            writer = writer or pq.ParquetWriter(
                sink,
                table.schema,
                use_dictionary=[name for name in table.column_names if repeats(name)],
                column_encoding={"prediction_id": "DELTA_BYTE_ARRAY"},
            )
            writer.write_table(table)
        elif writer is not None:
            writer.close()
        data = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return {"data": packer.bytes(data)}

    job.done()
    _converse(job, take)


def _part(asked: Head, blobs: Unpacker) -> pa.Table:
    if "columns" in asked:
        return pa.table({name: _typed(blobs.array(cells)) for name, cells in asked["columns"]})
    with pa.ipc.open_stream(pa.py_buffer(blobs.bytes(asked["part"]))) as reader:
        return reader.read_all()


def _typed(cells: Array) -> pa.Array:
    """Texts are texts even where there is none among them yet."""
    return pa.array(cells, pa.string() if cells.dtype == object else None)


def repeats(name: str) -> bool:
    """Whether a column of the result may hold the same again and again; ours of numbers do not."""
    unique = {"row", "prediction_id", "confidence"}
    return name not in unique and not name.startswith("probability_")


def _converse(job: Job, answer: Callable[[Head, Unpacker, Packer], Head]) -> None:
    while True:
        asked, blobs = receive(job.stream, limit=MAX_REQUEST)
        packer = Packer()
        try:
            said = answer(asked, Unpacker(blobs), packer)
        except Exception as error:  # noqa: BLE001 - a library's errors are of any kind
            said, packer = {"failed": failure(error, "table")}, Packer()
        send(job.stream, said, packer.blobs)
