"""Is it up, is it ready: for load balancers, orchestrators and people.

`/live` asks the process alone. `/ready` asks whether it can do its work: database, cache, room on
the disk, and the tables being those this code expects; and whether the server is about to end. What
it found holds for half a second, so that no number of askers is a load. `/health` says both in one,
with details for whoever may see them. None of these is counted against a limit.
"""

from __future__ import annotations

import hmac
import shutil
import threading
import time
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from common.http import draining
from common.jail import Jail, JailError
from common.limits import limiter

Check = dict[str, Any]
LEAST_FREE: Final = 0.05  # of the disk
HOLDS: Final = 0.5  # seconds; with the database's patience of 1.5, its end shows within two


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Traffic may be sent here."""
    ok = not draining.is_draining(settings.SLIPWAY_HOME / "run") and _readiness()
    return JsonResponse({"status": "ok" if ok else "unavailable"}, status=200 if ok else 503)


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The whole; `checks` only for operators and for holders of METRICS_TOKEN."""
    checks = {
        "database": check_database(),
        "cache": check_cache(),
        "disk": check_disk(),
        "jail": check_jail(),
        "limits": check_limits(),
    }
    ok = checks["database"]["ok"] and checks["cache"]["ok"]
    body: dict[str, Any] = {"status": "ok" if ok else "unavailable", "version": settings.VERSION}
    if may_see_details(request):
        body["checks"] = checks
    return JsonResponse(body, status=200 if ok else 503)


@never_cache
@require_safe
def health_database(request: HttpRequest) -> JsonResponse:
    """The database alone."""
    ok = check_database()["ok"]
    body = {
        "status": "ok" if ok else "unavailable",
        "database": "connected" if ok else "disconnected",
        "message": "The database answers." if ok else "The database does not answer.",
    }
    return JsonResponse(body, status=200 if ok else 503)


def check_database() -> Check:
    start = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True, "ms": _since(start)}


def check_cache() -> Check:
    start = time.perf_counter()
    try:
        cache.get("health")
    except (RedisError, OSError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True, "ms": _since(start)}


def check_disk() -> Check:
    """Whether the disk of SLIPWAY_HOME has room left; `free` is a share of it."""
    usage = shutil.disk_usage(_existing(settings.SLIPWAY_HOME))
    free = usage.free / usage.total
    return {"ok": free >= LEAST_FREE, "free": round(free, 3)}


def check_jail() -> Check:
    """The jail's own account of its self-test. Compiled models are served without it."""
    try:
        return dict(Jail(settings.JAIL_SOCKET).status())
    except JailError as error:
        return {"ok": False, "error": str(error)}


def check_limits() -> Check:
    """Whether this process counts limits with all others, or must do with its share of them."""
    since = limiter().degraded_since
    if since is None:
        return {"ok": True}
    return {"ok": False, "error": "degraded", "seconds": round(time.monotonic() - since, 1)}


class _Readiness:
    """What the parts said last; asked again when that is too old, by one caller for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._ok = False

    def __call__(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked_at > HOLDS:
                self._ok = _parts_work()
                self._asked_at = time.monotonic()
            return self._ok


_readiness = _Readiness()


def _parts_work() -> bool:
    parts = (check_database, check_cache, check_disk)
    return all(check()["ok"] for check in parts) and _migrated()


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _migrated() -> bool:
    """Whether every migration of this code is applied; once true it stays true."""
    global _is_migrated  # noqa: PLW0603  asked once a process
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


_is_migrated = False


def may_see_details(request: HttpRequest) -> bool:
    """Whether an operator's session asks, or a program with METRICS_TOKEN."""
    return has_token(request) or _is_operator(request)


def has_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.METRICS_TOKEN.encode()
    return bool(token) and hmac.compare_digest(given.encode(), token)


def _is_operator(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_active and user.is_staff)


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
