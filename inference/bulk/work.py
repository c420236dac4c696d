"""Doing a job's steps: taking one after the other, and writing down what came of it, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from common import clock
from common.context import request_context
from common.errors import DomainError, Invalid, Unavailable
from common.events import publish
from common.jail import JailBudget, JailDied, JailRefused, JailUnavailable
from common.leases import Lease, LeaseLost, claim
from common.storable import storable
from common.storage import Folder
from inference.bulk.joining import join_parts
from inference.bulk.layout import RECORD, Records
from inference.bulk.parquet import ParquetSource
from inference.bulk.plan import plan_file
from inference.bulk.scoring import Answers, Scorer
from inference.bulk.sending import send
from inference.bulk.text import CsvSource, JsonlSource
from inference.errors import ModelDied
from inference.events import BatchJobFailed, BatchJobSucceeded
from inference.journal.record import MAX_OUTPUTS, Door, pack_facts
from inference.models import UNFINISHED, BatchJob, BatchStatus, BatchStep, FileFormat, StepKind
from inference.partitions import day_of, ensure_partitions
from inference.serving import Served, served_for
from inference.store import Entry, add
from registry.selectors import check_still_answers

logger = structlog.get_logger(__name__)

FOLDER: Final = "batch"
INPUT, RESULT = "input", "result"
TURN: Final = 15.0
"""Seconds after which a worker lets other jobs have their turn."""
THREADS: Final = min(2, os.cpu_count() or 1)
"""Of a worker, at one job: rows are answered while others are read, written and noted."""
MAX_ATTEMPTS: Final = 5
RETRY_AFTER: Final = timedelta(seconds=5)
SOURCES: Final = {
    FileFormat.CSV: CsvSource, FileFormat.JSONL: JsonlSource, FileFormat.PARQUET: ParquetSource,
}  # fmt: skip
Source = CsvSource | JsonlSource | ParquetSource


def folder_of(job_id: UUID) -> Folder:
    """Where a job's files are: `input`, parts, `result`."""
    return Folder(FOLDER, job_id)


def work_off(job_id: UUID) -> None:
    """Do steps of a job until none can be taken, or until it is another job's turn.

    Raises what no step copes with, such as the database's errors: its lease then runs out.
    """
    until = time.monotonic() + TURN
    _do_steps(job_id, until, only_plan=True)
    with ThreadPoolExecutor(THREADS, "batch") as threads:
        hands = [threads.submit(_in_thread, job_id, until) for _ in range(THREADS)]
    over = [hand.result() for hand in hands]
    if any(over):
        send(job_id)


def _in_thread(job_id: UUID, until: float) -> bool:
    try:
        return _do_steps(job_id, until)
    finally:
        connection.close()


def _do_steps(job_id: UUID, until: float, *, only_plan: bool = False) -> bool:
    """Do one step after the other; whether there may be more, and the turn is over."""
    steps = BatchStep.objects.filter(job_id=job_id, job__status__in=UNFINISHED)
    if only_plan:
        steps = steps.filter(kind=StepKind.PLAN)
    with Desk(job_id) as desk:
        while time.monotonic() < until:
            step = claim(steps)
            if step is None:
                return False
            desk.do(step)
    return True


