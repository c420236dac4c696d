"""Hostile actions, really attempted in a confined child, to see whether the jail holds here.

The daemon has each one tried in a fresh child when it starts. A child that reports a refusal, or
that the kernel kills for a forbidden system call, held; any other end did not.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GIB = 1 << 30
IO_URING_SETUP = 425  # on no list of ours: the kernel must kill for it
PTRACE_TRACEME = 0
FIRST_FREE_DESCRIPTOR = 5
ALLOWED_ENVIRONMENT = frozenset({"OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"})

Action = Callable[[str], str | None]
"""Tries something with a path that must stay untouched; what it achieved, or None."""


def _system(canary: str) -> str | None:
    # The shell is what a hostile pickle reaches for first.
    status = os.system(f"touch '{canary}'")  # noqa: S605
    return "a shell ran" if status == 0 else None


def _execute(_canary: str) -> str | None:
    os.execv("/bin/true", ["true"])  # noqa: S606


def _fork(_canary: str) -> str | None:
    if os.fork() == 0:
        os._exit(0)
    return "a process was made"


def _thread(_canary: str) -> str | None:
    threading.Thread(target=int).start()
    return "a thread was started"


def _socket(_canary: str) -> str | None:
    socket.socket().close()
    return "a socket was made"


def _read(_canary: str) -> str | None:
    os.close(os.open("/etc/passwd", os.O_RDONLY))
    return "a file was opened for reading"


def _write(canary: str) -> str | None:
    os.close(os.open(canary, os.O_WRONLY | os.O_CREAT, 0o600))
    return "a file was written"


def _look(_canary: str) -> str | None:
    size = Path("/etc/passwd").stat().st_size
    return f"a file of {size} bytes was seen"


def _kill(_canary: str) -> str | None:
    os.kill(os.getppid(), 0)  # signal 0 only asks for the right to send one
    return "the parent could be signalled"


def _trace(_canary: str) -> str | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return "ptrace answered"


def _environment(_canary: str) -> str | None:
    foreign = sorted(set(os.environ) - ALLOWED_ENVIRONMENT)
    return f"the environment holds {', '.join(foreign)}" if foreign else None


def _descriptors(_canary: str) -> str | None:
    found = []
    for number in range(FIRST_FREE_DESCRIPTOR, 4096):
        try:
            os.lseek(number, 0, os.SEEK_CUR)
        except OSError as error:
            if error.errno == errno.EBADF:
                continue
        found.append(number)
    return f"descriptors {found} are open" if found else None


def _memory(_canary: str) -> str | None:
    return f"{len(bytearray(6 * GIB))} bytes were allocated"


def _executable_memory(_canary: str) -> str | None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    return "memory could be made executable"


def _limits(_canary: str) -> str | None:
    resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))
    return "limits could be changed"


def _unlisted_call(_canary: str) -> str | None:
    ctypes.CDLL(None, use_errno=True).syscall(IO_URING_SETUP, 0, None)
    return "an unlisted system call returned"


ACTIONS: dict[str, Action] = {
    "system": _system,
    "exec": _execute,
    "fork": _fork,
    "thread": _thread,
    "socket": _socket,
    "read": _read,
    "write": _write,
    "stat": _look,
    "kill": _kill,
    "ptrace": _trace,
    "environment": _environment,
    "descriptors": _descriptors,
    "memory": _memory,
    "executable_memory": _executable_memory,
    "prlimit": _limits,
    "unlisted_call": _unlisted_call,
}


def attempt(action: str, canary: str) -> dict[str, Any]:
    """Try one action in this process: `{"held": bool, "detail": what it achieved or met}`."""
    try:
        achieved = ACTIONS[action](canary)
    except MemoryError:
        return {"held": True, "detail": "MemoryError"}
    except (OSError, RuntimeError, ValueError) as error:
        number = getattr(error, "errno", None)
        return {"held": True, "detail": errno.errorcode.get(number or 0, str(error))}
    return {"held": achieved is None, "detail": achieved or "nothing happened"}


@dataclass(slots=True)
class Verdict:
    """What the self-test found: per action whether it held and what it met."""

    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """True when every action was tried and none achieved anything."""
        tried = set(self.actions) == set(ACTIONS)
        return tried and all(result["held"] for result in self.actions.values())

    def record(self, action: str, reply: dict[str, Any] | None, ended_by: str | None) -> None:
        """Take down one child's reply, or the signal that ended it without one."""
        if reply is not None:
            self.actions[action] = {"held": bool(reply.get("held")), "detail": reply.get("detail")}
            return
        detail = f"ended by {ended_by}" if ended_by else "ended without a word"
        self.actions[action] = {"held": ended_by == "SIGSYS", "detail": detail}

    def as_json(self) -> dict[str, Any]:
        """For `status`."""
        return {"held": self.held, "actions": self.actions, "notes": self.notes}
