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
from typing import Any, TypeVar

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
from common.jail_inspection import Follower, Inspection, OnnxReport, OnStep, onnx_report
from common.jail_tables import JailedTable, PartJoiner
from jail.batch import Batch, Outputs
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

MAX_ANSWER = 512 << 20
PATIENCE = 10.0
"""Seconds to go on asking a jail that is starting, starting again, or full."""
PAUSE = 0.05
REPLY = 10.0
"""Seconds for the daemon to have a child forked."""


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
        follow = Follower(found, on_step)
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
            return onnx_report(head)
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

    def table(self, fd: int) -> JailedTable:
        """A child that reads a Parquet file. Raises as `inspect` does."""
        return _started(JailedTable, self._child("table", "tables", fd, "table"))

    def joiner(self) -> PartJoiner:
        """A child that makes a Parquet file of parts. Raises as `inspect` does."""
        return _started(PartJoiner, self._child("join", "tables", None, "table"))

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

    def _child(self, job: str, kind: str, fd: int | None, step: str) -> Child:
        """A fresh child for `job`, asked for again while the jail is busy or starting anew."""
        until = time.monotonic() + self.patience
        # A description of its own: for reading alone, with an offset nobody else moves.
        model = None if fd is None else os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
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
            if model is not None:
                os.close(model)


def _ask_for_child(control: socket.socket, job: str, kind: str, model: int | None) -> Child | Head:
    control.settimeout(REPLY)
    try:
        ask = json.dumps({"op": "job", "job": job, "zygote": kind}).encode()
        socket.send_fds(control, [ask], [] if model is None else [model])
        data, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
    except OSError:
        return {}
    if not data or not descriptors:
        return dict(json.loads(data)) if data else {}
    return Child(control, socket.socket(fileno=descriptors[0]), json.loads(data))


Asking = TypeVar("Asking", JailedTable, PartJoiner)


def _started(kind: type[Asking], child: Child) -> Asking:
    try:
        return kind(child)
    except BaseException:
        child.close()
        raise


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
