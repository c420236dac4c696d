"""Answering calls that nobody waits for, and telling who asked to be told.

A job is a row that one worker holds at a time (`common.leases`). Its answer, its line in the log
and its event are written by one transaction: it is answered once, whatever is killed.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.db.models import F

from common import clock
from common.api.problems import as_domain_error
from common.context import request_context
from common.errors import DomainError, Unavailable
from common.events import publish
from common.http.problems import problem
from common.ids import uuid7_bytes
from common.leases import Lease, LeaseLost, claim
from common.outbound import Line, OutboundError
from common.outbound.own import own_servers
from common.runtime import Batch
from inference.errors import ModelDied
from inference.events import PredictionJobFailed, PredictionJobSucceeded
from inference.journal.record import MAX_INPUTS, MAX_OUTPUTS, Door, Kind, pack_facts
from inference.models import PredictionJob
from inference.native import encode
from inference.partitions import day_of, ensure_partitions
from inference.serving import Served, served_for
from inference.store import Entry, add, inputs_text
from registry.selectors import check_still_answers

logger = structlog.get_logger(__name__)

MAX_ATTEMPTS: Final = 5
RETRY_AFTER: Final = timedelta(seconds=5)
GIVE_UP_AFTER: Final = timedelta(days=1)
"""After so long nobody waits for the answer; what is missing has to be mended by people."""
CALLBACK_WITHIN: Final = 15.0  # seconds
CALLBACK_PAUSES: Final = (10, 60, 600, 3600, 6 * 3600)
"""Seconds before a callback that failed is tried again; after the last it is given up."""
CALLBACK_HELD: Final = timedelta(seconds=60)
"""So long nobody else tries a callback that somebody is trying."""
KEEP: Final = timedelta(days=7)


class Answered:
    """What came of a call: the native answer, or the problem it met."""

    def __init__(self, job: PredictionJob) -> None:
        """Ask the model. Raises Unavailable where it is worth trying again."""
        self.id = uuid7_bytes()
        start = time.perf_counter_ns()
        self.body = json.dumps(job.body, ensure_ascii=False).encode()
        self.rows, self.inference_ns, self.cache_hit = 0, 0, False
        self.out, self.error, self.inputs = b"", None, None
        served = served_for(job.version)
        try:
            check_still_answers(job.version_id)
            batch, correlation_id = served.decode(self.body)
            ran = served.compute(batch)
        except Unavailable:
            raise
        except Exception as error:
            self.error = as_domain_error(error)
            if self.error is None:
                raise
        else:
            self.rows, self.inference_ns, self.cache_hit = (
                batch.rows,
                ran.inference_ns,
                ran.cache_hit,
            )
            self.out = encode(served, ran, self.id, correlation_id)
            self.inputs = _kept_inputs(served, batch, self.body)
        self.duration_ns = time.perf_counter_ns() - start

    out: bytes
    error: DomainError | None
    inputs: str | None

    def entry(self, job: PredictionJob) -> Entry:
        """Its line in the log."""
        facts = pack_facts(
            version_id=job.version_id,
            model_id=job.version.model_id,
            organization_id=job.organization_id,
            user_id=job.user_id,
            key_id=job.key_id,
        )
        error = self.error
        return Entry(
            id=int.from_bytes(self.id, "big"), facts=facts.hex(), door=Door.ASYNC,
            status=error.status if error else 200, code=error.code if error else "",
            rows=self.rows, inference_us=self.inference_ns // 1000,
            duration_us=self.duration_ns // 1000, cache_hit=self.cache_hit,
            request_id=job.request_id, correlation_id=job.correlation_id,
            inputs_kept=error is not None or self.inputs is not None, inputs=self.inputs,
            outputs=self.out.decode() if self.out and len(self.out) <= MAX_OUTPUTS else None,
            raw_outputs=self.out,
        )  # fmt: skip


def answer_job(job_id: UUID) -> None:
    """Answer a job, unless another worker has it or has done it."""
    jobs = PredictionJob.objects.select_related("version__model__organization")
    job = claim(jobs.filter(id=job_id))
    if job is None:
        return
    with Lease(job) as lease, request_context(job.request_id):
        try:
            if job.attempts > MAX_ATTEMPTS:
                _give_up(lease)
            else:
                _finish(job, lease, Answered(job))
        except LeaseLost:
            return
        except ModelDied as error:
            _put_back(job, lease, error, counted=True)
        except (Unavailable, OSError) as error:
            _put_back(job, lease, error)
    if job.callback_url:
        send_callback(job.id)


def send_callback(job_id: UUID) -> None:
    """Tell a job's callback that it is done, if that is due and nobody else is at it."""
    now = clock.now()
    taken = PredictionJob.objects.filter(id=job_id, callback_due_at__lte=now).update(
        callback_due_at=now + CALLBACK_HELD, callback_attempts=F("callback_attempts") + 1
    )
    if not taken:
        return
    job = PredictionJob.objects.select_related("version__model__organization").get(id=job_id)
    error = _post(job)
    pause = CALLBACK_PAUSES[job.callback_attempts - 1 :][:1]
    job.callback_error = error
    job.callback_due_at = clock.now() + timedelta(seconds=pause[0]) if error and pause else None
    job.touch("callback_error", "callback_due_at")
    if error:
        logger.info("callback_failed", prediction_job_id=str(job.id), error=error)


