"""API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from accounts import scopes
from accounts.models.organizations import Membership, Organization
from accounts.models.people import User
from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor

SHA256_BYTES = 32


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, actor: Actor) -> ApiKeyQuerySet:
        """The actor's own keys, and all of an organization's for its owners and admins."""
        return self.filter(organization_id__in=actor.organization_ids).filter(
            Q(user_id=actor.id) | Q(organization_id__in=actor.administered_ids)
        )

    def with_role(self) -> ApiKeyQuerySet:
        """Annotate `role`: the holder's place in the key's organization, None where they left."""
        places = Membership.objects.filter(
            organization_id=models.OuterRef("organization_id"), user_id=models.OuterRef("user_id")
        )
        return self.annotate(role=models.Subquery(places.values("role")[:1]))


class ApiKey(Record):
    """A secret that acts for a user in one organization. Only its SHA-256 is kept."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_keys"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, help_text="The first characters, to tell keys apart.")
    key_hash = models.BinaryField(max_length=SHA256_BYTES, unique=True)
    scopes = ArrayField(models.CharField(max_length=40))
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    # Both empty: no restriction. References are `owner/name` in small letters, or a model's id.
    model_refs = ArrayField(models.CharField(max_length=130), default=list, blank=True)
    cidrs = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    rolled_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Exact(Length("key_hash"), SHA256_BYTES), name="api_key_hash_is_sha256"
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=sorted(scopes.ALL)), name="api_key_scopes_known"
            ),
            models.CheckConstraint(condition=Q(scopes__len__gte=1), name="api_key_has_scopes"),
            models.CheckConstraint(condition=~Q(name=""), name="api_key_has_name"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="api_key_expires_after_creation",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="api_key_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`, at this moment."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= clock.now():
            return "expired"
        return "active"
