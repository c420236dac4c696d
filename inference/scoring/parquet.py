"""A Parquet body as a table, taken apart in the jail: no web process has a library for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from common.errors import Invalid, TooLarge, Unavailable
from common.jail import Jail, JailBudget, JailDied, JailRefused, JailUnavailable
from inference.bulk.columns import values_of
from inference.decode import MAX_ROWS
from inference.scoring.request import Asked
from inference.tabular import Table

PATIENCE: Final = 3.0
"""Seconds to wait for a jail that is starting."""
MOST_CELLS: Final = 5_000_000
TAKEN: Final = ("int", "uint", "float", "double", "halffloat", "bool", "string", "large_string",
                "decimal", "null", "dictionary<values=string")  # fmt: skip
"""What a model can take, as Arrow names it; other columns are passed over, as unknown ones are."""


def parse_parquet(body: bytes) -> Asked:
    """A whole file. Raises Invalid, TooLarge, and Unavailable where the jail is away."""
    try:
        with _as_file(body) as fd, Jail(settings.JAIL_SOCKET, patience=PATIENCE).table(fd) as table:
            names = [name for name, kind in table.columns if kind.startswith(TAKEN)]
            if table.rows > MAX_ROWS or table.rows * len(names) > MOST_CELLS:
                raise TooLarge(
                    f"{table.rows:,} rows in one call; {MAX_ROWS:,} is the most. Send a file to "
                    "POST /api/v1/models/{ref}/predict/batch.",
                    code="too_many_rows",
                )
            table.choose(names, {})
            table.ask(0, table.rows)
            columns = [values_of(column) for column in table.read(table.rows)]
    except JailRefused as error:
        raise Invalid(error.reason, code=error.code) from error
    except (JailBudget, JailDied) as error:
        raise Invalid(f"The file can't be read: {error}", code="bad_table") from error
    except JailUnavailable as error:
        raise Unavailable("Parquet can't be read just now.", retry_after=2) from error
    return Asked(Table(names, list(zip(*columns, strict=True))))


@contextmanager
def _as_file(body: bytes) -> Iterator[int]:
    fd = os.memfd_create("rows", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(body)
        yield fd
    finally:
        os.close(fd)