def told(job: PredictionJob) -> dict[str, Any]:
    """A job as its route and its callback tell it."""
    return {
        "id": str(job.id),
        "model": job.version.model.reference,
        "version": job.version.number,
        "status": job.status,
        "prediction": job.prediction,
        "problem": job.problem,
        "correlation_id": job.correlation_id or None,
        "callback_url": job.callback_url or None,
        "callback_error": job.callback_error,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


class KeptCrashing(DomainError):
    """Whoever tries to answer a call dies of it."""

    status = 500
    title = "Failed"
    default_code = "kept_crashing"


def _kept_inputs(served: Served, batch: Batch, body: bytes) -> str | None:
    """The rows as the log may keep them."""
    kind, piece = (Kind.BODY, body) if served.privacy is None else served.kept_rows(batch)
    return inputs_text(kind, batch.rows, piece) if len(piece) <= MAX_INPUTS else None


def _finish(job: PredictionJob, lease: Lease[PredictionJob], answered: Answered) -> None:
    entry = answered.entry(job)
    ensure_partitions({day_of(entry.id)})
    with lease.write() as held:
        add([entry])
        if answered.error is None:
            held.prediction = json.loads(answered.out)
        else:
            held.problem = problem(answered.error)
        _done(held)


def _give_up(lease: Lease[PredictionJob]) -> None:
    error = KeptCrashing(f"The call brought its worker or its model down {MAX_ATTEMPTS} times.")
    _fail(lease, error)


def _fail(lease: Lease[PredictionJob], error: DomainError) -> None:
    """End it without an answer, and without a line in the log, which is of what was answered."""
    with lease.write() as held:
        held.problem = problem(error)
        _done(held)


def _done(held: PredictionJob) -> None:
    held.release(PredictionJob.State.DONE)
    held.finished_at = held.updated_at = clock.now()
    held.body = {}  # what of it may be kept is in the log
    held.callback_due_at = held.finished_at if held.callback_url else None
    held.save()
    facts: dict[str, Any] = {
        "prediction_job_id": held.id,
        "model_id": held.version.model_id,
        "version_id": held.version_id,
        "name": held.version.model.name,
        "number": held.version.number,
        "correlation_id": held.correlation_id,
    }
    kind = PredictionJobSucceeded if held.problem is None else PredictionJobFailed
    publish(kind(**facts), actor_id=held.user_id, organization_id=held.organization_id)


def _put_back(
    job: PredictionJob, lease: Lease[PredictionJob], error: Exception, *, counted: bool = False
) -> None:
    """Try again later, until GIVE_UP_AFTER. Unless `counted`, this costs no attempt."""
    try:
        if clock.now() - job.created_at > GIVE_UP_AFTER:
            _fail(lease, as_domain_error(error) or Unavailable(str(error)))
            return
        with lease.write() as held:
            held.release(PredictionJob.State.QUEUED, not_before=clock.now() + RETRY_AFTER)
            held.attempts -= 0 if counted else 1
            held.save()
    except LeaseLost:
        return
    logger.warning("prediction_job_put_back", error=str(error))


def _post(job: PredictionJob) -> str:
    """One try; what went wrong, or nothing."""
    body = msgspec.json.encode(told(job))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Slipway/{settings.VERSION}",
        "X-Slipway-Event": f"prediction_job.{job.status}",
    }
    try:
        with Line(allow=settings.WEBHOOK_ALLOW, own=own_servers()) as line:
            answer = line.post(
                job.callback_url, headers=headers, body=body, timeout=CALLBACK_WITHIN
            )
    except OutboundError as error:
        return str(error)[:500]
    return "" if answer.succeeded else f"The receiver answered {answer.status}."
