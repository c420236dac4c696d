"""Taking in calls that are answered later."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from accounts.actors import Actor
from common import clock
from common.context import request_id
from common.errors import Fault, Invalid
from common.leases import claimable
from common.outbound import AddressRefused, check_target, checked_url
from common.outbound.own import own_servers
from inference.decode import check_options, decode
from inference.errors import IdempotencyConflict, TooManyPredictionJobs
from inference.models import PredictionJob
from inference.prediction_jobs import KEEP
from registry.selectors import resolve_for_use

logger = structlog.get_logger(__name__)

MOST_UNFINISHED: Final = 10_000
"""Calls of one person that may wait."""
MESSAGE_LIFE: Final = 60


def submit_prediction(
    ref: str, body: Any, *, actor: Actor, idempotency_key: str = ""
) -> PredictionJob:
    """Take a native body in, with `callback_url` beside its rows if need be.

    It is read against the signature here, so that what is wrong is said at once. When this commits
    the call is never lost. The same idempotency key with the same model and body gives the job that
    is there already. Raises what a native call would raise, Invalid for a callback that may not be
    called, TooManyPredictionJobs, IdempotencyConflict.
    """
    once: dict[str, Any] = {
        "user_id": actor.id,
        "idempotency_key": idempotency_key,
        "asked_sha256": _digest(ref, body),
    }
    before = _same(actor, **once)
    if before is not None:
        return before
    version = resolve_for_use(actor, ref)
    callback_url = ""
    if isinstance(body, dict):
        body = dict(body)
        callback_url = _checked_callback(body.pop("callback_url", None))
    correlation_id = check_options(body)
    decode(version.signature or {}, body)
    waiting = PredictionJob.objects.filter(~Q(state=PredictionJob.State.DONE), user_id=actor.id)
    if waiting[:MOST_UNFINISHED].count() >= MOST_UNFINISHED:
        raise TooManyPredictionJobs(f"{MOST_UNFINISHED:,} calls of yours are waiting already.")
    try:
        with transaction.atomic():
            job = PredictionJob.objects.create(
                organization_id=version.model.organization_id,
                version=version,
                key_id=actor.key_id,
                body=body,
                correlation_id=correlation_id or "",
                request_id=request_id(),
                callback_url=callback_url,
                **once,
            )
            transaction.on_commit(partial(send_prediction_job, job.id), robust=True)
    except IntegrityError:
        before = _same(actor, **once)  # somebody sent the same in this very moment
        if before is None:
            raise
        return before
    return job


def send_prediction_job(job_id: UUID) -> None:
    """Tell a worker. A broker that is away is the reaper's to make good."""
    from inference.tasks import answer_prediction_job

    try:
        answer_prediction_job.apply_async(args=(str(job_id),), expires=MESSAGE_LIFE, retry=False)
    except OperationalError as error:
        logger.warning("prediction_job_not_sent", job_id=str(job_id), error=str(error))


def waiting_prediction_jobs() -> list[UUID]:
    """Those that wait or were left by a worker that is gone, oldest first."""
    rows = PredictionJob.objects.filter(claimable()).order_by("not_before")
    return list(rows.values_list("id", flat=True)[:500])


def due_callbacks() -> list[UUID]:
    """Jobs whose callback is to be told now, the longest due first."""
    rows = PredictionJob.objects.filter(callback_due_at__lte=clock.now())
    return list(rows.order_by("callback_due_at").values_list("id", flat=True)[:100])


def delete_old_jobs() -> int:
    """Delete jobs that were done long ago; their predictions stay in the log."""
    deleted, _ = PredictionJob.objects.filter(finished_at__lt=clock.now() - KEEP).delete()
    return deleted


def _digest(ref: str, body: Any) -> str:
    return hashlib.sha256(json.dumps([ref, body], sort_keys=True).encode()).hexdigest()


def _same(
    actor: Actor, *, user_id: UUID, idempotency_key: str, asked_sha256: str
) -> PredictionJob | None:
    """The job that this one repeats. Raises IdempotencyConflict where it is another, or one that
    the actor may not see: a key is not shown what its holder did in person.
    """
    if not idempotency_key:
        return None
    jobs = PredictionJob.objects.select_related("version__model__organization")
    before = jobs.filter(user_id=user_id, idempotency_key=idempotency_key).first()
    if before is None:
        return None
    seen = PredictionJob.objects.visible_to(actor).filter(id=before.id).exists()
    if not seen or before.asked_sha256 != asked_sha256:
        raise IdempotencyConflict("This Idempotency-Key came with another model or body before.")
    return before


def _checked_callback(url: Any) -> str:
    if url is None:
        return ""
    if not isinstance(url, str):
        message = "`callback_url` must be text."
        raise Invalid(message, errors=[Fault("/callback_url", "must be text")])
    target = checked_url(url, pointer="/callback_url")
    try:
        check_target(target, settings.WEBHOOK_ALLOW, own=own_servers())
    except AddressRefused as error:
        raise Invalid(str(error), errors=[Fault("/callback_url", str(error))]) from None
    return url
