"""Parquet, by way of the jail: rows, and parts of the result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from django.conf import settings

from common.jail import Jail
from common.jail_tables import JailedTable
from inference.bulk.columns import from_arrow
from inference.bulk.layout import RECORD, Records, answer_columns, carried, kept_columns, piece_rows
from inference.bulk.scoring import Answers, Piece
from inference.decode import Feature
from inference.models import BatchJob, BatchStep
from inference.serving import Served

PIECE_ROWS: Final = 16_000


def open_table(file: BinaryIO) -> JailedTable:
    """The file in a child of the jail. Raises what the jail raises."""
    return Jail(settings.JAIL_SOCKET).table(file.fileno())


class ParquetSource:
    """A Parquet file. A child reads the next piece while this one is answered."""

    def __init__(
        self, job: BatchJob, file: BinaryIO, served: Served, features: Sequence[Feature]
    ) -> None:
        self.job = job
        self.served = served
        self.features = features
        self._path: Path | None = None
        names = [feature.name for feature in features]
        with file:
            self._table = open_table(file)
        kept = kept_columns(job.header, names, job.keep)
        self._table.choose(names, {name: carried(name) for name in kept})
        self._most = piece_rows(served, len(names) + len(kept), PIECE_ROWS)

    def close(self) -> None:
        """End the child."""
        self._table.close()

    def pieces(self, step: BatchStep) -> Iterator[Piece]:
        """A step's rows."""
        end = step.start + step.rows
        starts = list(range(step.start, end, self._most))
        ahead = iter(starts[1:])
        self._ask(starts[0], end)
        for start in starts:
            rows = min(self._most, end - start)
            cells = self._table.read(rows)
            following = next(ahead, None)
            if following is not None:
                self._ask(following, end)
            piece = Piece(start, [], np.full(rows, None, dtype=object))
            for feature, column in zip(self.features, cells, strict=True):
                values, faults = from_arrow(feature, column)
                piece.columns.append(values)
                piece.note(feature, faults)
            yield piece

    def begin_part(self, path: Path) -> None:
        """Where the part goes."""
        self._path = path

    def add(self, piece: Piece, answers: Answers, records: Records) -> None:
        """Hand the child rows' answers."""
        columns = answer_columns(self.served, answers, probabilities=self.job.probabilities)
        self._table.write(
            piece.start,
            failed=answers.failed,
            answers=columns,
            errors=piece.errors,
            ids=records.texts,
            each=RECORD,
        )

    def end_part(self) -> None:
        """The part is whole, and on disk for good."""
        if self._path is None:
            raise RuntimeError("no part was begun")
        part = self._table.end_part()
        with self._path.open("wb") as file:
            file.write(part)
            file.flush()
            os.fsync(file.fileno())

    def _ask(self, start: int, end: int) -> None:
        self._table.ask(start, min(self._most, end - start))
