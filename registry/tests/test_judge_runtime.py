"""It decides what serves a version, from what the jail measured."""

from __future__ import annotations

from typing import Any

import pytest

from common.jail import Inspection, OnnxReport
from registry.models import Runtime
from registry.verdict import compiled_verdict, uploaded_graph_verdict

PASSED = {"passed": True, "rows": 4096, "labels_equal": True, "ties": 0, "max_abs_diff": 0.0}


def report(**fields: Any) -> OnnxReport:
    found: dict[str, Any] = {
        "parity": PASSED,
        "linear": False,
        "onnx_us": 10.0,
        "in_process": True,
        "reasons": [],
        "peak_bytes": 0,
    }
    return OnnxReport(**(found | fields))


@pytest.mark.parametrize(
    ("found", "runtime", "in_process", "said"),
    [
        (report(), Runtime.ONNX, True, "equal to the original"),
        (report(onnx_us=200.0), Runtime.NATIVE, False, "slower"),
        (
            report(parity=PASSED | {"passed": False, "reason": "3 labels differ"}),
            Runtime.NATIVE,
            False,
            "3 labels differ",
        ),
        (report(in_process=False, reasons=["Scan"]), Runtime.ONNX, False, "jail: Scan"),
        (report(parity=None), Runtime.NATIVE, False, "differs"),
    ],
)
def test_the_compiled_form_serves_only_when_it_agrees_and_is_faster(
    found: OnnxReport, runtime: Runtime, in_process: bool, said: str
) -> None:
    verdict = compiled_verdict(Inspection(format="pickle", native_us=100.0), found, "digest")
    assert (verdict.runtime, verdict.in_process) == (runtime, in_process)
    assert said in verdict.reason
    assert bool(verdict.graph_sha256) == (runtime == Runtime.ONNX)
    assert verdict.latency == {"native_us": 100.0, "onnx_us": found.onnx_us}


@pytest.mark.parametrize("in_process", [True, False])
def test_an_uploaded_graph_serves_itself(in_process: bool) -> None:
    graph = {"in_process": in_process, "reasons": [] if in_process else ["Loop"]}
    verdict = uploaded_graph_verdict(Inspection(format="onnx", graph=graph), "")
    assert (verdict.runtime, verdict.in_process) == (Runtime.ONNX, in_process)
    assert verdict.graph_sha256 == ""
