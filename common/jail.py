"""The client of the jail: the one way from the rest of the product to an untrusted model.

Every call opens a connection of its own, so one Jail may be used from any number of threads. What
a child says is data from a stranger: sizes are capped, every array and every signature is checked,
nothing is ever unpickled. The errors are those of `common.jail_child`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from common.jail_child import (
    MAX_MESSAGE,
    Child,
    JailBudget,
    JailDied,
    JailError,
    JailRefused,
    JailUnavailable,
    next_message,
    raise_failure,
)
from jail.batch import Batch, Outputs
from jail.claims import check_plan, check_signature
from jail.codec import Packer, Unpacker
from jail.wire import Head, WireError, socket_address

__all__ = [
    "Inspection",
    "Jail",
    "JailBudget",
    "JailDied",
    "JailError",
    "JailRefused",
    "JailUnavailable",
    "JailedModel",
    "OnnxReport",
]

MAX_INSPECTED = 1 << 30
"""Bytes of one frame of an inspection; the compiled graph is the largest."""
MAX_ANSWER = 512 << 20
PATIENCE = 10.0
"""Seconds to go on asking a jail that is starting, starting again, or full."""
PAUSE = 0.05
REPLY = 10.0
"""Seconds for the daemon to have a child forked."""

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


def _ignore(_step: str, _state: str, _detail: str) -> None:
    """For callers that do not follow the steps."""


class Jail:
    """The jail behind a socket; `patience` is how many seconds to wait for one not ready."""

    def __init__(self, socket_path: str, *, patience: float = PATIENCE) -> None:
        self.socket_path = str(socket_path)
        self.patience = patience

    def status(self) -> dict[str, Any]:
        """`{"ok", "selftest", "zygotes", "children", …}`. Raises JailUnavailable at once."""
        with self._connect(time.monotonic()) as control:
            control.send(json.dumps({"op": "status"}).encode())
            message = next_message(control, REPLY)
        if message is None:
            raise JailUnavailable("The jail does not answer.")
        return message

    def inspect(
        self,
        fd: int,
        *,
        filename: str,
        sha256: str,
        example: object | None = None,
        on_step: OnStep = _ignore,
    ) -> Inspection:
        """Find out all about an upload; `on_step(step, state, detail)` follows along.

        `fd` is any descriptor of the file and keeps its own offset. Raises JailRefused,
        JailBudget, JailDied, JailUnavailable. A child that dies or runs out while compiling does
        not fail the inspection: `not_compiled` then says why.
        """
        request = {"filename": filename, "sha256": sha256, "example": example}
        found = Inspection(format="")
        follow = _Follower(found, on_step)
        with self._child("inspect", "sklearn", fd, "typed") as child:
            follow.run(child, request)
        if follow.elsewhere:
            with self._child("probe", "onnx", fd, "triaged") as child:
                follow.run(child, request)
        return found

    def check(
        self,
        onnx_fd: int,
        *,
        signature: dict[str, Any],
        plan: dict[str, Any],
        probes: Batch,
        reference: Outputs | None,
    ) -> OnnxReport:
        """Run a graph on `probes` in a fresh jail and compare. Raises as `inspect` does."""
        packer = Packer()
        request = {
            "signature": signature,
            "plan": plan,
            "probes": packer.batch(probes),
            "reference": None if reference is None else packer.outputs(reference),
        }
        with self._child("check", "onnx", onnx_fd, "check") as child:
            child.allow(child.budget("load") + child.budget("check"))
            child.ask(request, packer.blobs, step="check")
            head, _ = child.hear(limit=0, step="check")
        raise_failure(head.get("failed"), "check")
        try:
            return _report(head)
        except (KeyError, TypeError, ValueError):
            raise JailRefused("The graph's process sent nonsense.", "bad_frame", "check") from None

    def serve(
        self,
        fd: int,
        *,
        runtime: str,  # "native" or "onnx"
        format: str,  # noqa: A002 - the field's own word
        signature: dict[str, Any],
        plan: dict[str, Any] | None,
    ) -> JailedModel:
        """A child that has the model loaded and answers until it is closed. Raises as `inspect`."""
        kind = "onnx" if runtime == "onnx" else "sklearn"
        child = self._child("serve", kind, fd, "serve")
        try:
            child.allow(child.budget("serve"))
            request = {"runtime": kind, "format": format, "signature": signature, "plan": plan}
            child.ask(request, (), step="serve")
            head, _ = child.hear(limit=0, step="serve")
            raise_failure(head.get("failed"), "serve")
        except BaseException:
            child.close()
            raise
        return JailedModel(child)

    # -- connections ----------------------------------------------------------------------------

    def _connect(self, until: float) -> socket.socket:
        while True:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with socket_address(self.socket_path) as address:
                    control.connect(address)
            except OSError as error:
                control.close()
                if time.monotonic() >= until:
                    reason = f"The jail is not running or still starting: {error.strerror}."
                    raise JailUnavailable(reason) from None
                time.sleep(PAUSE)
            else:
                return control

    def _child(self, job: str, kind: str, fd: int, step: str) -> Child:
        """A fresh child for `job`, asked for again while the jail is busy or starting anew."""
        until = time.monotonic() + self.patience
        # A description of its own: for reading alone, with an offset nobody else moves.
        model = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while True:
                control = self._connect(until)
                answer = _ask_for_child(control, job, kind, model)
                if isinstance(answer, Child):
                    return answer
                control.close()
                if answer.get("error") == "request":
                    raise JailRefused(str(answer.get("reason")), "bad_file", step)
                if time.monotonic() >= until:
                    reason = answer.get("reason", "it stopped while it was asked")
                    raise JailUnavailable(f"The jail has no room or is starting: {reason}.")
                time.sleep(PAUSE)
        finally:
            os.close(model)


def _ask_for_child(control: socket.socket, job: str, kind: str, model: int) -> Child | Head:
    control.settimeout(REPLY)
    try:
        ask = json.dumps({"op": "job", "job": job, "zygote": kind}).encode()
        socket.send_fds(control, [ask], [model])
        data, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
    except OSError:
        return {}
    if not data or not descriptors:
        return dict(json.loads(data)) if data else {}
    return Child(control, socket.socket(fileno=descriptors[0]), json.loads(data))


def _report(head: Head) -> OnnxReport:
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


class _Follower:
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


class JailedModel:
    """A model in a jailed child of its own. Thread-safe: one batch at a time."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._lock = threading.Lock()

    def predict(self, batch: Batch, *, proba: bool = True, timeout: float = 30.0) -> Outputs:
        """Answer `batch` within `timeout` seconds.

        Raises JailRefused where the rows are at fault and the child lives on; JailBudget,
        JailDied, JailUnavailable where it has ended.
        """
        packer = Packer()
        described = packer.batch(batch)
        with self._lock:
            child = self._child
            if not child.alive:  # it ended while this call waited for its turn
                raise JailDied("The model's process has ended.", step="predict")
            child.allow(timeout)
            request = {"batch": described, "proba": proba}
            child.ask(request, packer.blobs, step="predict")
            head, blobs = child.hear(limit=MAX_ANSWER, step="predict")
        raise_failure(head.get("failed"), "predict")
        try:
            outputs = Unpacker(blobs).outputs(head.get("outputs"))
        except WireError as error:
            self.close()
            reason = f"The model's process sent nonsense: {error}"
            raise JailRefused(reason, "bad_frame", "predict") from None
        if len(outputs.predict) != batch.rows:
            reason = f"{len(outputs.predict)} answers came for {batch.rows} rows."
            raise JailRefused(reason, "bad_frame", "predict")
        return outputs

    @property
    def alive(self) -> bool:
        """Whether the child can still answer; notices a death at once."""
        return self._child.alive

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def memory_bytes(self) -> int:
        """Bytes of memory that only this model takes; 0 once it has ended."""
        return self._child.memory_bytes()

    def close(self) -> None:
        """End the child."""
        self._child.close()
