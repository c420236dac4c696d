"""Every family goes from a file to served answers that equal scikit-learn's own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from common.jail import Inspection, Jail
from common.runtime import Batch, Outputs
from jail.tests.roster import FAMILIES, fitted


def as_batch(signature: dict[str, Any], rows: Any) -> Batch:
    """The rows a family was fitted with, in the layout of its signature."""
    if signature["layout"] == "text":
        return Batch("text", texts=list(rows))
    if signature["layout"] == "matrix":
        return Batch("matrix", matrix=np.asarray(rows, dtype=np.float64))
    return Batch("columns", columns={name: rows[name].to_numpy() for name in rows.columns})


def expected(model: Any, rows: Any) -> Outputs:
    """What scikit-learn itself answers."""
    proba = model.predict_proba(rows) if hasattr(model, "predict_proba") else None
    return Outputs(np.asarray(model.predict(rows)), proba)


def inspect(jail: Jail, path: Path) -> tuple[Inspection, list[tuple[str, str]]]:
    """Inspect a file, following the steps."""
    steps: list[tuple[str, str]] = []
    with path.open("rb") as file:
        found = jail.inspect(
            file.fileno(),
            filename=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            on_step=lambda step, state, _detail: steps.append((step, state)),
        )
    return found, steps


def assert_equal(got: Outputs, want: Outputs, *, tolerance: float) -> None:
    """Same labels or values, same probabilities; a compiled label may differ on a near tie."""
    if want.predict.dtype.kind == "f":
        np.testing.assert_allclose(
            got.predict.reshape(want.predict.shape), want.predict, rtol=tolerance, atol=tolerance
        )
    else:
        same = got.predict.astype(str) == want.predict.astype(str)
        assert np.all(same | near_tie(want, len(same)))
    if want.predict_proba is not None and got.predict_proba is not None:
        np.testing.assert_allclose(got.predict_proba, want.predict_proba, atol=tolerance)


def near_tie(outputs: Outputs, rows: int) -> Any:
    """Rows on which the two most likely classes are as likely."""
    if outputs.predict_proba is None:
        return np.zeros(rows, dtype=bool)
    top = np.sort(outputs.predict_proba, axis=1)
    return top[:, -1] - top[:, -2] <= 1e-6


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_answers_equal_scikit_learns(jail: Jail, tmp_path: Path, name: str) -> None:
    model, rows = fitted(name)
    path = tmp_path / f"{name}.joblib"
    joblib.dump(model, path)
    want = expected(model, rows)

    found, steps = inspect(jail, path)
    assert [step for step, state in steps if state == "done"][:4] == [
        "typed",
        "triaged",
        "loaded",
        "signature",
    ]
    assert found.probes is not None
    assert found.probes.rows >= 4096
    batch = as_batch(found.signature, rows)

    with path.open("rb") as file:
        native = jail.serve(
            file.fileno(),
            runtime="native",
            format=found.format,
            signature=found.signature,
            plan=None,
        )
    assert_equal(native.predict(batch), want, tolerance=1e-9)
    one = native.predict(batch.take(slice(3, 4)))
    assert one.predict.shape[0] == 1
    native.close()

    if found.onnx is None:
        assert found.not_compiled
        return
    check_compiled(jail, tmp_path, found, batch, want)


def check_compiled(
    jail: Jail, tmp_path: Path, found: Inspection, batch: Batch, want: Outputs
) -> None:
    """The compiled form agrees, in a jail and in this process, or parity says that it does not."""
    from common.runtime import OnnxModel

    assert found.onnx is not None
    assert found.plan is not None
    path = tmp_path / "compiled.onnx"
    path.write_bytes(found.onnx)
    with path.open("rb") as file:
        report = jail.check(
            file.fileno(),
            signature=found.signature,
            plan=found.plan,
            probes=found.probes or batch,
            reference=found.reference,
        )
        assert report.parity is not None
        if not report.parity["passed"]:
            assert report.parity["reason"]
            return
        assert report.linear == ("linear" in found.plan)
        served = jail.serve(
            file.fileno(),
            runtime="onnx",
            format="onnx",
            signature=found.signature,
            plan=found.plan,
        )
    assert_equal(served.predict(batch), want, tolerance=1e-4)
    served.close()
    if report.in_process:
        here = OnnxModel(found.onnx, found.signature, found.plan)
        assert_equal(here.predict(batch), want, tolerance=1e-4)
