"""Having somebody work on a job: a message for a worker of the queue `bulk`.

What that worker does with it is the engine's: `celery` works itself, `dask` hands the job to a
cluster. Either way the steps are taken from the database, so that a message may be lost, come
twice, or meet nothing to do.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

from common.errors import Unavailable
from inference.bulk import remote

if TYPE_CHECKING:
    from collections.abc import Callable

logger = structlog.get_logger(__name__)

# A message that waited longer than this is stale: the reaper has sent others since.
MESSAGE_LIFE: Final = 60
CONNECT_WITHIN: Final = "10s"
_lock = threading.Lock()
_clients: dict[str, Any] = {}


def send(job_id: UUID) -> None:
    """Tell a worker about a job. A broker that is away is the reaper's to make good."""
    from inference.tasks import work_on_batch

    try:
        work_on_batch.apply_async(args=(str(job_id),), expires=MESSAGE_LIFE, retry=False)
    except OperationalError as error:
        logger.warning("batch_not_sent", job_id=str(job_id), error=str(error))


def work_here(job_id: UUID) -> None:
    """The engine `celery`: this worker does it."""
    from inference.bulk.work import work_off

    work_off(job_id)


def work_in_dask(job_id: UUID) -> None:
    """The engine `dask`: a worker of the cluster does it.

    Raises Unavailable where the scheduler can't be reached; the reaper sends the job again.
    """
    try:
        import distributed
    except ImportError as error:
        raise Unavailable("BULK_ENGINE=dask wants the package `distributed`.") from error
    address = settings.DASK_SCHEDULER
    try:
        client = _client(address)
        distributed.fire_and_forget(client.submit(remote.work, str(job_id), pure=False))
    except OSError as error:
        with _lock:
            _clients.pop(address, None)
        raise Unavailable(f"Dask's scheduler at {address} does not answer.") from error


def _client(address: str) -> Any:
    """One connection to the cluster for this process."""
    import distributed

    with _lock:
        client = _clients.get(address)
        if client is None or client.status != "running":
            client = distributed.Client(address, timeout=CONNECT_WITHIN, set_as_default=False)
            _clients[address] = client
        return client


ENGINES: Final[dict[str, Callable[[UUID], None]]] = {"celery": work_here, "dask": work_in_dask}
