"""What MLflow's clients log: experiments, runs with their metrics, models and files."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from django.db import models
from django.db.models import Q

from common.ids import uuid7
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor

SCHEME: Final = "mlflow-artifacts:/"
"""How an artifact's address begins; clients put the server's in its place."""
MODEL_ID: Final = "m-"


class RunStatus(models.TextChoices):
    """How a run does, in MLflow's words."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class LoggedStatus(models.TextChoices):
    """How far the files of a logged model are, in MLflow's words."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    FAILED = "LOGGED_MODEL_UPLOAD_FAILED"


class Stage(models.TextChoices):
    """MLflow's stages of a registered version."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class ExperimentQuerySet(models.QuerySet["MlflowExperiment"]):
    def visible_to(self, actor: Actor) -> ExperimentQuerySet:
        """Those of the actor's organizations; none for a key that is for some models alone."""
        if actor.model_refs:
            return self.none()
        return self.filter(organization_id__in=actor.organization_ids)


class MlflowExperiment(Record):
    """A name that runs stand under. `number` is what MLflow's clients call it by; 0 is Default."""

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+"
    )
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=500)
    tags = models.JSONField(default=dict, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "number"], name="mlflow_experiment_number_unique"
            ),
            models.UniqueConstraint(
                fields=["organization", "name"], name="mlflow_experiment_name_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def artifact_location(self) -> str:
        """Where the files of its runs and models lie."""
        return f"{SCHEME}{self.number}"


class MlflowRun(Record):
    """One training: what it was given and what came of it. Times are Unix milliseconds."""

    experiment = models.ForeignKey(MlflowExperiment, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=500, blank=True)
    user_name = models.CharField(max_length=250, blank=True, help_text="As the client says.")
    status = models.CharField(max_length=9, choices=RunStatus.choices, default=RunStatus.RUNNING)
    start_time = models.BigIntegerField()
    end_time = models.BigIntegerField(null=True, blank=True)
    params = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    inputs = models.JSONField(default=list, blank=True, help_text="Datasets, as the client says.")
    outputs = models.JSONField(default=list, blank=True, help_text="Models it made, with steps.")
    points = models.PositiveIntegerField(default=0, help_text="How many metric points it has.")
    metrics_known = models.JSONField(default=list, blank=True, help_text="Its metrics' names.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["experiment", "-start_time"], name="mlflow_run_newest"),
            models.Index(
                fields=["deleted_at"],
                name="mlflow_run_deleted",
                condition=Q(deleted_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.run_id

    @property
    def run_id(self) -> str:
        """What MLflow's clients call it by: 32 hexadecimal digits."""
        return self.id.hex

    @property
    def artifact_path(self) -> str:
        """Where its files lie; wants `experiment` selected."""
        return f"{self.experiment.number}/{self.run_id}/artifacts"


class LoggedModel(Record):
    """A model's folder as MLflow 3 logs it, with or without a run."""

    experiment = models.ForeignKey(
        MlflowExperiment, on_delete=models.CASCADE, related_name="logged_models"
    )
    run = models.ForeignKey(
        MlflowRun, on_delete=models.SET_NULL, related_name="logged_models", null=True, blank=True
    )
    name = models.CharField(max_length=500, blank=True)
    model_type = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=26, choices=LoggedStatus.choices, default=LoggedStatus.PENDING
    )
    params = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name or self.model_id

    @property
    def model_id(self) -> str:
        """What MLflow's clients call it by: `m-` and 32 hexadecimal digits."""
        return f"{MODEL_ID}{self.id.hex}"

    @property
    def artifact_path(self) -> str:
        """Where its files lie; wants `experiment` selected."""
        return f"{self.experiment.number}/models/{self.model_id}/artifacts"


class MlflowMetric(models.Model):
    """One value of one metric at one step. `timestamp` is Unix milliseconds."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(MlflowRun, on_delete=models.CASCADE, related_name="metrics")
    logged_model = models.ForeignKey(
        LoggedModel, on_delete=models.SET_NULL, related_name="metrics", null=True, blank=True
    )
    key = models.CharField(max_length=250)
    value = models.FloatField()
    timestamp = models.BigIntegerField()
    step = models.BigIntegerField()
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=36, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(fields=["run", "key", "-step", "-timestamp"], name="mlflow_metric_last")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.value} at {self.step}"


class LoggedFile(Record):
    """A file of a run's or of a logged model's. It lies in a folder of theirs, by its digest."""

    run = models.ForeignKey(
        MlflowRun, on_delete=models.CASCADE, related_name="files", null=True, blank=True
    )
    logged_model = models.ForeignKey(
        LoggedModel, on_delete=models.CASCADE, related_name="files", null=True, blank=True
    )
    path = models.CharField(max_length=1000, help_text="Below the run's or the model's artifacts.")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()

    class Meta:
        ordering = ("path",)
        constraints = [
            models.CheckConstraint(
                condition=Q(run__isnull=False) ^ Q(logged_model__isnull=False),
                name="mlflow_file_of_one",
            ),
            models.UniqueConstraint(fields=["run", "path"], name="mlflow_file_once_in_run"),
            models.UniqueConstraint(
                fields=["logged_model", "path"], name="mlflow_file_once_in_model"
            ),
        ]

    def __str__(self) -> str:
        return self.path


class Registration(Record):
    """What MLflow's clients keep with a version of a registered model."""

    version = models.OneToOneField(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="registration"
    )
    source = models.TextField(blank=True, help_text="The folder it was registered from.")
    run = models.ForeignKey(
        MlflowRun, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    logged_model = models.ForeignKey(
        LoggedModel, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.NONE)
    description = models.TextField(blank=True, max_length=10_000)
    tags = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.source


def id_of(text: str) -> uuid.UUID | None:
    """The id behind a run's or a logged model's name; None where it is neither."""
    digits = text.removeprefix(MODEL_ID)
    try:
        found = uuid.UUID(digits)
    except ValueError:
        return None
    return found if found.hex == digits else None
