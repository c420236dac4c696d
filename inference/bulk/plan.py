"""Looking through a file: what its columns are, how many rows there are, and where they lie."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.conf import settings

from common.errors import Invalid
from common.storable import storable
from inference.bulk.layout import carried
from inference.bulk.parquet import open_table
from inference.bulk.scoring import row_us
from inference.bulk.text import Span, csv_header, skip_mark, spans
from inference.decode import Feature
from inference.models import BatchJob, FileFormat
from inference.tabular import repeated
from registry.models import ModelVersion

MOST_STEP_ROWS: Final = 50_000
LEAST_STEP_ROWS: Final = 500
STEP_SECONDS: Final = 10.0
"""Of a model that takes its time; a step is what a killed worker has to do again."""
MOST_STEPS: Final = 20_000
MOST_NAMED: Final = 20
STEP_CELLS: Final = 6_000_000
TEXT_WEIGHT: Final = 6
"""Numbers that a cell of text takes as much room as."""
NUMBER: Final = re.compile(r"u?int|float|double|half|bool|date|time|duration|decimal")


@dataclass(frozen=True, slots=True)
class Plan:
    """`header` is empty where rows name their cells themselves."""

    header: list[str]
    spans: list[Span]

    @property
    def rows(self) -> int:
        return sum(span.rows for span in self.spans)


def plan_file(job: BatchJob, file: BinaryIO, features: Sequence[Feature]) -> Plan:
    """How to go about a job. Raises Invalid, and for Parquet what the jail raises."""
    step = step_rows(job.version)
    if job.format == FileFormat.PARQUET:
        with open_table(file) as table:
            header, rows = [name for name, _ in table.columns], table.rows
            step = _table_rows(step, table.columns, job.version)
        _check_columns(header, features)
        found: Iterator[Span] = (Span(at, min(step, rows - at)) for at in range(0, rows, step))
        if rows > settings.BATCH_MAX_ROWS:
            raise _too_many()
    elif job.format == FileFormat.CSV:
        header = csv_header(file)
        _check_columns(header, features)
        found = spans(file, quotes=True, most_rows=step)
    else:
        header = []
        skip_mark(file)
        found = spans(file, quotes=False, most_rows=step)
    planned: list[Span] = []
    for span in found:
        planned.append(span)
        if span.start + span.rows > settings.BATCH_MAX_ROWS:
            raise _too_many()
        if len(planned) > MOST_STEPS:
            raise Invalid(
                f"The file is too large for so slow a model: at most {MOST_STEPS * step:,} rows of "
                "it can be answered by one job. Send it in parts.",
                code="too_many_rows",
            )
    if not planned:
        raise Invalid("There are no rows in the file.", code="empty")
    return Plan(header, planned)


def step_rows(version: ModelVersion) -> int:
    """Rows of a step: what takes the model about STEP_SECONDS, one after the other."""
    microseconds = row_us(version)
    wanted = int(STEP_SECONDS * 1e6 / microseconds) if microseconds else MOST_STEP_ROWS
    return max(LEAST_STEP_ROWS, min(wanted, MOST_STEP_ROWS))


def _table_rows(step: int, columns: Sequence[tuple[str, str]], version: ModelVersion) -> int:
    """Rows of a Parquet step: as many whose cells, in and out, a jailed child can hold at once."""
    outputs: int = sum(math.prod(one["shape"][1:]) for one in (version.signature or {})["outputs"])
    weight = outputs + sum(1 if NUMBER.match(kind) else TEXT_WEIGHT for _, kind in columns)
    return max(1, min(step, STEP_CELLS // weight))


def _check_columns(header: Sequence[str], features: Sequence[Feature]) -> None:
    twice = repeated(header)
    if twice:
        raise Invalid(f"A column stands twice: {', '.join(twice[:MOST_NAMED])}.", code="bad_table")
    odd = [name for name in header if storable(name) != name]
    if odd:
        raise Invalid(f"A column can't be called {odd[0]!r}.", code="bad_table")
    clash = repeated([carried(name) for name in header])
    if clash:
        raise Invalid(
            f"Two columns would both be called {clash[0]} in the result. Rename one.",
            code="bad_table",
        )
    known = set(header)
    missing = [feature.name for feature in features if feature.name not in known]
    if missing:
        more = ", …" if len(missing) > MOST_NAMED else ""
        raise Invalid(
            "The model takes columns that the file has not: "
            f"{', '.join(missing[:MOST_NAMED])}{more}.",
            code="missing_columns",
        )


def _too_many() -> Invalid:
    return Invalid(
        f"The file has more rows than one job may have ({settings.BATCH_MAX_ROWS:,}).",
        code="too_many_rows",
    )
