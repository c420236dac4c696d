"""Putting a freshly forked child in its place, in the one order that works.

A user of its own before the limits, so that "no processes" binds it; the death signal again after
that, because changing user clears it; Landlock and seccomp last, because afterwards none of the
calls made here would be allowed any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from dataclasses import dataclass
from pathlib import Path

from jail import landlock, limits, seccomp

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
CAPABILITY_VERSION_3 = 0x2008_0522
FIRST_UID, LAST_UID = 61_500, 64_999
"""Users of no name; each child of a root jail gets one to itself, within the 65,536 ids that
rootless containers map."""


class NotConfined(Exception):
    """The jail does not hold on this machine; the message says which wall is missing."""


@dataclass(frozen=True, slots=True)
class Walls:
    """What the zygote prepares once: libc, the seccomp program, the kernel's Landlock level."""

    libc: ctypes.CDLL
    program: bytes | None
    landlock_abi: int

    @classmethod
    def prepare(cls) -> Walls:
        """Probe the kernel; a machine without a table has no program."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        try:
            program: bytes | None = seccomp.build()
        except seccomp.Unsupported:
            program = None
        return cls(libc, program, landlock.abi(libc))


def die_with_parent(libc: ctypes.CDLL, parent: int, sign: int = signal.SIGKILL) -> None:
    """Have the kernel end this process when `parent` ends; leave at once if it already has."""
    libc.prctl(PR_SET_PDEATHSIG, sign, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def drop_privileges(libc: ctypes.CDLL, uid: int | None) -> None:
    """Become the nameless user `uid` where one is given, and give up every capability."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = struct.pack("<Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) != 0:
        raise NotConfined("capabilities cannot be given up")


def be_first_to_go() -> None:
    """Have the kernel end this process before any other when the machine runs out of memory."""
    with contextlib.suppress(OSError):  # a kernel or container without it is no less a jail
        Path("/proc/self/oom_score_adj").write_text("1000")


def confine(walls: Walls, *, parent: int, uid: int | None, budget: limits.Budget) -> None:
    """Shut this process in. Raises NotConfined; whoever catches it must not touch the model."""
    libc = walls.libc
    address_space = limits.mapped_bytes() + budget.address_space
    be_first_to_go()
    drop_privileges(libc, uid)
    die_with_parent(libc, parent)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if budget.cpu is not None:
        with contextlib.suppress(OSError):  # politeness towards the serving children
            os.setpriority(os.PRIO_PROCESS, 0, 5)
    limits.set_limits(address_space, budget.cpu)
    if libc.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise NotConfined("no_new_privs is not available")
    landlock.restrict(libc, walls.landlock_abi)
    if walls.program is None:
        raise NotConfined("there is no seccomp filter for this machine")
    try:
        seccomp.install(libc, walls.program)
    except seccomp.Unsupported as error:
        raise NotConfined(str(error)) from None


def can_own_uids(libc: ctypes.CDLL) -> bool:
    """Whether children can have users of their own here: to become one, and to be killed after.

    Root in a container may lack the right to either (CAP_SETUID, CAP_KILL, unmapped ids).
    """
    if os.geteuid() != 0:
        return False
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(1)  # where it cannot be killed from here, it still ends
            drop_privileges(libc, FIRST_UID)
            os.write(tell, b"y")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    dropped = os.read(ready, 1) == b"y"
    os.close(ready)
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        dropped = False
    os.waitpid(pid, 0)
    return dropped
