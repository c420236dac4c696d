"""Files of rows that a version answers: the job, and the steps it is done in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.actors import made_by
from common import clock
from common.ids import uuid7
from common.leases import HAS_LEASE, Leased
from common.models import Record
from registry.models import Model

if TYPE_CHECKING:
    from accounts.actors import Actor


class BatchStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (BatchStatus.QUEUED, BatchStatus.RUNNING)


class FileFormat(models.TextChoices):
    CSV = "csv", "CSV"
    JSONL = "jsonl", "JSON Lines"
    PARQUET = "parquet", "Parquet"


class Keep(models.TextChoices):
    """Which columns of the file are carried into the result."""

    OTHERS = "others"
    ALL = "all"
    NONE = "none"


class BatchJobQuerySet(models.QuerySet["BatchJob"]):
    def visible_to(self, actor: Actor) -> BatchJobQuerySet:
        """Those of the actor's organizations' models, and the actor's own of any model."""
        mine = self.filter(Q(organization_id__in=actor.organization_ids) | made_by(actor))
        if not actor.model_refs:
            return mine
        return mine.filter(version__model_id__in=Model.objects.visible_to(actor).values("id"))

    def with_models(self) -> BatchJobQuerySet:
        """With what a reference of the model takes."""
        return self.select_related("version__model__organization", "user")


class BatchJob(Record):
    """A file of rows, and the file of answers that is made of it.

    `rows` is None until the file has been looked through. What is done counts rows that have their
    line in the result, whether with an answer or with an error.
    """

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="batch_jobs"
    )
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key_id = models.UUIDField(null=True, blank=True)
    status = models.CharField(
        max_length=10, choices=BatchStatus.choices, default=BatchStatus.QUEUED
    )
    format = models.CharField(max_length=10, choices=FileFormat.choices)
    keep = models.CharField(max_length=10, choices=Keep.choices, default=Keep.OTHERS)
    probabilities = models.BooleanField(default=True)
    filename = models.CharField(max_length=255, blank=True)
    input_sha256 = models.CharField(max_length=64)
    input_bytes = models.BigIntegerField()
    header = models.JSONField(default=list, blank=True, help_text="The file's columns.")
    rows = models.BigIntegerField(null=True, blank=True)
    rows_done = models.BigIntegerField(default=0)
    rows_failed = models.BigIntegerField(default=0)
    result_sha256 = models.CharField(max_length=64, blank=True)
    result_bytes = models.BigIntegerField(null=True, blank=True)
    code = models.CharField(max_length=60, blank=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    asked_for = models.TextField(blank=True, help_text="The model, as the request named it.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    files_deleted_at = models.DateTimeField(null=True, blank=True)

    objects = BatchJobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                name="batch_job_once",
                condition=~Q(idempotency_key=""),
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="batch_job_by_organization"),
            models.Index(fields=["user", "-id"], name="batch_job_by_user"),
            models.Index(
                fields=["id"],
                name="batch_job_unfinished",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.Index(
                fields=["finished_at"],
                name="batch_job_with_files",
                condition=Q(files_deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename or self.format} ({self.status})"

    @property
    def is_over(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def progress(self) -> float:
        """How much is done, from 0 to 1."""
        if self.status == BatchStatus.SUCCEEDED:
            return 1.0
        return self.rows_done / self.rows if self.rows else 0.0


class StepKind(models.IntegerChoices):
    """What there is to do, in this order."""

    PLAN = 1, "plan"
    SCORE = 2, "score"
    JOIN = 3, "join"


class BatchStep(Leased):
    """A part of a job that one worker does at a time: look through, answer some rows, join.

    `start` and `rows` are rows of the file; `offset` and `end` the bytes they are in, where the
    file is text. `part` is the name of the file with their answers.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="steps")
    kind = models.SmallIntegerField(choices=StepKind.choices)
    number = models.IntegerField(default=0)
    start = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    end = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    part = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("kind", "number")
        constraints = [
            models.UniqueConstraint(fields=["job", "kind", "number"], name="batch_step_once"),
            models.CheckConstraint(condition=HAS_LEASE, name="batch_step_running_has_lease"),
        ]
        indexes = [
            models.Index(
                fields=["job", "kind", "number"],
                name="batch_step_undone",
                condition=~Q(state="done"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number} of {self.job_id}"
