"""Parquet by way of the jail: rows out of a stranger's file, a result of ours in.

Not thread-safe: one worker reads one file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, cast

from common.jail_child import Child, JailRefused, raise_failure
from jail.batch import Array
from jail.codec import Packer, Unpacker
from jail.wire import Blob, Head, WireError

MAX_ANSWER: Final = 512 << 20
SECONDS: Final = 60.0
"""For one request: a piece of some ten thousand rows."""
STEP: Final = "table"
Kind = Literal["number", "whole", "truth", "text", "nothing"]
KINDS: Final = frozenset({"number", "whole", "truth", "text", "nothing"})


@dataclass(frozen=True, slots=True)
class Column:
    """Cells of one feature: float64 (nulls are NaN), int64, bool, or object (str or None)."""

    kind: Kind
    cells: Array


class _Asking:
    """A child of the jail that answers one request after another."""

    def __init__(self, child: Child) -> None:
        self._child = child
        child.allow(SECONDS)
        child.ask({}, (), step=STEP)
        self._head, _ = self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def _send(self, head: Head, blobs: Sequence[Blob] = ()) -> None:
        self._child.allow(SECONDS)
        self._child.ask(head, blobs, step=STEP)

    def _hear(self) -> tuple[Head, Unpacker]:
        head, blobs = self._child.hear(limit=MAX_ANSWER, step=STEP)
        raise_failure(head.get("failed"), STEP)
        return head, Unpacker(blobs)


class JailedTable(_Asking):
    """A Parquet file in a child. `rows` and `columns` are what the file says of itself.

    Its methods raise JailRefused where the file is at fault, and JailBudget, JailDied and
    JailUnavailable as every child does.
    """

    def __init__(self, child: Child) -> None:
        super().__init__(child)
        try:
            self.rows = int(self._head["rows"])
            self.columns = [(str(name), str(kind)) for name, kind in self._head["columns"]]
        except (KeyError, TypeError, ValueError):
            raise _nonsense() from None
        self._ahead: tuple[Head, Unpacker] | None = None
        self._asked = False
        self._unheard = 0

    def choose(self, features: Sequence[str], kept: Mapping[str, str]) -> None:
        """Which columns are read for the model; which are carried into the result, and as what."""
        self._send({"op": "choose", "features": list(features), "kept": dict(kept)})
        self._hear()

    def ask(self, start: int, rows: int) -> None:
        """Have the child read these rows while others are answered; `read` gives them."""
        self._asked = True
        self._send({"op": "read", "start": start, "rows": rows})

    def read(self, rows: int) -> list[Column]:
        """The rows that were asked for, a column for each feature."""
        head, blobs = self._ahead or self._answer()
        self._ahead, self._asked = None, False
        try:
            found = [_column(pair, blobs, rows) for pair in head["columns"]]
        except (WireError, KeyError, TypeError, ValueError):
            raise _nonsense() from None
        return found

    def write(
        self,
        start: int,
        *,
        failed: Array,
        answers: dict[str, Array],
        errors: Array,
        ids: Sequence[str],
        each: int,
    ) -> None:
        """Add rows that were read at `start` to the part.

        failed   bool, a row each: whether it has no answer
        answers  columns of the result, a cell for each row
        errors   object, a row each: str or None
        ids      of the records that answered rows are noted in, `each` of them to one
        """
        packer = Packer()
        head = {
            "op": "write", "start": start, "ids": list(ids), "each": each,
            "failed": packer.array(failed), "errors": packer.array(errors),
            "answers": [[name, packer.array(cells)] for name, cells in answers.items()],
        }  # fmt: skip
        if self._asked and self._ahead is None:
            # The child is waiting to hand its rows over, and would not listen before it has.
            self._ahead = self._answer()
        self._send(head, packer.blobs)
        self._unheard += 1  # it works on that while the next rows are answered

    def end_part(self) -> bytearray:
        """All that was written since the last part, for `PartJoiner`."""
        self._send({"op": "end_part"})
        head, blobs = self._answer()
        return _blob(head.get("part"), blobs)

    def _answer(self) -> tuple[Head, Unpacker]:
        """The answer to the last request but those that nobody waited for."""
        while self._unheard:
            self._hear()
            self._unheard -= 1
        return self._hear()


class PartJoiner(_Asking):
    """Makes one Parquet file of parts; what it gives back are the file's next bytes."""

    def add(self, part: Blob) -> bytearray:
        """The next part."""
        packer = Packer()
        self._send({"part": packer.bytes(part)}, packer.blobs)
        return self._data()

    def add_columns(self, columns: Mapping[str, Array]) -> bytearray:
        """The next rows, as arrays; the first ones' dtypes are the file's."""
        packer = Packer()
        head = {"columns": [[name, packer.array(cells)] for name, cells in columns.items()]}
        self._send(head, packer.blobs)
        return self._data()

    def end(self) -> bytearray:
        """There are no more."""
        self._send({})
        return self._data()

    def _data(self) -> bytearray:
        head, blobs = self._hear()
        return _blob(head.get("data"), blobs)


def _column(pair: Any, blobs: Unpacker, rows: int) -> Column:
    kind, described = pair
    cells = blobs.array(described)
    if kind not in KINDS or cells.shape != (rows,):
        raise ValueError("a column is not as it was asked for")
    return Column(cast("Kind", kind), cells)


def _blob(place: object, blobs: Unpacker) -> bytearray:
    try:
        return blobs.bytes(place)
    except WireError:
        raise _nonsense() from None


def _nonsense() -> JailRefused:
    return JailRefused("The file's process sent nonsense.", "bad_frame", STEP)
