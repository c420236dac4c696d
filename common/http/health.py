"""Is it up, is it ready: for load balancers, orchestrators and people.

`/live` asks the process alone. `/ready` asks whether it can do its work: database, cache, and the
tables being those this code expects. `/health` says both in one, with details for whoever may see
them.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from common.jail import Jail, JailError
from common.limits import limiter

Check = dict[str, Any]


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Traffic may be sent here."""
    ok = check_database()["ok"] and check_cache()["ok"] and _migrated()
    return JsonResponse({"status": "ok" if ok else "unavailable"}, status=200 if ok else 503)


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """The whole; `checks` only for operators and for holders of METRICS_TOKEN."""
    checks = {
        "database": check_database(),
        "cache": check_cache(),
        "jail": check_jail(),
        "limits": check_limits(),
    }
    ok = checks["database"]["ok"] and checks["cache"]["ok"]
    body: dict[str, Any] = {"status": "ok" if ok else "unavailable", "version": settings.VERSION}
    if _may_see_details(request):
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


def _migrated() -> bool:
    """Whether every migration of this code is applied; once true it stays true."""
    global _is_migrated  # noqa: PLW0603  asked once a process
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


_is_migrated = False


def _may_see_details(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.METRICS_TOKEN and hmac.compare_digest(given, settings.METRICS_TOKEN):
        return True
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_active and user.is_staff)


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
