"""Rules about addresses: who set them and why, until when, and who undid them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.models.organizations import Organization
from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor


class Effect(models.TextChoices):
    """A global allow is an exception to a wider block; an organization's allows make a list."""

    BLOCK = "block"
    ALLOW = "allow"


class Source(models.TextChoices):
    """Who set a rule: a person, or what was noticed."""

    PERSON = "person"
    THREAT = "threat"


class IpRuleQuerySet(models.QuerySet["IpRule"]):
    def in_force(self) -> IpRuleQuerySet:
        """Those that are neither lifted nor over."""
        alive = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
        return self.filter(alive, lifted_at__isnull=True)

    def visible_to(self, actor: Actor) -> IpRuleQuerySet:
        """The rules of the organizations the actor administers."""
        return self.filter(organization_id__in=actor.administered_ids)


class IpRule(Record):
    """What happens to requests from a network, everywhere or in one organization."""

    effect = models.CharField(max_length=5, choices=Effect.choices)
    network = models.CharField(max_length=43, help_text="As 192.0.2.0/24.")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="ip_rules", null=True, blank=True
    )
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.PERSON)
    reason = models.CharField(max_length=500, blank=True)
    # What was noticed, and the figures: an operator must be able to judge it.
    signal = models.CharField(max_length=40, blank=True)
    counters = models.JSONField(default=dict, blank=True)
    created_by_id = models.UUIDField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by_id = models.UUIDField(null=True, blank=True)

    objects = IpRuleQuerySet.as_manager()

    class Meta:
        verbose_name = "IP rule"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(effect__in=Effect.values), name="ip_rule_effect_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=Source.values), name="ip_rule_source_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["-id"], name="ip_rule_not_lifted", condition=Q(lifted_at__isnull=True)
            ),
            models.Index(fields=["source", "-id"], name="ip_rule_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.network}"

    @property
    def state(self) -> str:
        """`active`, `expired` or `lifted`, at this moment."""
        if self.lifted_at is not None:
            return "lifted"
        if self.expires_at is not None and self.expires_at <= clock.now():
            return "expired"
        return "active"
