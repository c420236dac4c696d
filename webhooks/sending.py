"""One attempt: signed by Standard Webhooks, sent through the address guard, and judged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings

from common import clock
from common.context import request_context
from common.crypto import SealBrokenError
from common.errors import Invalid
from common.outbound import Answer, Line, OutboundError
from common.outbound.own import own_servers
from common.tracing import outgoing
from webhooks import schedule, signing
from webhooks.models import Webhook
from webhooks.services import Job, Lane, Outcome, Result
from webhooks.services.claims import LANE_S
from webhooks.services.results import GONE

logger = structlog.get_logger(__name__)

MOST_BODY: Final = 4096  # characters of an answer that the history keeps
MOST_HEADERS: Final = 30
MOST_HEADER: Final = 500
# A receiver's cookies are nobody's business.
UNKEPT: Final = frozenset({"set-cookie"})


def send_lane(lane: Lane) -> list[Result]:
    """Attempt a lane's deliveries one after the other; stops at a failure, and after LANE_S."""
    results: list[Result] = []
    start = time.monotonic()
    with Line(allow=settings.WEBHOOK_ALLOW, own=own_servers()) as line:
        for job in lane.jobs:
            with request_context(job.request_id):
                result = attempt(line, lane.webhook, job)
                logger.info(
                    "webhook_attempted", webhook_id=str(lane.webhook.id),
                    message_id=str(job.message_id), attempt=job.attempt,
                    outcome=result.outcome.value, status=result.status, code=result.code,
                    ms=result.duration_ms,
                )  # fmt: skip
            results.append(result)
            if result.outcome is not Outcome.DELIVERED or time.monotonic() - start > LANE_S:
                break
    return results


def attempt(line: Line, webhook: Webhook, job: Job) -> Result:
    """Send one delivery once. Whatever goes wrong is in the result."""
    at = clock.now()
    start = time.perf_counter()
    headers: dict[str, str] = {}
    try:
        headers = _headers(webhook, job, at)
        with outgoing("POST", webhook.host):
            answer = line.post(
                webhook.url, headers=headers, body=job.body, timeout=webhook.timeout_s
            )
    except (OutboundError, SealBrokenError, Invalid) as error:
        code = str(getattr(error, "code", "secret_unreadable"))
        if isinstance(error, SealBrokenError):
            logger.exception("webhook_secret_unreadable", webhook_id=str(webhook.id))
        return Result(
            job, Outcome.FAILED, at, _since(start), headers, code=code,
            error=str(error)[:500],
        )  # fmt: skip
    return _judged(job, at, headers, answer)


def _judged(job: Job, at: datetime, headers: dict[str, str], answer: Answer) -> Result:
    outcome, error = Outcome.DELIVERED, ""
    if not answer.succeeded:
        outcome = Outcome.GONE if answer.status == GONE else Outcome.FAILED
        error = f"The receiver answered {answer.status}."
        if 300 <= answer.status < 400:
            error += " Redirects are not followed."
    return Result(
        job,
        outcome,
        at,
        answer.duration_ms,
        headers,
        status=answer.status,
        error=error,
        response_headers=_kept(answer.headers) if answer.is_external else {},
        response_body=_text(answer) if answer.is_external else "",
        response_hidden=not answer.is_external,
        wait=schedule.retry_after(answer.headers.get("Retry-After"), now=at),
        throttles=answer.status in schedule.THROTTLING,
    )


def _headers(webhook: Webhook, job: Job, at: datetime) -> dict[str, str]:
    message_id, timestamp = str(job.message_id), int(at.timestamp())
    keys = [signing.unsealed(webhook.signing_secret)]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > at:
        keys.append(signing.unsealed(webhook.previous_secret))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Slipway/{settings.VERSION}",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.signature(
            keys, message_id=message_id, timestamp=timestamp, body=job.body
        ),
        "X-Slipway-Event": job.type,
        "X-Slipway-Delivery-Attempt": str(job.attempt),
    }
    if job.request_id:
        headers["X-Request-ID"] = job.request_id
    return headers


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    kept = [(k, v[:MOST_HEADER]) for k, v in headers.items() if k.lower() not in UNKEPT]
    return dict(kept[:MOST_HEADERS])


def _text(answer: Answer) -> str:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    text = answer.body.decode(errors="replace").replace("\0", "\ufffd")
    more = answer.truncated or len(text) > MOST_BODY
    return text[:MOST_BODY] + ("…" if more else "")


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)
