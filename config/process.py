"""What Linux offers to keep processes together: dying with a parent, dropping root, finding strays.

Everything here runs between fork and exec or in a worker's first breath, so it is standard library
only. PDEATHSIG follows the *thread* that forked: spawn from the main thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CLONE_NEWUSER = 0x10000000
CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID = 0, 1, 6, 7
CAPABILITY_VERSION_3 = 0x20080522

# Loaded before any fork: opening a library between fork and exec is not safe.
_libc = ctypes.CDLL(None, use_errno=True)

Step = Callable[[], None]


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def die_with_parent(number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send `number` to this process when the thread that forked it ends.

    `parent` is the process id expected there; where it is already gone, leave at once. Without it
    the parent that multiprocessing or billiard remembers is used, where there is one. Does nothing
    outside Linux.
    """
    if sys.platform != "linux":
        return
    _check(_libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    expected = parent if parent is not None else _remembered_parent()
    if expected is not None and os.getppid() != expected:
        os._exit(1)


def _remembered_parent() -> int | None:
    """Who multiprocessing or billiard (Celery's fork of it) says has forked this process."""
    for name in ("multiprocessing.process", "billiard.process"):
        module = sys.modules.get(name)
        if module is None:
            continue
        found = getattr(module.current_process(), "_parent_pid", None)
        if isinstance(found, int):
            return found
    return None


def capabilities() -> int:
    """The permitted capabilities of this process as a bit mask."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def has_capability(number: int) -> bool:
    return bool(capabilities() >> number & 1)


def drop_to_nobody() -> None:
    """Become `nobody` for good, keeping the right to walk through folders of others.

    With CAP_DAC_OVERRIDE a data folder below root's own 0700 folder stays reachable, without
    chmod and without a user made for it. To be called between fork and exec.
    """
    _check(_libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(PR_SET_KEEPCAPS)")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    bit = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    # Two 32-bit halves of (effective, permitted, inheritable).
    sets = struct.pack("=6I", bit, bit, bit, 0, 0, 0)
    _check(_libc.capset(header, sets), "capset")
    raised = _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    _check(raised, "prctl(PR_CAP_AMBIENT)")


def enter_user_namespace() -> None:
    """Let root appear as user 1000 in a namespace of its own; the files stay root's.

    For containers whose root lacks CAP_DAC_OVERRIDE. To be called between fork and exec.
    """
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(CLONE_NEWUSER), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")


def _works(step: Step) -> bool:
    """Whether a child can take the step; tried for real, because sysctls and seccomp decide."""
    child = os.fork()
    if child == 0:
        try:
            step()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a server that refuses root runs: the step to take in the child, and who owns data."""

    name: str
    step: Step | None
    owner: int

    def own(self, folder: Path) -> None:
        """Give the folder and all in it to this identity."""
        if folder.stat().st_uid == self.owner:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.owner, self.owner, follow_symlinks=False)


class IdentityError(Exception):
    """Root here can become nobody else, and PostgreSQL refuses to run as root."""


def server_identity() -> Identity:
    """The best way this process can run a server that refuses uid 0.

    An ordinary user stays who they are. Root becomes `nobody` with CAP_DAC_OVERRIDE, else
    uid 1000 in a user namespace.

    Raises:
        IdentityError: root without either way.
    """
    if os.geteuid() != 0:
        return Identity("self", None, os.geteuid())
    needed = (CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID)
    if all(has_capability(one) for one in needed) and _works(drop_to_nobody):
        return Identity("nobody", drop_to_nobody, NOBODY)
    if _works(enter_user_namespace):
        return Identity("namespace", enter_user_namespace, 0)
    raise IdentityError(
        "PostgreSQL does not run as root, and this root may neither become another user nor make "
        "a user namespace. Run as an ordinary user, or name a server with DATABASE_URL."
    )


def child_setup(*, parent: int, number: int, identity: Identity | None = None) -> Step:
    """What a child does between fork and exec: a session of its own, its identity, its leash."""

    def setup() -> None:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if identity is not None and identity.step is not None:
            identity.step()
        # Last: a change of user clears it.
        die_with_parent(number, parent)

    return setup


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone or a zombie.

    Together with the pid it names one process for ever: pids are used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def working_in(folder: Path) -> list[int]:
    """Processes whose working directory is the folder: the servers that live in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and start_time(int(entry.name)):
                found.append(int(entry.name))
    return found


def send(pids: Iterable[int], number: int) -> None:
    """Signal processes, some of which may have gone meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def clear_strays(folder: Path, number: int, *, patience: float = 5.0) -> int:
    """End what still lives in the folder from a start before; the number of processes found.

    They are asked with `number` first and killed after `patience` seconds. Only the holder of the
    folder's lock may call this.
    """
    found = working_in(folder)
    if not found:
        return 0
    send(found, number)
    deadline = time.monotonic() + patience
    while working_in(folder):
        if time.monotonic() > deadline:
            send(working_in(folder), signal.SIGKILL)
            deadline = time.monotonic() + patience
        time.sleep(0.02)
    return len(found)
