"""The command line of every process, in one place.

`manage.py up` runs these; docker-compose.yml names the same ones, and a test compares the two.
"""

from __future__ import annotations

QUEUES = "default,journal,models"
WORKER_PROCESSES = 2
# Connections one web worker holds at once, most of them idle between two requests.
BACKPRESSURE = 512


def web(*, host: str, port: int, workers: int, threads: int) -> tuple[str, ...]:
    """Granian in front of Django."""
    return (
        "-m", "config.granian", "--interface", "wsgi", "config.wsgi:application",
        "--host", host, "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads),
        "--backpressure", str(BACKPRESSURE), "--no-ws",
        "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3",
    )  # fmt: skip


def grpc() -> tuple[str, ...]:
    """V2 over gRPC, where GRPC_PORT names a port."""
    return ("-m", "config.grpc_server")


def worker() -> tuple[str, ...]:
    """Celery for every queue but those whose tasks take long."""
    return _celery(QUEUES, WORKER_PROCESSES)


def webhooks(*, processes: int) -> tuple[str, ...]:
    """Celery for the webhooks' queue: each process is a sender, which slow receivers keep busy."""
    return _celery("webhooks", processes)


def bulk(*, processes: int) -> tuple[str, ...]:
    """Celery for files of rows: nothing else is to wait behind them."""
    return _celery("bulk", processes)


def _celery(queues: str, processes: int) -> tuple[str, ...]:
    return (
        "-m", "celery", "-A", "config", "worker", "--queues", queues,
        "--concurrency", str(processes), "--hostname", f"{queues.partition(',')[0]}@%h",
        "--without-gossip", "--without-mingle",
    )  # fmt: skip


def beat(*, schedule: str) -> tuple[str, ...]:
    """Celery's clock; exactly one per installation."""
    return ("-m", "celery", "-A", "config", "beat", "--schedule", schedule, "--pidfile", "")


def jail(*, socket: str) -> tuple[str, ...]:
    """The sandbox daemon."""
    return ("-m", "jail", "--socket", socket)


def migrate() -> tuple[str, ...]:
    return ("manage.py", "migrate", "--no-input")


def load_demo() -> tuple[str, ...]:
    return ("manage.py", "load_demo")


# The jail gets exactly these: no secret, no home, and no OpenMP region before a fork.
JAIL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
# glibc would give each thread a heap of its own, and keep what a password's hash once took.
WEB_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}
# Celery ends softly on SIGQUIT only; container runtimes and we send SIGTERM.
WORKER_ENVIRONMENT = {"REMAP_SIGTERM": "SIGQUIT"}
