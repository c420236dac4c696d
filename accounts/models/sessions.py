"""Log-ins that last: a browser's, or the family of refresh tokens a program got by one log-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.devices import describe_agent
from accounts.models.people import User
from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor


class SessionKind(models.TextChoices):
    """`jwt`: tokens, refreshed now and then. `browser`: a cookie."""

    JWT = "jwt"
    BROWSER = "browser"


class SessionQuerySet(models.QuerySet["Session"]):
    def alive(self) -> SessionQuerySet:
        """Those that were neither ended nor are too old."""
        return self.filter(ended_at__isnull=True, expires_at__gt=clock.now())

    def visible_to(self, actor: Actor) -> SessionQuerySet:
        """The actor's own. A key of an organization's has no business with them."""
        return self.filter(user_id=actor.id) if actor.is_at_home else self.none()


class Session(Record):
    """One log-in of one user's, on one device. It ends by itself, by its owner or by a theft."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    kind = models.CharField(max_length=7, choices=SessionKind.choices)
    # Django's own, whose row ends with this one; its table holds it in the clear as well.
    browser_key = models.CharField(max_length=40, blank=True, editable=False)
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(help_text="The end, however often it is refreshed.")
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=30, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ("-last_used_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=SessionKind.values), name="session_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-last_used_at"], name="session_of_user"),
            models.Index(fields=["expires_at"], name="session_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.device} of {self.user_id}"

    @property
    def device(self) -> str:
        """What it runs on, for people: `Firefox on Linux`."""
        return describe_agent(self.agent)


class RefreshToken(Record):
    """One link of a family's chain: good for one use. `jti` is what the token calls itself."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="refresh_tokens")
    jti = models.CharField(max_length=32, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"of {self.session_id}"
