"""Predictions as kept, which batches of them are stored, and their sums by quarter hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.actors import made_by
from inference.journal.record import MAX_CODE, MAX_CORRELATION_ID, MAX_REQUEST_ID
from registry.models import Model

if TYPE_CHECKING:
    from accounts.actors import Actor


class DoorName(models.IntegerChoices):
    """By which door a call came; the numbers are the journal's."""

    NATIVE = 1, "native"
    V2 = 2, "v2"
    PLAYGROUND = 3, "playground"
    INVOCATIONS = 4, "invocations"
    V1 = 5, "v1"
    BATCH = 6, "batch"
    ASYNC = 7, "async"


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def visible_to(self, actor: Actor) -> PredictionQuerySet:
        """Those of the models of the actor's organizations, and the actor's own of any model.

        For finding one; lists ask for one organization or version after the other.
        """
        own = Q(organization_id__in=actor.organization_ids) | made_by(actor)
        return self.within(actor).filter(own)

    def within(self, actor: Actor) -> PredictionQuerySet:
        """Those of the models a key is for, where it is for some alone."""
        if not actor.model_refs:
            return self
        return self.filter(model_id__in=Model.objects.visible_to(actor).values("id"))


class Prediction(models.Model):
    """One call that reached a model, answered or failed. Written by the journal's worker alone.

    The table is partitioned by the day in the UUIDv7 key. Its foreign keys have no constraint: a
    check per row is what they would cost, and a row must never be refused.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    model = models.ForeignKey(
        "registry.Model", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        "registry.ModelVersion", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    user = models.ForeignKey(
        "accounts.User", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    key = models.ForeignKey(
        "accounts.ApiKey", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False, null=True, blank=True,
    )  # fmt: skip
    created_at = models.DateTimeField()
    door = models.SmallIntegerField(choices=DoorName.choices)
    status = models.SmallIntegerField()
    code = models.CharField(max_length=MAX_CODE, blank=True)
    rows = models.IntegerField()
    inference_us = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    cache_hit = models.BooleanField()
    request_id = models.CharField(max_length=MAX_REQUEST_ID, blank=True)
    correlation_id = models.CharField(max_length=MAX_CORRELATION_ID, blank=True)
    inputs = models.JSONField(null=True, blank=True)
    inputs_kept = models.BooleanField()
    outputs = models.JSONField(null=True, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["organization", "-id"], name="prediction_by_organization"),
            models.Index(fields=["version", "-id"], name="prediction_by_version"),
            models.Index(
                fields=["organization", "-id"],
                name="prediction_failed",
                condition=Q(status__gte=400),
            ),
            models.Index(
                fields=["version", "-id"],
                name="prediction_failed_by_version",
                condition=Q(status__gte=400),
            ),
            models.Index(
                fields=["correlation_id", "-id"],
                name="prediction_by_correlation",
                condition=~Q(correlation_id=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def inference_ms(self) -> float:
        return self.inference_us / 1000

    @property
    def duration_ms(self) -> float:
        return self.duration_us / 1000

    @property
    def succeeded(self) -> bool:
        return self.status < 400


class JournalBatch(models.Model):
    """A stretch of a segment that is stored: bytes from `offset` up to `end`.

    Its presence is what tells a shipper that it may forget these bytes.
    """

    pk = models.CompositePrimaryKey("segment", "offset")
    segment = models.CharField(max_length=64)
    offset = models.BigIntegerField()
    end = models.BigIntegerField()
    stored_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "journal batches"

    def __str__(self) -> str:
        return f"{self.segment} {self.offset}"


class Figures(models.Model):
    """What one version answered within a stretch of time. `inference.rollups` says how.

    Sums, counts, histograms and extremes, so that any number of rows can be added to one.
    """

    version = models.ForeignKey(
        "registry.ModelVersion", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    requests = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    errors = models.JSONField(default=dict)
    duration_us_sum = models.BigIntegerField(default=0)
    duration_us_min = models.BigIntegerField(null=True, help_text="Unknown for old rows.")
    duration_us_max = models.BigIntegerField(null=True, help_text="Unknown for old rows.")
    latency_histogram = ArrayField(models.BigIntegerField(), default=list)
    inference_us_sum = models.BigIntegerField(default=0)
    inference_us_min = models.BigIntegerField(null=True, help_text="Unknown for old rows.")
    inference_us_max = models.BigIntegerField(null=True, help_text="Unknown for old rows.")
    inference_histogram = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    labels = models.JSONField(default=dict)
    confidence_sum = models.FloatField(default=0.0)
    confidence_count = models.BigIntegerField(default=0)
    confidence_histogram = ArrayField(models.BigIntegerField(), default=list)
    cache_hits = models.BigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        abstract = True


class RollUp(Figures):
    """A quarter of an hour, because some time zones are at :30 and :45."""

    quarter = models.DateTimeField()

    class Meta:
        verbose_name = "roll-up"
        ordering = ("-quarter",)
        constraints = [
            models.UniqueConstraint(fields=["version", "quarter"], name="roll_up_unique"),
            models.CheckConstraint(condition=Q(failed__lte=models.F("requests")),
                                   name="roll_up_failed_are_requests"),
        ]  # fmt: skip
        indexes = [models.Index(fields=["quarter"], name="roll_up_quarter")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.quarter:%Y-%m-%d %H:%M}"


class DayRollUp(Figures):
    """A day (UTC): the sum of its quarter hours, so that a long period is a few rows."""

    day = models.DateTimeField()

    class Meta:
        verbose_name = "roll-up of a day"
        verbose_name_plural = "roll-ups of days"
        ordering = ("-day",)
        constraints = [
            models.UniqueConstraint(fields=["version", "day"], name="day_roll_up_unique")
        ]
        indexes = [models.Index(fields=["day"], name="day_roll_up_day")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.day:%Y-%m-%d}"


class UserRollUp(models.Model):
    """What one person asked one version within a quarter of an hour, by whatever credential."""

    user = models.ForeignKey(
        "accounts.User", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        "registry.ModelVersion", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    quarter = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    inference_us_sum = models.BigIntegerField(default=0)
    labels = models.JSONField(default=dict, db_default={})

    class Meta:
        verbose_name = "roll-up of a person"
        verbose_name_plural = "roll-ups of people"
        ordering = ("-quarter",)
        constraints = [
            models.UniqueConstraint(
                fields=["user", "quarter", "version"], name="user_roll_up_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.version_id} {self.quarter:%Y-%m-%d %H:%M}"
