"""How much time and memory a job may take; every limit grows with the file.

Address space: what the zygote maps, plus 1 GiB, plus six times the file. Processor time: 10 s plus
1 s per 20 MB for reading a model; compiling has a budget of its own, because running out of it
only means that the model serves in its own runtime. A serving child lives long, so it has no
limit on processor time (which only ever adds up): each request has a deadline instead. So has one
that reads or writes a table.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass

GIB = 1 << 30
MB = 1_000_000

MAX_FILE = 8 * GIB
MAX_DESCRIPTORS = 16
TABLE_MEMORY = 384 << 20
"""What reading or writing a table may take, however large the file: it comes piece by piece."""
WALL_PER_CPU = 2.0
"""Wall-clock seconds granted per second of processor time: the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one job may use.

    address_space  bytes beyond what the zygote maps
    growth         bytes of private memory beyond the zygote's, watched from outside
    cpu            seconds of processor time in all; None for a serving child
    steps          wall-clock seconds for each named step, watched by the client
    """

    address_space: int
    growth: int
    cpu: int | None
    steps: Mapping[str, float]

    @property
    def wall(self) -> float | None:
        """Wall-clock seconds for the whole job; None for a serving child."""
        return None if self.cpu is None else sum(self.steps.values())


def budget_for(job: str, size: int, *, factor: float = 1.0) -> Budget:
    """The budget of `job` on a file of `size` bytes; `factor` stretches the times."""
    memory = GIB + 6 * size
    load = (10 + size / (20 * MB)) * factor
    compiling = (30 + size / (2 * MB)) * factor
    steps: dict[str, float] = {"load": load * WALL_PER_CPU}
    cpu: int | None = None
    if job == "inspect":
        steps |= {"probe": load * WALL_PER_CPU, "compile": compiling * WALL_PER_CPU}
        cpu = int(2 * load + compiling) + 1
    elif job == "check":
        steps |= {"probe": load * WALL_PER_CPU}
        cpu = int(2 * load) + 1
    elif job == "probe":
        cpu = int(load) + 1
    if job in {"table", "join"}:
        return Budget(GIB + TABLE_MEMORY, TABLE_MEMORY, None, steps)
    return Budget(memory, memory, cpu, steps)


def set_limits(address_space: int, cpu: int | None) -> None:
    """Bind this process: bytes of address space in all, seconds of processor time or None.

    Descriptors stay below 16; files cannot grow, processes cannot be made, nothing is dumped.
    """
    bounds = {
        resource.RLIMIT_AS: address_space,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: MAX_DESCRIPTORS,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if cpu is not None:
        # The soft limit ends the process by SIGXCPU, which tells this death from others.
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    for limit, value in bounds.items():
        resource.setrlimit(limit, (value, value))


def mapped_bytes(pid: int | str = "self") -> int:
    """Bytes of address space that a process maps."""
    with open(f"/proc/{pid}/statm", "rb") as statm:  # noqa: PTH123 - a path object costs more
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def anonymous_bytes(pid: int | str) -> int | None:
    """Bytes of resident memory that belong to no file; None once the process is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:  # noqa: PTH123 - as above
            for line in status:
                if line.startswith(b"RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None


def private_bytes(pid: int) -> int | None:
    """Bytes no other process shares; None where the kernel will not say to us."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:  # noqa: PTH123 - as above
            for line in rollup:
                if line.startswith((b"Private_Clean:", b"Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return total
