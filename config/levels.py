"""What each process holds right now: models, database connections, how it counts limits."""

from __future__ import annotations

from django.db import connection

from common.limits import limiter
from common.meter import Level
from common.meter.pulse import at_pulse
from inference.engine import engine

MODELS = Level("slipway_models_loaded", "Models loaded, over all processes.")
MODEL_BYTES = Level("slipway_models_bytes", "Memory the loaded models take, over all processes.")
POOL = Level(
    "slipway_database_pool_connections",
    "Connections in the web processes' pools, by state.",
    ("state",),
)
POOL_WAITING = Level("slipway_database_pool_waiting", "Requests that wait for a connection.")
DEGRADED = Level("slipway_limits_degraded", "Processes that count limits alone, for want of Redis.")


@at_pulse
def models() -> None:
    loaded = engine().loaded()
    MODELS.of().set(len(loaded))
    MODEL_BYTES.of().set(sum(loaded.values()))


@at_pulse
def pool() -> None:
    """Django's own pool, where this process has one and has used it."""
    if not connection.settings_dict["OPTIONS"].get("pool"):
        return
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it
    size, free = stats.get("pool_size", 0), stats.get("pool_available", 0)
    POOL.of("idle").set(free)
    POOL.of("used").set(max(0, size - free))
    POOL_WAITING.of().set(stats.get("requests_waiting", 0))


@at_pulse
def limits() -> None:
    DEGRADED.of().set(limiter().degraded_since is not None)
