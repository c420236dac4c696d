"""What waits for somebody to prove that they read an address."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models.people import User
from common.models import Record


class Purpose(models.TextChoices):
    """What a mail was asked for. A notice opens nothing; its row says that it was sent."""

    VERIFY = "verify"
    RESET = "reset"
    NOTICE = "notice"


class EmailToken(Record):
    """A mail that was asked for, and the one use of the link and code in it.

    Link and code are derived from the row's id by SECRET_KEY: whoever reads the table has neither.
    The row is made before anybody looks whether the address is known, so that asking takes as
    long for a stranger; a worker fills in `user` and `fingerprint`, or deletes the row.
    """

    purpose = models.CharField(max_length=6, choices=Purpose.choices)
    email_key = models.CharField(max_length=254)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="email_tokens", null=True, blank=True
    )
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Of what must not have changed when it is used."
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes given.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["user", "purpose", "created_at"], name="email_token_by_user"),
            models.Index(fields=["expires_at"], name="email_token_by_expiry"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="email_token_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(user__isnull=False),
                name="email_token_used_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class SignUp(Record):
    """Somebody wants an account where addresses are verified first; gone when a worker read it."""

    email = models.EmailField("e-mail", max_length=254)
    full_name = models.CharField(max_length=200, blank=True)
    password = models.CharField(max_length=128, help_text="Hashed.")

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return str(self.id)
