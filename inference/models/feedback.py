"""What turned out to be true, row by row, and how right versions were: sums by day and person."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from common.models import Record


class Feedback(Record):
    """The true value of one row of a prediction, and what the version had said.

    `correct` is None where truth and answer are numbers, `error` (answer less truth, in the
    target's unit; for several targets the root of their mean square) where they are labels. Both
    are None where the answer was not kept.
    """

    # No foreign key: the predictions' days are dropped as a whole.
    prediction_id = models.UUIDField()
    row = models.PositiveIntegerField(default=0)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey("registry.ModelVersion", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    given_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, related_name="+", null=True
    )
    label = models.JSONField()
    predicted = models.JSONField(null=True)
    correct = models.BooleanField(null=True)
    error = models.FloatField(null=True)

    class Meta:
        verbose_name_plural = "feedback"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["prediction_id", "row"], name="feedback_row_once"),
            models.CheckConstraint(
                condition=Q(correct__isnull=True) | Q(error__isnull=True),
                name="feedback_label_or_number",
            ),
        ]
        indexes = [models.Index(fields=["version", "-id"], name="feedback_by_version")]

    def __str__(self) -> str:
        return f"{self.prediction_id}:{self.row}"


class QualityRollUp(models.Model):
    """How right one version was about what one person asked on one day (UTC).

    `confusion` counts by truth and answer: `{"stays": {"stays": 7, "leaves": 1}}`.
    """

    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    labelled = models.BigIntegerField(default=0)
    correct = models.BigIntegerField(default=0)
    confusion = models.JSONField(default=dict)
    measured = models.BigIntegerField(default=0)
    squared_error = models.FloatField(default=0.0)
    absolute_error = models.FloatField(default=0.0)

    class Meta:
        verbose_name = "quality by day"
        verbose_name_plural = "quality by day"
        ordering = ("-day",)
        constraints = [
            models.UniqueConstraint(
                fields=["version", "day", "user"], name="quality_of_a_day_once"
            ),
            models.CheckConstraint(
                condition=Q(correct__lte=models.F("labelled")), name="quality_correct_are_labelled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.day:%Y-%m-%d}"
