"""What the jail found out about a file, taken down as its child tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from common.jail_child import Child, JailBudget, JailDied, JailRefused, raise_failure
from jail.batch import Batch, Outputs
from jail.claims import check_plan, check_signature
from jail.codec import Unpacker
from jail.wire import Head, WireError

MAX_INSPECTED = 1 << 30
"""Bytes of one frame of an inspection; the compiled graph is the largest."""
OnStep = Callable[[str, str, str], None]


@dataclass(slots=True)
class Inspection:
    """What the jail found out about a file. `native_us` is microseconds for one row.

    For an uploaded graph `onnx` is None (the file is the graph), `graph` says whether it may run
    in process and why not, and `native_us` is the graph's own latency.
    """

    format: str
    triage: dict[str, Any] = field(default_factory=dict)
    signature: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    runtime_hint: Literal["native", "onnx"] = "native"
    plan: dict[str, Any] | None = None
    onnx: bytes | None = None
    not_compiled: str | None = None
    probes: Batch | None = None
    reference: Outputs | None = None
    native_us: float | None = None
    graph: dict[str, Any] | None = None
    model_info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """What a fresh jail found out about a compiled graph. `parity` is None without a reference.

    `linear` says whether the plan's linear form, if it has one, answers as the original does.
    """

    parity: dict[str, Any] | None
    linear: bool
    onnx_us: float
    in_process: bool
    reasons: list[str]
    peak_bytes: int


def onnx_report(head: Head) -> OnnxReport:
    parity = head["parity"]
    if parity is not None and not isinstance(parity, dict):
        raise TypeError("parity")
    return OnnxReport(
        parity=parity,
        linear=head["linear"] is True,
        onnx_us=float(head["onnx_us"]),
        in_process=head["in_process"] is True,
        reasons=[str(reason) for reason in head["reasons"]],
        peak_bytes=int(head["peak_bytes"]),
    )


class Follower:
    """Takes down an inspection frame by frame."""

    STEPS = ("typed", "triaged", "loaded", "signature", "compiled")

    def __init__(self, found: Inspection, on_step: OnStep) -> None:
        self.found = found
        self.on_step = on_step
        self.step = "typed"
        self.elsewhere = False

    def run(self, child: Child, request: Head) -> None:
        """Send the request and follow the child to its end, or to its death."""
        child.allow(child.budget("load"))
        child.ask(request, (), step=self.step)
        try:
            while self._take(child):
                pass
        except (JailBudget, JailRefused, JailDied) as error:
            if self.step != "compiled" or self.found.reference is None:
                error.step = error.step or self.step
                self.on_step(self.step, "failed", str(error))
                raise
            self._not_compiled(str(error))

    def _take(self, child: Child) -> bool:
        head, blobs = child.hear(limit=MAX_INSPECTED, step=self.step)
        step, state = head.get("step"), head.get("state")
        if step == "end":
            return False
        if step not in self.STEPS or self.STEPS.index(step) < self.STEPS.index(self.step):
            raise JailRefused("The model's process sent nonsense.", "bad_frame", self.step)
        if state == "running" and step in {"signature", "compiled"}:
            child.allow(child.budget(step))
        self.step = step
        raise_failure(head.get("failed"), step)
        try:
            self._keep(step, state, head, Unpacker(blobs))
        except (WireError, KeyError, TypeError, ValueError) as error:
            reason = f"The model's process sent nonsense: {error}"
            raise JailRefused(reason, "bad_frame", step) from None
        return not self.elsewhere or step != "typed"

    def _keep(self, step: str, state: object, head: Head, blobs: Unpacker) -> None:
        detail = str(head.get("detail", ""))[:1000]
        if state == "skipped":
            self._not_compiled(detail)
            return
        if state not in {"running", "done"}:
            raise ValueError("a step is in no known state")
        if state == "done":
            getattr(self, f"_keep_{step}")(head, blobs)
        self.on_step(step, str(state), detail)

    def _not_compiled(self, why: str) -> None:
        self.found.not_compiled = why
        self.found.onnx = None
        self.on_step("compiled", "skipped", why)

    def _keep_typed(self, head: Head, _blobs: Unpacker) -> None:
        self.found.format = str(head["format"])
        self.elsewhere = head["elsewhere"] is True

    def _keep_triaged(self, head: Head, _blobs: Unpacker) -> None:
        self.found.triage = dict(head["triage"])

    def _keep_loaded(self, head: Head, _blobs: Unpacker) -> None:
        self.found.model_info = dict(head["model_info"])
        self.found.versions = {str(k): str(v) for k, v in head["versions"].items()}

    def _keep_signature(self, head: Head, blobs: Unpacker) -> None:
        found = self.found
        found.signature = check_signature(head["signature"])
        found.probes = blobs.batch(head["probes"])
        found.reference = blobs.outputs(head["reference"])
        found.native_us = float(head["native_us"])
        if "graph" in head:
            found.plan = check_plan(head["plan"])
            reasons = [str(reason) for reason in head["graph"]["reasons"]]
            found.graph = {"in_process": head["graph"]["in_process"] is True, "reasons": reasons}
            found.runtime_hint = "onnx"

    def _keep_compiled(self, head: Head, blobs: Unpacker) -> None:
        self.found.plan = check_plan(head["plan"])
        self.found.onnx = bytes(blobs.bytes(head["onnx"]))
        self.found.runtime_hint = "onnx"
