"""How often somebody may call: the operators' rates, for everybody and for some."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from common.models import Record

MOST = 1_000_000_000  # calls: beyond what any machine answers, and counted exactly
IN_RANGE = (MinValueValidator(1), MaxValueValidator(MOST))


class LimitKind(models.TextChoices):
    """Whom a policy is for. Those of one target stand before the default of its kind."""

    DEFAULT_USER = "default_user", "every user"
    DEFAULT_KEY = "default_key", "every API key"
    DEFAULT_ORGANIZATION = "default_organization", "every organization"
    USER = "user", "one user"
    KEY = "key", "one API key"
    ORGANIZATION = "organization", "one organization"


DEFAULTS = (LimitKind.DEFAULT_USER, LimitKind.DEFAULT_KEY, LimitKind.DEFAULT_ORGANIZATION)


class LimitPolicy(Record):
    """Calls per minute and per hour; null where there is no limit of that kind.

    `target_id` is a user's, key's or organization's; there is none in a default.
    """

    kind = models.CharField(max_length=20, choices=LimitKind.choices)
    target_id = models.UUIDField(
        null=True,
        blank=True,
        help_text="The user's, key's or organization's id; empty for all of a kind.",
    )
    per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=IN_RANGE,
        help_text="Calls a minute; empty for no such limit.",
    )
    per_hour = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=IN_RANGE,
        help_text="Calls an hour; empty for no such limit.",
    )

    objects: ClassVar[models.Manager[LimitPolicy]] = models.Manager()

    class Meta:
        verbose_name = "limit"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=LimitKind.values), name="limit_policy_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DEFAULTS, target_id__isnull=True)
                | (~Q(kind__in=DEFAULTS) & Q(target_id__isnull=False)),
                name="limit_policy_target_where_due",
            ),
            models.CheckConstraint(
                condition=(Q(per_minute__isnull=True) | Q(per_minute__range=(1, MOST)))
                & (Q(per_hour__isnull=True) | Q(per_hour__range=(1, MOST))),
                name="limit_policy_rates_in_range",
            ),
            models.UniqueConstraint(
                fields=["kind", "target_id"], nulls_distinct=False, name="limit_policy_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target_id or ''}".strip()
