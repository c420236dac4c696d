"""The uploader's example, whatever form it was written in, as a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from jail.batch import Array, Batch
from jail.job import explain
from jail.refusal import Refused
from jail.wire import Head


def example_batch(signature: Head, example: Any) -> Batch | None:
    """The uploader's example as a batch: a row or a list of rows, each a list, an object or a text.

    None without an example. Raises Refused where it does not fit the signature.
    """
    if example is None:
        return None
    if isinstance(example, dict) and isinstance(example.get("instances"), list):
        example = example["instances"]
    rows = example if isinstance(example, list) else [example]
    if rows and not isinstance(rows[0], (list, dict)) and signature["layout"] != "text":
        rows = [rows]
    try:
        return _batch(signature, rows) if rows else None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"The example does not fit the model's signature: {explain(error)}"
        raise Refused(reason, "example_mismatch") from None


def _batch(signature: Head, rows: list[Any]) -> Batch:
    inputs = signature["inputs"]
    if signature["layout"] == "text":
        texts = [row if isinstance(row, str) else str(_cells(row, ["text"])[0]) for row in rows]
        return Batch("text", texts=texts)
    if signature["layout"] == "matrix":
        names = [feature["name"] for feature in inputs[0]["features"]]
        cells = [_cells(row, names) for row in rows]
        return Batch("matrix", matrix=np.array(cells, dtype=np.float64))
    names = [column["name"] for column in inputs]
    cells = [_cells(row, names) for row in rows]
    columns: dict[str, Array] = {}
    for place, column in enumerate(inputs):
        values = [row[place] for row in cells]
        dtype = {"float": np.float64, "int": np.int64, "bool": np.bool_}.get(
            column["features"][0]["dtype"], np.object_
        )
        columns[column["name"]] = np.array(values, dtype=dtype)
    return Batch("columns", columns=columns)


def _cells(row: Any, names: list[str]) -> list[Any]:
    if isinstance(row, dict):
        return [row[name] for name in names]
    if len(row) != len(names):
        raise ValueError(f"a row has {len(row)} values, the model takes {len(names)}")
    return list(row)
