"""A warm process that does nothing but fork confined children, one for each request.

Two run beside the daemon: `sklearn` (scikit-learn and its converters) and `onnx` (onnxruntime).
A zygote has one thread, an environment of exactly three variables and no secret in its memory,
for its children inherit all of it. It speaks with the daemon over one SEQPACKET socket: in come
assignments with descriptors, out go the process ids, and how each child ended.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any

from jail import child, confine, limits, warmup
from jail.assignment import Assignment

MAX_MESSAGE = 64 << 10
MAX_OPEN = 4096
"""Descriptors a zygote may hold: two per child, and the bound a child closes up to."""


class Zygote:
    """Forks on demand until the daemon hangs up."""

    def __init__(self, control: socket.socket, walls: confine.Walls) -> None:
        self.control = control
        self.walls = walls
        self.nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.children: dict[int, tuple[int, int]] = {}  # pidfd -> (assignment id, pid)
        self.poller = select.poll()
        self.poller.register(control, select.POLLIN)

    def tell(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """One message to the daemon."""
        socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)

    def serve(self) -> None:
        """Fork and reap until the daemon is gone; then take every child along."""
        while True:
            for descriptor, _ in self.poller.poll():
                if descriptor != self.control.fileno():
                    self.reap(descriptor)
                elif not self.take_assignment():
                    self.end_children()
                    return

    def take_assignment(self) -> bool:
        """Fork for one message; False once the daemon has hung up."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, MAX_MESSAGE, 2)
        except ConnectionError:
            return False
        if not data:
            return False
        assignment = Assignment.from_json(json.loads(data))
        try:
            self.fork(assignment, descriptors)
        except OSError as error:
            self.tell({"event": "failed", "id": assignment.id, "reason": str(error)})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def fork(self, assignment: Assignment, descriptors: list[int]) -> None:
        """Make one child; `descriptors` are its socket and, mostly, the model."""
        job, model = descriptors[0], descriptors[1] if len(descriptors) > 1 else None
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            child.run(
                assignment,
                self.walls,
                parent=parent,
                descriptors=(model, job, self.nowhere),
                highest=MAX_OPEN,
            )
        pidfd = os.pidfd_open(pid)
        self.children[pidfd] = (assignment.id, pid)
        self.poller.register(pidfd, select.POLLIN)
        self.tell({"event": "forked", "id": assignment.id, "pid": pid}, (pidfd,))

    def reap(self, pidfd: int) -> None:
        """Bury one child and say how it ended."""
        number, pid = self.children.pop(pidfd)
        self.poller.unregister(pidfd)
        _, status = os.waitpid(pid, 0)
        os.close(pidfd)
        self.tell({"event": "ended", "id": number, "status": os.waitstatus_to_exitcode(status)})

    def end_children(self) -> None:
        """Kill what is left; the kernel would do it anyway once this process is gone."""
        for pidfd in self.children:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def threads() -> int:
    """How many threads this process has."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def main(kind: str, control_descriptor: int, parent: int) -> None:
    """Warm up, report, fork. Raises RuntimeError when a library has started a thread."""
    started = time.monotonic()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to handle
    walls = confine.Walls.prepare()
    confine.die_with_parent(walls.libc, parent)
    control = socket.socket(fileno=control_descriptor)
    highest = min(MAX_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
    warmup.WARM_UPS[kind]()
    if threads() != 1:
        raise RuntimeError(f"the {kind} zygote has {threads()} threads; a fork would lose them")
    zygote = Zygote(control, walls)
    gc.collect()
    gc.freeze()
    zygote.tell(
        {
            "event": "warm",
            "seconds": round(time.monotonic() - started, 3),
            "landlock": walls.landlock_abi,
            "own_uids": confine.can_own_uids(walls.libc),
            "anonymous": limits.anonymous_bytes("self") or 0,
        }
    )
    zygote.serve()
