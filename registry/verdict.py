"""What will answer calls to a version, and why: decided once, from what the jail measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.jail import Inspection, OnnxReport
from registry.models import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`latency` in microseconds for one row, by runtime, as measured at upload."""

    runtime: Runtime
    in_process: bool
    reason: str
    graph_sha256: str
    parity: dict[str, Any] | None
    latency: dict[str, float]


def native_verdict(
    found: Inspection, reason: str, *, parity: dict[str, Any] | None = None, onnx_us: float = 0
) -> Verdict:
    """The original serves, from the jail."""
    return Verdict(
        runtime=Runtime.NATIVE,
        in_process=False,
        reason=reason,
        graph_sha256="",
        parity=parity,
        latency=_latency(native=found.native_us, onnx=onnx_us),
    )


def compiled_verdict(found: Inspection, report: OnnxReport, graph_sha256: str) -> Verdict:
    """The compiled graph serves where it agrees with the original and is not the slower one."""
    parity = report.parity or {}
    native_us = found.native_us or 0
    if not parity.get("passed"):
        why = parity.get("reason") or "it differs from the original"
        return native_verdict(
            found, f"Not served compiled: {why}", parity=parity, onnx_us=report.onnx_us
        )
    if native_us and report.onnx_us > native_us:
        slower = f"The compiled form is slower ({report.onnx_us:,.0f} µs against {native_us:,.0f})."
        return native_verdict(found, slower, parity=parity, onnx_us=report.onnx_us)
    return Verdict(
        runtime=Runtime.ONNX,
        in_process=report.in_process,
        reason="Compiled, and equal to the original."
        if report.in_process
        else "Compiled, and served from the jail: " + "; ".join(report.reasons),
        graph_sha256=graph_sha256,
        parity=parity,
        latency=_latency(native=native_us, onnx=report.onnx_us),
    )


def uploaded_graph_verdict(found: Inspection, graph_sha256: str) -> Verdict:
    """An uploaded ONNX file serves itself: in process only where every operator is known good."""
    graph = found.graph or {}
    reasons = "; ".join(graph.get("reasons", []))
    return Verdict(
        runtime=Runtime.ONNX,
        in_process=bool(graph.get("in_process")),
        reason=f"Served from the jail: {reasons}" if reasons else "Served as it is.",
        graph_sha256=graph_sha256,
        parity=None,
        latency=_latency(native=None, onnx=found.native_us or 0),
    )


def _latency(*, native: float | None, onnx: float) -> dict[str, float]:
    figures = {"native_us": native, "onnx_us": onnx}
    return {name: round(value, 1) for name, value in figures.items() if value}
