"""One jailed child as its client sees it, and what its end means.

JailError
├── JailRefused      the file or the rows are at fault; .reason .code .step
├── JailBudget       it took too much; .step .resource (time, memory, cpu)
├── JailDied         the child ended without a verdict; .step .signal
└── JailUnavailable  the jail itself is not there or busy: try again later
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Self

from jail.wire import Blob, Closed, Head, Late, SocketStream, WireError, receive, send

MAX_MESSAGE = 64 << 10
EPITAPH = 5.0
"""Seconds for the daemon to say how a child ended; it knows within milliseconds."""
CRASHES = {"SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL"}
BUDGET_OF_STEP = {"signature": "probe", "compiled": "compile", "check": "probe"}
"""Which of the daemon's time budgets a step has; the others share `load`."""


class JailError(Exception):
    """The root of what can go wrong with the jail. `step` is where an inspection was."""

    step: str = ""


class JailRefused(JailError):
    """The file, or the rows, are at fault; `reason` is for a person, `code` for a program."""

    def __init__(self, reason: str, code: str, step: str = "") -> None:
        super().__init__(reason)
        self.reason, self.code, self.step = reason, code, step


class JailUnavailable(JailError):
    """The jail is not running, still warming up, or full: the same call may work later."""


class JailBudget(JailError):
    """The child took more than it may have of `resource`: time, memory or cpu."""

    def __init__(self, message: str, *, step: str, resource: str) -> None:
        super().__init__(message)
        self.step, self.resource = step, resource


class JailDied(JailError):
    """The child ended before it answered; `signal` is what ended it, e.g. SIGKILL, or None."""

    def __init__(self, message: str, *, step: str = "", signal: str | None = None) -> None:
        super().__init__(message)
        self.step, self.signal = step, signal


class Child:
    """One jailed child: the connection that stands for it and the socket to talk to it."""

    def __init__(self, control: socket.socket, sock: socket.socket, facts: Head) -> None:
        self.control = control
        self.stream = SocketStream(sock)
        self.pid = int(facts["pid"])
        self.seconds: dict[str, float] = facts["steps"]
        self.ended: Head | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def allow(self, seconds: float) -> None:
        """From now on the child has so long for whatever is asked of it."""
        self.stream.deadline = time.monotonic() + seconds

    def budget(self, step: str) -> float:
        """Seconds the daemon grants for a step."""
        return self.seconds.get(BUDGET_OF_STEP.get(step, "load"), self.seconds["load"])

    def ask(self, head: Head, blobs: Sequence[Blob], *, step: str) -> None:
        """Send one frame. Raises what the child's end means, if it has ended."""
        try:
            send(self.stream, head, blobs)
        except WireError as error:
            raise self.explain(error, step) from None
        except OSError as error:  # closed by another thread meanwhile
            raise JailDied(f"The model's process has ended: {error}", step=step) from None

    def hear(self, *, limit: int, step: str) -> tuple[Head, list[bytearray]]:
        """Receive one frame. Raises what the child's end or silence means."""
        try:
            return receive(self.stream, limit=limit)
        except WireError as error:
            raise self.explain(error, step) from None
        except OSError as error:  # closed by another thread meanwhile
            raise JailDied(f"The model's process has ended: {error}", step=step) from None

    def explain(self, error: WireError, step: str) -> JailError:
        """Why nothing usable came, as the error to raise; the child is ended."""
        if isinstance(error, Late):
            self.close()
            return JailBudget("It took too long.", step=step, resource="time")
        if not isinstance(error, Closed):
            self.close()
            return JailRefused(f"The model's process sent nonsense: {error}", "bad_frame", step)
        with self._lock:
            epitaph = self._epitaph()
        self.close()
        return _meaning(epitaph, step)

    def _epitaph(self) -> Head | None:
        """The daemon's word on how the child ended; None when the daemon is gone as well."""
        until = time.monotonic() + EPITAPH
        while self.ended is None:
            message = next_message(self.control, until - time.monotonic())
            if message is None:
                return None
            if message.get("event") == "ended":
                self.ended = message
        return self.ended

    @property
    def alive(self) -> bool:
        """Whether the child can still answer; notices a death at once."""
        with self._lock:
            if self.ended is not None or self.control.fileno() < 0:
                return False
            if not select.select([self.control], [], [], 0)[0]:
                return True
            message = next_message(self.control, 0.0)
            self.ended = message or {"cause": "zygote"}
            return False

    def memory_bytes(self) -> int:
        """Bytes of memory only this child has; 0 once it has ended."""
        with self._lock:
            if self.ended is not None or self.control.fileno() < 0:
                return 0
            try:
                self.control.send(json.dumps({"op": "memory"}).encode())
            except OSError:
                return 0
            message = next_message(self.control, EPITAPH)
            if message is None or message.get("event") == "ended":
                self.ended = message or {"cause": "zygote"}
                return 0
            return int(message.get("memory", 0))

    def close(self) -> None:
        """Hang up, which ends the child."""
        self.control.close()
        self.stream.sock.close()


def next_message(control: socket.socket, seconds: float) -> Head | None:
    """One JSON message within `seconds`; None when none came or the daemon hung up."""
    try:
        if not select.select([control], [], [], max(seconds, 0.0))[0]:
            return None
        data = control.recv(MAX_MESSAGE)
    except (OSError, ValueError):
        return None
    return dict(json.loads(data)) if data else None


def _meaning(epitaph: Head | None, step: str) -> JailError:
    """What a child's end says about the model, or about the jail."""
    if epitaph is None or epitaph.get("cause") in {"zygote", "stopped"}:
        return JailUnavailable("The jail stopped while it was working.")
    cause, ended_by = epitaph.get("cause"), epitaph.get("signal")
    if cause == "memory":
        return JailBudget("It took too much memory.", step=step, resource="memory")
    if cause == "time":
        return JailBudget("It took too long.", step=step, resource="time")
    if ended_by == "SIGXCPU":
        return JailBudget("It took too much processor time.", step=step, resource="cpu")
    if ended_by == "SIGSYS":
        reason = "The model tried something that no model needs: the kernel stopped it."
        return JailRefused(reason, "forbidden_system_call", step)
    if ended_by in CRASHES and step not in {"predict", "serve"}:
        reason = f"The model brought its process down ({ended_by}): it is malformed or too large."
        return JailRefused(reason, "crashed", step)
    how = f"was ended by {ended_by}" if ended_by else "ended by itself"
    return JailDied(f"The model's process {how}.", step=step, signal=ended_by)


def raise_failure(failed: object, step: str) -> None:
    """Raise what the `failed` of a frame means; nothing where there is none."""
    if failed is None:
        return
    if not isinstance(failed, dict):
        raise JailRefused("The model's process sent nonsense.", "bad_frame", step)
    reason = str(failed.get("reason", ""))
    if failed.get("kind") == "budget":
        resource = str(failed.get("resource", "memory"))
        raise JailBudget(f"It took too much {resource}: {reason}.", step=step, resource=resource)
    raise JailRefused(reason, str(failed.get("code", "refused")), step)
