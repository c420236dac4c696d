"""Names that lead to a version, such as `champion`, and where each of them has led before."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common import clock
from common.ids import uuid7
from common.models import Record

CHAMPION: Final = "champion"
"""Where a reference without alias or number leads, if it is set."""


class Alias(Record):
    """A name of one of a model's versions; callers write `model@alias`. Case does not matter."""

    model = models.ForeignKey("registry.Model", on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=63)
    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.PROTECT, related_name="aliases"
    )

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint("model", Lower("name"), name="alias_unique_in_model"),
            models.CheckConstraint(
                condition=Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
                name="alias_name_well_formed",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MoveKind(models.TextChoices):
    """How an alias came to stand where it stands."""

    SET = "set"
    ROLLED_BACK = "rolled_back"
    REMOVED = "removed"


class AliasMove(models.Model):
    """One move of an alias: which version answered before, which since. Never changed.

    `before` and `number` are version numbers; null where there was none, or is none any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.ForeignKey(
        "registry.Model", on_delete=models.CASCADE, related_name="alias_moves"
    )
    alias = models.CharField(max_length=63, help_text="In lower case.")
    kind = models.CharField(max_length=11, choices=MoveKind.choices)
    before = models.PositiveIntegerField(null=True)
    number = models.PositiveIntegerField(null=True)
    reason = models.TextField(blank=True, max_length=1000)
    moved_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", null=True
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="removed", number__isnull=True)
                | ~Q(kind="removed") & Q(number__isnull=False),
                name="alias_move_leads_somewhere",
            )
        ]
        indexes = [models.Index(fields=["model", "alias", "-id"], name="alias_move_newest")]

    def __str__(self) -> str:
        return f"{self.alias}: {self.before} to {self.number}"
