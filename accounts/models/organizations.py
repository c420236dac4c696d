"""Organizations, and who belongs where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models.people import User
from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"


class Role(models.TextChoices):
    """What a member may do in an organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, actor: Actor) -> OrganizationQuerySet:
        """Those the actor belongs to, as far as the credential goes."""
        return self.filter(id__in=actor.organization_ids, deleted_at__isnull=True)


class Organization(Record):
    """What models, keys and limits belong to. Everyone has a personal one.

    A deleted one keeps its row and slug: nobody else may come to stand behind `owner/name`.
    """

    slug = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    personal_to = models.OneToOneField(
        User,
        on_delete=models.PROTECT,
        related_name="personal_organization",
        null=True,
        blank=True,
    )
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

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


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def unanswered(self) -> InvitationQuerySet:
        """Those nobody has closed; some may be too old."""
        return self.filter(accepted_at=None, declined_at=None, revoked_at=None)

    def open(self) -> InvitationQuerySet:
        """Those that can be accepted at this moment."""
        alive = Q(expires_at__gt=clock.now(), organization__deleted_at=None)
        return self.unanswered().filter(alive)


class Invitation(Record):
    """An offer of a place in an organization, sent to an e-mail address."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField("e-mail", max_length=254)
    email_key = models.CharField(max_length=254, editable=False)
    role = models.CharField(max_length=6, choices=Role.choices)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="+", null=True, blank=True
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "email_key"],
                condition=Q(accepted_at=None, declined_at=None, revoked_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="invitation_accepted_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["email_key"], name="invitation_by_email")]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization_id}"

    @property
    def state(self) -> str:
        """`open`, `expired`, `accepted`, `declined` or `revoked`, at this moment."""
        closed = {
            "accepted": self.accepted_at, "declined": self.declined_at, "revoked": self.revoked_at
        }  # fmt: skip
        for name, moment in closed.items():
            if moment is not None:
                return name
        return "expired" if self.expires_at <= clock.now() else "open"


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, actor: Actor) -> TeamQuerySet:
        """Those of the actor's organizations, and those the actor is in."""
        mine = TeamMembership.objects.filter(user_id=actor.id)
        if not actor.is_at_home:
            mine = mine.filter(team__organization_id__in=actor.organization_ids)
        return self.filter(
            Q(organization_id__in=actor.organization_ids) | Q(id__in=mine.values("team_id")),
            deleted_at__isnull=True,
        )


class Team(Record):
    """People of any organization whom an organization shares with together.

    Costs and budgets are kept by team too. A deleted one keeps its row, and its figures.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                condition=Q(deleted_at__isnull=True),
                name="team_name_unique_in_organization",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="team_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class TeamMembership(Record):
    """A user's place in a team: owners and admins look after it, a viewer only ever sees."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="team_memberships")
    role = models.CharField(max_length=6, choices=Role.choices)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="team_membership_unique"),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="team_membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.team_id}"
