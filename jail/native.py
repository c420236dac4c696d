"""Answers of the original model, in the runtime it was made with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jail import anatomy
from jail.batch import Array, Batch, Outputs

Signature = dict[str, Any]


def predict_native(model: Any, signature: Signature, batch: Batch) -> Outputs:
    """What the fitted `model` answers for the rows, on one thread.

    Raises whatever scikit-learn raises for rows it can't take (mostly ValueError).
    """
    import joblib

    rows = rows_for(model, signature, batch)
    with quiet(), joblib.parallel_config("sequential"):
        return _answers(model, signature, rows, batch.rows)


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings: of names missing from a matrix or values never seen the signature tells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def rows_for(model: Any, signature: Signature, batch: Batch) -> Any:
    """The batch in the form scikit-learn takes: an ndarray, a list of texts or a DataFrame."""
    if batch.matrix is not None:
        return batch.matrix
    if batch.texts is not None:
        return batch.texts
    columns = batch.columns or {}
    features = [feature for put in signature["inputs"] for feature in put["features"]]
    ready = {f["name"]: _cells(columns[f["name"]], f) for f in features}
    if anatomy.feature_names(model) is None:
        return _table_without_names(model, ready, batch.rows)
    import pandas as pd

    # Categories were often whole columns of objects; `str` would turn None into NaN.
    return pd.DataFrame({name: pd.Series(v, dtype=v.dtype) for name, v in ready.items()})


def _cells(values: Array, feature: dict[str, Any]) -> Array:
    if values.dtype != object:
        return values
    missing = None if feature.get("null_is_none") else np.nan
    return np.array([missing if v is None else v for v in values], dtype=object)


def _table_without_names(model: Any, ready: dict[str, Array], rows: int) -> Array:
    """An ndarray as wide as the fitted one; dropped columns hold nothing anybody reads."""
    width = anatomy.feature_count(model) or len(ready)
    numeric = all(values.dtype != object for values in ready.values())
    table: Array = np.zeros((rows, width), dtype=np.float64 if numeric else object)
    for name, values in ready.items():
        table[:, int(name[1:])] = values
    return table


def _answers(model: Any, signature: Signature, rows: Any, count: int) -> Outputs:
    if signature["task"] == "transform":
        answer = model.transform(rows)
        answer = answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)
        return Outputs(answer.astype(np.float64).reshape(count, -1))
    outputs = {output["name"]: output for output in signature["outputs"]}
    predicted = plain_array(model.predict(rows), outputs["predict"], count)
    if "predict_proba" not in outputs:
        return Outputs(predicted)
    return Outputs(predicted, np.asarray(model.predict_proba(rows), dtype=np.float64))


KINDS: dict[str, Any] = {
    "FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": object,
}  # fmt: skip


def plain_array(values: Any, output: dict[str, Any], count: int) -> Array:
    """Predictions in the dtype and shape that the signature's output names."""
    array = np.asarray(values)
    wide = len(output["shape"]) == 2
    array = array.reshape(count, -1) if wide else array.reshape(count)
    if output["datatype"] == "BYTES":
        return np.array([str(v) for v in array.ravel().tolist()], dtype=object).reshape(array.shape)
    return array.astype(KINDS[output["datatype"]])
