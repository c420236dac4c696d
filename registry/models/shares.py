"""Models given to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor


class Permission(models.TextChoices):
    """What a share gives: seeing figures, calling it as well, changing it as well."""

    VIEW = "view"
    USE = "use"
    EDIT = "edit"


RANKS = {Permission.VIEW: 1, Permission.USE: 2, Permission.EDIT: 3}


class ModelShareQuerySet(models.QuerySet["ModelShare"]):
    def reaching(self, actor: Actor) -> ModelShareQuerySet:
        """Those that give the actor something, with `rank`; a team's viewer gets no more than view.

        A key of an organization's reaches what was given to that organization's teams, and nothing
        that was given to its holder in person.
        """
        place = models.FilteredRelation(
            "team__memberships", condition=Q(team__memberships__user_id=actor.id)
        )
        by_team = Q(place__isnull=False, team__deleted_at__isnull=True)
        if actor.is_at_home:
            reach = by_team | Q(user_id=actor.id)
        else:
            reach = by_team & Q(team__organization_id__in=actor.organization_ids)
        ranks = [models.When(permission=name, then=rank) for name, rank in RANKS.items()]
        rank = models.Case(models.When(place__role="viewer", then=1), *ranks)
        return self.annotate(place=place).filter(reach).annotate(rank=rank)


class ModelShare(Record):
    """A model given to a user, to a team, or to an address nobody has registered yet."""

    model = models.ForeignKey("registry.Model", on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="+", null=True, blank=True
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="+", null=True, blank=True
    )
    email = models.EmailField("e-mail", max_length=254, blank=True)
    email_key = models.CharField(max_length=254, blank=True, editable=False)
    permission = models.CharField(max_length=4, choices=Permission.choices)
    shared_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")

    objects = ModelShareQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True, email_key="")
                | Q(user__isnull=True, team__isnull=False, email_key="")
                | Q(user__isnull=True, team__isnull=True) & ~Q(email_key=""),
                name="model_share_with_one",
            ),
            models.CheckConstraint(
                condition=Q(permission__in=Permission.values), name="model_share_permission_known"
            ),
            models.UniqueConstraint(fields=["user", "model"], name="model_share_user_once"),
            models.UniqueConstraint(fields=["team", "model"], name="model_share_team_once"),
            models.UniqueConstraint(
                fields=["email_key", "model"],
                condition=~Q(email_key=""),
                name="model_share_email_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.permission} of {self.model_id}"

    @property
    def reaches(self) -> str:
        """The address or the team's name; wants `user` and `team` selected."""
        if self.team is not None:
            return self.team.name
        return self.user.email if self.user is not None else self.email