class Desk:
    """What a thread has of a job while it does its steps: the file and the model, opened once."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self.folder = folder_of(job_id)
        self._job: BatchJob | None = None
        self._scorer: Scorer | None = None
        self._source: Source | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_source()

    @property
    def job(self) -> BatchJob:
        """As it was when it was first asked for; its header is there once it is planned."""
        if self._job is None:
            self._job = BatchJob.objects.with_models().get(id=self.job_id)
        return self._job

    @property
    def scorer(self) -> Scorer:
        if self._scorer is None:
            self._scorer = Scorer(served_for(self.job.version))
        return self._scorer

    @property
    def served(self) -> Served:
        return self.scorer.served

    def do(self, step: BatchStep) -> None:
        """Do a claimed step; whatever comes of it is in the database afterwards."""
        with Lease(step) as lease, request_context(self.job.request_id):
            try:
                if step.attempts > MAX_ATTEMPTS:
                    raise Invalid(
                        f"{step} brought its worker down {MAX_ATTEMPTS} times.",
                        code="kept_crashing",
                    )
                if step.kind != StepKind.JOIN:  # which asks nothing of the model
                    check_still_answers(self.job.version_id)
                STEPS[StepKind(step.kind)](self, step, lease)
            except LeaseLost:
                logger.info("batch_step_lost", job_id=str(self.job_id), step=str(step))
            except FileNotFoundError:
                lost = Invalid("A file of the job is gone from the disk.", code="file_lost")
                self._fail(lease, lost)
            except (JailDied, ModelDied) as error:
                self._put_back(lease, error, counted=True)
            except (JailUnavailable, Unavailable, OSError) as error:
                self._put_back(lease, error)
            except (JailRefused, JailBudget, DomainError) as error:
                self._fail(lease, error)

    def plan(self, step: BatchStep, lease: Lease[BatchStep]) -> None:
        """Look through the file, and make a step of each stretch of it."""
        with self.folder.open(INPUT) as file:
            plan = plan_file(self.job, file, self.scorer.features)
        with lease.write() as held, self._locked() as job:
            BatchStep.objects.bulk_create(
                [
                    BatchStep(
                        job=job, kind=StepKind.SCORE, number=number, start=span.start,
                        rows=span.rows, offset=span.offset, end=span.end,
                    )
                    for number, span in enumerate(plan.spans)
                ],
                batch_size=1000,
            )  # fmt: skip
            job.status, job.started_at = BatchStatus.RUNNING, clock.now()
            job.header, job.rows, job.reason = plan.header, plan.rows, ""
            job.touch("status", "started_at", "header", "rows", "reason")
            _done(held)
        self._job = None
        for _ in range(min(settings.BATCH_PARALLEL, len(plan.spans) // THREADS) - 1):
            send(self.job_id)

    def score(self, step: BatchStep, lease: Lease[BatchStep]) -> None:
        """Answer some rows: their part of the result, their predictions, their count."""
        source, name = self._open_source(), f"part-{step.number:06}-{step.token}"
        entries: list[Entry] = []
        failed = 0
        source.begin_part(self.folder.path / name)
        try:
            for piece in source.pieces(step):
                answers = self.scorer.answer(piece)
                records = Records(answers)
                source.add(piece, answers, records)
                entries += self._entries(answers, records)
                failed += int(answers.failed.sum())
            source.end_part()
            self.folder.settle()
        except BaseException:
            # What was read ahead and half written is of no use to whatever comes next.
            self._close_source()
            self.folder.drop(name)
            raise
        ensure_partitions({day_of(entry.id) for entry in entries})
        with lease.write() as held:
            if entries:
                add(entries)
            held.part, held.failed = name, failed
            _done(held)
            self._count(step.rows, failed)

    def _count(self, rows: int, failed: int) -> None:
        """Add a step's rows to the job's; after the last there is a step to join them."""
        with self._locked() as job:
            job.rows_done += rows
            job.rows_failed += failed
            job.reason = ""
            job.touch("rows_done", "rows_failed", "reason")
            if job.rows_done == job.rows:
                BatchStep.objects.create(job=job, kind=StepKind.JOIN)

    def join(self, step: BatchStep, lease: Lease[BatchStep]) -> None:
        """Make one file of the parts, and tell that the job is done."""
        self._close_source()
        names = list(
            BatchStep.objects.filter(job_id=self.job_id, kind=StepKind.SCORE)
            .order_by("number")
            .values_list("part", flat=True)
        )
        paths = [self.folder.path / name for name in names]
        features = [feature.name for feature in self.scorer.features]
        made = self.folder.path / f"{RESULT}-{step.token}"
        joined = join_parts(self.job, self.served, features, paths, made)
        with lease.write() as held, self._locked() as job:
            made.replace(self.folder.path / RESULT)
            self.folder.settle()
            job.status = BatchStatus.SUCCEEDED
            job.result_sha256, job.result_bytes = joined.sha256, joined.size
            job.finished_at = clock.now()
            job.touch("status", "result_sha256", "result_bytes", "finished_at")
            _done(held)
            publish(
                BatchJobSucceeded(
                    **facts_of(job),
                    rows=job.rows or 0,
                    rows_failed=job.rows_failed,
                    user_id=job.user_id,
                ),
                actor_id=job.user_id,
                organization_id=job.organization_id,
            )
        self.folder.keep(INPUT, RESULT)
        logger.info("batch_succeeded", job_id=str(self.job_id), rows=self.job.rows)

    @contextmanager
    def _locked(self) -> Iterator[BatchJob]:
        """The job, for writing; LeaseLost where it was cancelled or has failed meanwhile."""
        job = (
            BatchJob.objects.select_related("version__model")
            .select_for_update(of=("self",))
            .get(id=self.job_id)
        )
        if job.is_over:
            raise LeaseLost
        yield job

    def _open_source(self) -> Source:
        if self._source is None:
            job = self.job
            kind = SOURCES[FileFormat(job.format)]
            file = self.folder.open(INPUT)
            self._source = kind(job, file, self.served, self.scorer.features)
        return self._source

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _entries(self, answers: Answers, records: Records) -> Iterator[Entry]:
        """Answered rows as predictions of the log; the rows themselves are in the file."""
        job, rows = self.job, records.rows
        facts = pack_facts(
            version_id=job.version_id,
            model_id=job.version.model_id,
            organization_id=job.organization_id,
            user_id=job.user_id,
            key_id=job.key_id,
        ).hex()
        for number, id_ in enumerate(records.ids):
            some = rows[number * RECORD : (number + 1) * RECORD]
            raw = answers.record(some)
            if len(raw) > MAX_OUTPUTS:  # as of any call: its figures stay, without labels
                raw = b""
            took = answers.inference_ns * len(some) // len(rows) // 1000
            yield Entry(
                id=int.from_bytes(id_, "big"), facts=facts, door=Door.BATCH, status=200, code="",
                rows=len(some), inference_us=took, duration_us=took, cache_hit=True,
                request_id=job.request_id, correlation_id=str(job.id), inputs_kept=False,
                inputs=None, outputs=raw.decode() or None, raw_outputs=raw,
            )  # fmt: skip

    def _put_back(
        self, lease: Lease[BatchStep], error: Exception, *, counted: bool = False
    ) -> None:
        """Try again later. Unless `counted`, this was not the file's fault and costs no attempt."""
        self._close_source()
        self._scorer = None
        try:
            with lease.write() as held, self._locked() as job:
                held.release(BatchStep.State.QUEUED, not_before=clock.now() + RETRY_AFTER)
                held.attempts -= 0 if counted else 1
                held.save()
                job.reason = f"Waiting: {storable(str(error))}"
                job.touch("reason")
        except LeaseLost:
            return
        logger.warning("batch_step_put_back", job_id=str(self.job_id), error=str(error))

    def _fail(self, lease: Lease[BatchStep], error: JailRefused | JailBudget | DomainError) -> None:
        """The end of a job whose file can't be read, or whose rows can't be answered at all."""
        if isinstance(error, DomainError):
            code, reason = error.code, error.message
        elif isinstance(error, JailRefused):
            code, reason = error.code, error.reason
        else:
            code, reason = "over_budget", f"Reading the file took too much {error.resource}."
        self._close_source()
        try:
            with lease.write(), self._locked() as job:
                job.status, job.code, job.reason = BatchStatus.FAILED, code, storable(reason)
                job.finished_at = clock.now()
                job.touch("status", "code", "reason", "finished_at")
                publish(
                    BatchJobFailed(
                        **facts_of(job), code=code, reason=job.reason, user_id=job.user_id
                    ),
                    actor_id=job.user_id,
                    organization_id=job.organization_id,
                )
        except LeaseLost:
            return
        logger.info("batch_failed", job_id=str(self.job_id), code=code, reason=reason)


STEPS: Final[dict[StepKind, Callable[[Desk, BatchStep, Lease[BatchStep]], None]]] = {
    StepKind.PLAN: Desk.plan,
    StepKind.SCORE: Desk.score,
    StepKind.JOIN: Desk.join,
}


def _done(step: BatchStep) -> None:
    step.release(BatchStep.State.DONE)
    step.save()


def facts_of(job: BatchJob) -> dict[str, Any]:
    """What every event about a job tells."""
    version = job.version
    return {
        "batch_job_id": job.id,
        "model_id": version.model_id,
        "version_id": version.id,
        "name": version.model.name,
        "number": version.number,
        "filename": job.filename,
    }
