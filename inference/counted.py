"""Predictions as Prometheus sees them: by door and outcome, and how long they took.

Answers given in front of Django are counted here alone; the plain way's are counted by their route
as well (`common.http.observed`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings

from common.context import request_context
from common.errors import DomainError
from common.http.observed import count_refusal
from common.meter import Counter, Histogram
from inference.serving import Served

logger = structlog.get_logger("slipway.slow")

PREDICTIONS = Histogram(
    "slipway_prediction_duration_seconds",
    "Predictions by door and outcome (ok, refused, failed), and how long their answers took.",
    ("door", "outcome"),
    bounds=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000),
)
ERRORS = Counter(
    "slipway_prediction_errors_total", "Predictions that got no answer, by code.", ("door", "code")
)
NATIVE: Final = "native"
V2: Final = "v2"
# Looked up once: these are on the hot path.
native_ok: Callable[[int], None] = PREDICTIONS.of(NATIVE, "ok").observe
v2_ok: Callable[[int], None] = PREDICTIONS.of(V2, "ok").observe
SLOW: Final = settings.SLOW_REQUEST_MS / 1000
"""Seconds after which an answer is slow."""


def count_failure(door: str, error: DomainError, began: float) -> None:
    """Count a call that got an error for its answer. `began` is on the monotonic clock."""
    outcome = "failed" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"
    PREDICTIONS.of(door, outcome).observe(int((time.monotonic() - began) * 1e9))
    ERRORS.of(door, error.code).add()
    count_refusal(error.status)


def count_success(door: str, began: float) -> None:
    """Count an answer that was given the plain way."""
    PREDICTIONS.of(door, "ok").observe(int((time.monotonic() - began) * 1e9))


def note_slow(door: str, began: float, request_id: str, served: Served) -> None:
    """Write a slow answer to the log. `began` is on the monotonic clock."""
    with request_context(request_id):
        logger.warning(
            "slow_request",
            door=door,
            model=served.reference,
            ms=round((time.monotonic() - began) * 1000, 2),
        )
