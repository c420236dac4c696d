"""What people were told of, and how they want to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accounts.models.people import User
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor

MAX_TEXT = 500


class DigestKind(models.TextChoices):
    """How often e-mails that can wait are sent, all in one."""

    OFF = "off", "one by one"
    DAILY = "daily", "once a day"
    WEEKLY = "weekly", "once a week"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, actor: Actor) -> NotificationQuerySet:
        """The actor's own; by a key of an organization's, those of that organization."""
        mine = self.filter(user_id=actor.id, in_app=True)
        if actor.is_at_home:
            return mine
        return mine.filter(organization_id__in=actor.organization_ids)

    def unread(self) -> NotificationQuerySet:
        return self.filter(read_at__isnull=True, in_app=True)

    def to_be_mailed(self) -> NotificationQuerySet:
        return self.exclude(mail="").filter(mailed_at__isnull=True)


class Notification(Record):
    """One event, told to one person, once: by event and person there is one row at most.

    `in_app` is false where the person wants it by e-mail alone. `mail` says with which e-mail it
    goes: `off` is one of its own, "" is none.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    event_id = models.UUIDField()
    type = models.CharField(max_length=100)
    audience = models.CharField(max_length=10)
    organization_id = models.UUIDField(null=True, blank=True)
    subject_id = models.UUIDField(null=True, blank=True)
    text = models.CharField(max_length=MAX_TEXT)
    in_app = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=6, choices=DigestKind.choices, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["event_id", "user"], name="notification_unique"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_newest"),
            models.Index(
                fields=["user"],
                condition=Q(read_at__isnull=True, in_app=True),
                name="notification_unread",
            ),
            models.Index(
                fields=["mail", "user"],
                condition=Q(mailed_at__isnull=True) & ~Q(mail=""),
                name="notification_to_mail",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class NotificationChoice(Record):
    """How a person wants to be told of a type of event, where not as the catalogue has it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notification_choices")
    type = models.CharField(max_length=100)
    in_app = models.BooleanField()
    email = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "type"], name="notification_choice_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.type}"


class DigestChoice(Record):
    """How often a person wants the e-mails that can wait."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="digest_choice")
    kind = models.CharField(max_length=6, choices=DigestKind.choices)

    def __str__(self) -> str:
        return self.kind


class Digest(Record):
    """A digest for a period, written before it is sent: nobody gets two for one period."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="digests")
    kind = models.CharField(max_length=6, choices=DigestKind.choices)
    period = models.DateField(help_text="The day, or the Monday of the week.")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "period"], name="digest_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"
