"""What analytics keep of their own: who does not want to be counted, and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor


class OptOut(models.Model):
    """A person whom the operators' figures of feature use leave out."""

    user = models.OneToOneField(
        "accounts.User", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    since = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "opt-out"

    def __str__(self) -> str:
        return str(self.user_id)


class Every(models.TextChoices):
    DAY = "day", "day"
    WEEK = "week", "week"
    MONTH = "month", "month"


class About(models.TextChoices):
    MODEL = "model", "a model"
    DASHBOARD = "dashboard", "all my models"
    PLATFORM = "platform", "the platform"


class ReportQuerySet(models.QuerySet["Report"]):
    def visible_to(self, actor: Actor) -> ReportQuerySet:
        """One's own, whoever else may see what they are about."""
        return self.filter(user_id=actor.id)


class Report(Record):
    """Figures that a person gets by mail, again and again, for the day, week or month before."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    about = models.CharField(max_length=10, choices=About.choices)
    model = models.ForeignKey(
        "registry.Model", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    every = models.CharField(max_length=10, choices=Every.choices)
    tz = models.CharField(max_length=50, default="UTC")
    due_at = models.DateTimeField(db_index=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(about="model", model__isnull=False)
                | Q(model__isnull=True) & ~Q(about="model"),
                name="report_names_its_model",
            )
        ]

    def __str__(self) -> str:
        return f"{self.about} every {self.every}"

    @property
    def subject(self) -> str:
        """What it is about, in words."""
        if self.model is None:
            return self.get_about_display()
        return f"{self.model.organization.slug}/{self.model.name}"
