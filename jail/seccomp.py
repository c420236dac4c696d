"""The system calls a jailed child may make, as a seccomp filter installed through ctypes.

Three answers: allowed; an errno, where honest code asks in passing and copes with a no; death for
the rest. Path calls are refused here as well as by Landlock: with Landlock alone `stat` succeeds
and `open` fails, which joblib and threadpoolctl take for an error.

Numbers are from the kernel's asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
RET_KILL_PROCESS = 0x8000_0000
RET_ERRNO = 0x0005_0000
RET_ALLOW = 0x7FFF_0000
PROT_EXEC = 4

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_PROT = 0, 4, 16 + 2 * 8
X32_BIT = 0x4000_0000

AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

X86_64 = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7,
    "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "access": 21, "pipe": 22,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35,
    "getpid": 39, "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "recvfrom": 45,
    "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "listen": 50, "getsockname": 51,
    "getpeername": 52, "socketpair": 53, "setsockopt": 54, "getsockopt": 55, "clone": 56,
    "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "kill": 62, "uname": 63, "fcntl": 72,
    "truncate": 76, "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81,
    "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
    "readlink": 89, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94,
    "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "ptrace": 101, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131, "utime": 132, "mknod": 133,
    "statfs": 137, "fstatfs": 138, "prctl": 157, "setrlimit": 160, "gettid": 186, "tkill": 200,
    "futex": 202, "sched_setaffinity": 203, "sched_getaffinity": 204, "getdents64": 217,
    "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
    "exit_group": 231, "tgkill": 234, "openat": 257, "mkdirat": 258, "mknodat": 259,
    "fchownat": 260, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265,
    "symlinkat": 266, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "ppoll": 271,
    "utimensat": 280, "accept4": 288, "dup3": 292, "pipe2": 293, "prlimit64": 302, "getcpu": 309,
    "process_vm_readv": 310, "process_vm_writev": 311, "renameat2": 316, "getrandom": 318,
    "memfd_create": 319, "execveat": 322, "statx": 332, "pidfd_send_signal": 424, "clone3": 435,
    "openat2": 437, "faccessat2": 439,
}  # fmt: skip

AARCH64 = {
    "getcwd": 17, "dup": 23, "dup3": 24, "fcntl": 25, "ioctl": 29, "mknodat": 33, "mkdirat": 34,
    "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38, "statfs": 43, "fstatfs": 44,
    "truncate": 45, "ftruncate": 46, "faccessat": 48, "chdir": 49, "fchdir": 50, "fchmod": 52,
    "fchmodat": 53, "fchownat": 54, "fchown": 55, "openat": 56, "close": 57, "pipe2": 59,
    "getdents64": 61, "lseek": 62, "read": 63, "write": 64, "pread64": 67, "ppoll": 73,
    "readlinkat": 78, "newfstatat": 79, "fstat": 80, "utimensat": 88, "exit": 93, "exit_group": 94,
    "futex": 98, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "ptrace": 117, "sched_setaffinity": 122, "sched_getaffinity": 123,
    "sched_yield": 124, "restart_syscall": 128, "kill": 129, "tkill": 130, "tgkill": 131,
    "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
    "uname": 160, "getrlimit": 163, "setrlimit": 164, "getrusage": 165, "prctl": 167,
    "getcpu": 168, "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176,
    "getegid": 177, "gettid": 178, "sysinfo": 179, "socket": 198, "socketpair": 199, "bind": 200,
    "listen": 201, "accept": 202, "connect": 203, "getsockname": 204, "getpeername": 205,
    "sendto": 206, "recvfrom": 207, "setsockopt": 208, "getsockopt": 209, "shutdown": 210,
    "sendmsg": 211, "recvmsg": 212, "brk": 214, "munmap": 215, "mremap": 216, "clone": 220,
    "execve": 221, "mmap": 222, "mprotect": 226, "madvise": 233, "accept4": 242, "prlimit64": 261,
    "process_vm_readv": 270, "process_vm_writev": 271, "renameat2": 276, "getrandom": 278,
    "memfd_create": 279, "execveat": 281, "statx": 291, "pidfd_send_signal": 424, "clone3": 435,
    "openat2": 437, "faccessat2": 439,
}  # fmt: skip

TABLES: Mapping[str, Mapping[str, int]] = {"x86_64": X86_64, "aarch64": AARCH64}


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# The busiest first: the kernel walks the filter from the top.
ALLOWED = _names(
    "read write futex clock_gettime munmap brk madvise mremap close fstat lseek pread64 poll ppoll "
    "getrandom exit exit_group rt_sigaction rt_sigprocmask rt_sigreturn restart_syscall "
    "sched_getaffinity sched_yield nanosleep clock_nanosleep clock_getres getpid gettid getuid "
    "geteuid getgid getegid getppid getrusage"
)

# Allowed as long as the memory is not to be executed.
NO_EXEC = ("mmap", "mprotect")

DENIED: Mapping[int, tuple[str, ...]] = {
    errno.ENOSYS: ("clone3",),  # so that libc falls back to clone, which says EAGAIN
    errno.EAGAIN: ("clone", "fork", "vfork"),
    errno.EMFILE: ("pipe", "pipe2", "dup", "dup2", "dup3", "fcntl"),
    errno.EPERM: _names(
        "kill tkill tgkill prctl sched_setaffinity prlimit64 getrlimit setrlimit ptrace "
        "memfd_create process_vm_readv process_vm_writev pidfd_send_signal sigaltstack uname "
        "sysinfo getcpu"
    ),
    errno.EACCES: _names(
        "open openat openat2 creat stat lstat newfstatat statx access faccessat faccessat2 "
        "readlink readlinkat getdents getdents64 mkdir mkdirat rmdir unlink unlinkat rename "
        "renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat chown lchown "
        "fchown fchownat truncate ftruncate mknod mknodat chdir fchdir getcwd utime utimensat "
        "statfs fstatfs ioctl execve execveat socket socketpair connect accept accept4 bind "
        "listen sendto recvfrom sendmsg recvmsg shutdown getsockname getpeername setsockopt "
        "getsockopt"
    ),
}


class Unsupported(Exception):
    """This machine or kernel has no seccomp filter to offer; the message says why."""


def _instruction(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, jump_true, jump_false, k)


def _answer(number: int, verdict: int) -> list[bytes]:
    return [_instruction(JUMP_EQUAL, number, 0, 1), _instruction(RETURN, verdict)]


def _unless_executable(number: int) -> list[bytes]:
    return [
        _instruction(JUMP_EQUAL, number, 0, 5),
        _instruction(LOAD, OFFSET_PROT),
        _instruction(AND, PROT_EXEC),
        _instruction(JUMP_EQUAL, 0, 0, 1),
        _instruction(RETURN, RET_ALLOW),
        _instruction(RETURN, RET_ERRNO | errno.EPERM),
    ]


def build(machine: str | None = None) -> bytes:
    """The filter as BPF instructions of 8 bytes each. Raises Unsupported for other machines."""
    machine = machine or platform.machine()
    table = TABLES.get(machine)
    if table is None:
        raise Unsupported(f"no system call table for {machine}")
    program = [
        _instruction(LOAD, OFFSET_ARCH),
        _instruction(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        _instruction(RETURN, RET_KILL_PROCESS),
        _instruction(LOAD, OFFSET_NUMBER),
    ]
    if machine == "x86_64":  # the x32 numbers alias the ordinary ones
        program += [
            _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
            _instruction(RETURN, RET_KILL_PROCESS),
        ]
    for name in ALLOWED:
        program += _answer(table[name], RET_ALLOW) if name in table else []
    for name in NO_EXEC:
        program += _unless_executable(table[name])
    for code, names in DENIED.items():
        for name in names:
            program += _answer(table[name], RET_ERRNO | code) if name in table else []
    program.append(_instruction(RETURN, RET_KILL_PROCESS))
    return b"".join(program)


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(libc: ctypes.CDLL, program: bytes) -> None:
    """Bind this process to `program` for good; it must have no new privileges already."""
    fprog = Program(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0) != 0:
        raise Unsupported(f"seccomp: {errno.errorcode.get(ctypes.get_errno(), 'failed')}")
