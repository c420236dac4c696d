"""Rows of the families in the form the product carries them."""

from __future__ import annotations

from typing import Any

import numpy as np

from jail.batch import Batch
from jail.tests.families import Family

DTYPES: dict[str, Any] = {"float": float, "int": np.int64, "bool": bool, "str": object}


def batch_of(family: Family, signature: dict[str, Any]) -> Batch:
    """The rows a family was fitted on."""
    if family.layout == "text":
        return Batch("text", texts=family.rows)
    if family.layout == "matrix":
        return Batch("matrix", matrix=np.asarray(family.rows, dtype=float))
    columns = {}
    for put in signature["inputs"]:
        dtype = DTYPES[put["features"][0]["dtype"]]
        columns[put["name"]] = family.rows[put["name"]].to_numpy().astype(dtype)
    return Batch("columns", columns=columns)
