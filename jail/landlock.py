"""Landlock: a process that may open no path, reach no port and signal nobody outside itself.

The second wall behind seccomp. Some kernels have none; the jail then says so and seccomp holds.
ABI levels: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct

CREATE_RULESET, RESTRICT_SELF = 444, 446  # the same on x86_64 and aarch64
CREATE_RULESET_VERSION = 1

# ABI 1 has 13 file rights; later ones add refer (2), truncate (3) and ioctl_dev (5).
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP_BIND_AND_CONNECT = 0b11  # since ABI 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # since ABI 6


def abi(libc: ctypes.CDLL) -> int:
    """The kernel's Landlock level, 0 where there is none."""
    level: int = libc.syscall(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)
    return max(level, 0)


def attributes(level: int) -> bytes:
    """`struct landlock_ruleset_attr` that handles all this level knows, and so denies it."""
    rights = (1 << _FILE_RIGHTS[min(level, max(_FILE_RIGHTS))]) - 1
    if level < 4:
        return struct.pack("<Q", rights)
    if level < 6:
        return struct.pack("<QQ", rights, _TCP_BIND_AND_CONNECT)
    return struct.pack("<QQQ", rights, _TCP_BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS)


def restrict(libc: ctypes.CDLL, level: int) -> bool:
    """Deny this process every path; it must have no new privileges. False where unsupported."""
    if level < 1:
        return False
    data = attributes(level)
    ruleset = libc.syscall(CREATE_RULESET, data, len(data), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
