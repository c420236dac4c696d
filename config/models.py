"""How the machine fares: measured every minute, summed up every hour."""

from __future__ import annotations

from django.db import models


class MetricSample(models.Model):
    """One minute's figures. `counters` are those that only grow, to take differences of."""

    at = models.DateTimeField(primary_key=True, help_text="The minute's beginning.")
    values = models.JSONField()
    counters = models.JSONField(default=dict)

    class Meta:
        verbose_name = "metric sample"
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class MetricHour(models.Model):
    """One hour's figures: `{"name": {"mean", "min", "max"}}`."""

    at = models.DateTimeField(primary_key=True, help_text="The hour's beginning.")
    samples = models.IntegerField()
    values = models.JSONField()

    class Meta:
        verbose_name = "metric hour"
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
