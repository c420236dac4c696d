"""Organizations, and who belongs where."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models.people import User
from common.models import Record

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"


class Role(models.TextChoices):
    """What a member may do in an organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class Organization(Record):
    """What models, keys and limits belong to. Everyone has a personal one."""

    slug = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    personal_to = models.OneToOneField(
        User,
        on_delete=models.PROTECT,
        related_name="personal_organization",
        null=True,
        blank=True,
    )

    class Meta:
        ordering = ("slug",)
        constraints = [
            models.CheckConstraint(
                condition=Q(slug__regex=SLUG_PATTERN), name="organization_slug_well_formed"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Membership(Record):
    """A user's place in an organization."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role.choices)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["user", "organization"], name="membership_unique"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.organization_id}"
