"""Single predictions whose answer is not waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.actors import made_by
from common.leases import HAS_LEASE, Leased
from common.models import Record
from registry.models import Model

if TYPE_CHECKING:
    from accounts.actors import Actor


class PredictionJobQuerySet(models.QuerySet["PredictionJob"]):
    def visible_to(self, actor: Actor) -> PredictionJobQuerySet:
        """Those of the actor's organizations' models, and the actor's own of any model."""
        mine = self.filter(Q(organization_id__in=actor.organization_ids) | made_by(actor))
        if not actor.model_refs:
            return mine
        return mine.filter(version__model_id__in=Model.objects.visible_to(actor).values("id"))


class PredictionJob(Record, Leased):
    """A call that is answered later. `prediction` is what the native door would have answered,
    `problem` what it would have refused with; neither is there before it is done.

    `asked_sha256` is of model and body as they came, which a repeated `idempotency_key` is held to.
    Where there is a `callback_url`, it is told at `callback_due_at`; that is None once it has been
    told, or was given up, and `callback_error` says why the last try failed.
    """

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="prediction_jobs"
    )
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key_id = models.UUIDField(null=True, blank=True)
    body = models.JSONField()
    correlation_id = models.CharField(max_length=128, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    asked_sha256 = models.CharField(max_length=64, blank=True)
    prediction = models.JSONField(null=True, blank=True)
    problem = models.JSONField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    callback_url = models.TextField(blank=True)
    callback_due_at = models.DateTimeField(null=True, blank=True)
    callback_attempts = models.PositiveIntegerField(default=0)
    callback_error = models.TextField(blank=True)

    objects = PredictionJobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(condition=HAS_LEASE, name="prediction_job_running_has_lease"),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                name="prediction_job_once",
                condition=~Q(idempotency_key=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], name="prediction_job_undone", condition=~Q(state="done")
            ),
            models.Index(
                fields=["callback_due_at"],
                name="prediction_job_callback",
                condition=Q(callback_due_at__isnull=False),
            ),
            models.Index(fields=["finished_at"], name="prediction_job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"

    @property
    def status(self) -> str:
        """`queued`, `running`, `succeeded` or `failed`."""
        if self.state != self.State.DONE:
            return str(self.state)
        return "failed" if self.problem is not None else "succeeded"
