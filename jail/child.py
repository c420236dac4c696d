"""What a jailed child does between being forked and its end.

It shuts itself in first, then reads its request and the model, answers in frames, and leaves by
`os._exit` so that nothing of the zygote's is torn down on the way.
"""

from __future__ import annotations

import io
import os
import random
from typing import BinaryIO, NoReturn

import numpy as np

from jail import confine, ops, selftest
from jail.assignment import Assignment
from jail.job import Job, explain
from jail.wire import DescriptorStream, WireError, receive, send

MODEL, SOCKET = 3, 4
"""The only descriptors a child keeps besides 0-2, which lead nowhere."""
READ_AHEAD = 1 << 20
MAX_REQUEST = 1 << 30
"""Bytes of rows in one request; the limit on address space bites long before."""
NICE = 10
"""For looking through uploads, which takes seconds of a processor: answers come first."""


def arrange_descriptors(model: int | None, job: int, nowhere: int, highest: int) -> None:
    """Lay the descriptors out as 0-2 nowhere, MODEL, SOCKET, and close everything else."""
    # Copies above everything first, so that no target is still in use as a source.
    job = os.dup(job)
    model = os.dup(nowhere if model is None else model)
    nowhere = os.dup(nowhere)
    high = max(job, model, nowhere, SOCKET) + 1
    for offset, descriptor in enumerate((nowhere, nowhere, nowhere, model, job)):
        os.dup2(descriptor, high + offset, inheritable=False)
    for target in range(SOCKET + 1):
        os.dup2(high + target, target, inheritable=False)
    os.closerange(SOCKET + 1, highest)


def forget_environment() -> None:
    """Keep the two variables that scikit-learn and joblib read again at run time."""
    for name in set(os.environ) - selftest.ALLOWED_ENVIRONMENT:
        del os.environ[name]


def reseed() -> None:
    """Give this child a random state of its own: models draw from the global generators."""
    seed = int.from_bytes(os.urandom(4), "little")
    np.random.seed(seed)
    random.seed(seed)


def run(
    assignment: Assignment,
    walls: confine.Walls,
    *,
    parent: int,
    descriptors: tuple[int | None, int, int],
    highest: int,
) -> NoReturn:
    """Be the child: `descriptors` are the model (or None), the job's socket, and /dev/null."""
    status = 1
    stream: DescriptorStream | None = None
    try:
        confine.die_with_parent(walls.libc, parent)
        if assignment.job != "serve":
            os.nice(NICE)
        arrange_descriptors(*descriptors, highest)
        forget_environment()
        stream = DescriptorStream(SOCKET)
        raw = io.FileIO(MODEL, "rb", closefd=False)
        file = io.BufferedReader(raw, READ_AHEAD)
        held = _shut_in(assignment, walls, parent)
        reseed()
        _work(assignment, stream, file, held=held)
        status = 0
    except (BrokenPipeError, ConnectionResetError, WireError):
        status = 0  # nobody is listening any more
    except Exception as error:  # noqa: BLE001 - a child has no log; its last words go to its client
        if stream is not None:
            reason = f"{type(error).__name__}: {explain(error)}"
            failed = {"kind": "refused", "code": "jail_failed", "reason": reason}
            send(stream, {"step": "typed", "state": "failed", "failed": failed})
    finally:
        os._exit(status)


def _shut_in(assignment: Assignment, walls: confine.Walls, parent: int) -> str | None:
    """None once confined; otherwise what is missing."""
    try:
        confine.confine(walls, parent=parent, uid=assignment.uid, budget=assignment.budget)
    except (confine.NotConfined, OSError, ValueError) as error:
        return str(error)
    return None


def _work(
    assignment: Assignment, stream: DescriptorStream, file: BinaryIO, *, held: str | None
) -> None:
    request, blobs = receive(stream, limit=MAX_REQUEST)
    if assignment.job == "selftest":
        send(stream, selftest.attempt(request["action"], request["canary"]))
        return
    if held is not None and not assignment.unsandboxed:
        reason = f"The jail does not hold on this machine: {held}."
        failed = {"kind": "refused", "code": "jail_does_not_hold", "reason": reason}
        send(stream, {"step": "typed", "state": "failed", "failed": failed})
        return
    job = Job(stream, file, assignment.size, pickles=assignment.pickles)
    ops.run(assignment.job, job, request, blobs)
