"""Reading the machine's gauges: processor, memory, disk, queues, database, cache, jail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from common.http.health import check_cache, check_jail
from common.meter.pulse import PROCESSES
from common.meter.reading import level, read_slots
from common.models import EventRecord
from config.celery import app

logger = structlog.get_logger(__name__)

Figures = dict[str, float]
PROC = Path("/proc")


def read_gauges() -> Figures:
    """What holds at this moment. What can't be read is absent, and named in the log."""
    disk = shutil.disk_usage(settings.SLIPWAY_HOME)
    return {
        "load_1m": round(os.getloadavg()[0], 2),
        **_memory(),
        "disk_used_bytes": disk.used,
        "disk_total_bytes": disk.total,
        **{f"queue_{name}": length for name, length in queue_lengths().items()},
        **_database(),
        "events_waiting": EventRecord.objects.filter(dispatched_at__isnull=True).count(),
        "jail_ok": float(check_jail().get("ok", False)),
        "cache_ok": float(check_cache()["ok"]),
        **_web(),
    }


def read_counters() -> Figures:
    """What only grows since the machine, or the cache, was started."""
    return {**_processor(), **_cache()}


def queue_lengths() -> dict[str, int]:
    """How many tasks wait in each queue; empty where the broker can't be asked."""
    found = {}
    try:
        with app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
            channel = broker.default_channel
            for queue in settings.CELERY_TASK_QUEUES:
                found[queue.name] = _length(channel, queue.name)
    except (OperationalError, OSError) as error:
        logger.warning("queues_not_measured", error=str(error))
    return found


def differences(now: Figures, before: Figures) -> Figures:
    """What the counters say of the time between; nothing where one was started anew."""
    found: Figures = {}
    grown = {name: now[name] - before[name] for name in now.keys() & before.keys()}
    if grown.get("cpu_ticks", 0) > 0 and grown["cpu_busy_ticks"] >= 0:
        found["cpu_percent"] = round(100 * grown["cpu_busy_ticks"] / grown["cpu_ticks"], 1)
    if min(grown.get("cache_hits", -1), grown.get("cache_misses", -1)) >= 0:
        found["cache_hits"] = grown["cache_hits"]
        found["cache_misses"] = grown["cache_misses"]
    return found


def _length(channel: object, queue: str) -> int:
    try:
        declared = channel.queue_declare(queue=queue, passive=True)  # type: ignore[attr-defined]  # kombu's
    except ChannelError:  # nothing was ever sent there
        return 0
    return int(declared.message_count)


def _web() -> Figures:
    """Whether a web process lives, where this machine has had any to know of."""
    if not any(settings.METRICS_ROOT.glob("*.slot")):
        return {}
    return {"web_ok": float(level(read_slots(settings.METRICS_ROOT), PROCESSES, "web") > 0)}


def _memory() -> Figures:
    lines = (PROC / "meminfo").read_text().splitlines()
    found = {
        name: int(rest.split()[0]) * 1024 for name, _, rest in (x.partition(":") for x in lines)
    }
    used = found["MemTotal"] - found["MemAvailable"]
    return {"memory_used_bytes": used, "memory_total_bytes": found["MemTotal"]}


def _processor() -> Figures:
    """Ticks of all processors together: those worked, and all."""
    ticks = [int(part) for part in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]  # and waiting for disks
    return {"cpu_busy_ticks": sum(ticks) - idle, "cpu_ticks": sum(ticks)}


def _database() -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), current_setting('max_connections')::int,"
            " pg_database_size(current_database()) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend'"
        )
        used, most, size = cursor.fetchone()
    return {"db_connections": used, "db_connections_most": most, "db_bytes": size}


def _cache() -> Figures:
    try:
        stats = get_redis_connection("default").info("stats")
    except (RedisError, OSError) as error:
        logger.warning("cache_not_measured", error=str(error))
        return {}
    return {"cache_hits": stats["keyspace_hits"], "cache_misses": stats["keyspace_misses"]}
