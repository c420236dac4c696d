"""People: who may log in, and where their account stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from accounts.emails import email_key
from common.models import Record


class UserStatus(models.TextChoices):
    """Where an account stands. `is_active` says whether its credentials work."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        """The user of an e-mail address, however it is written; User.DoesNotExist if none."""
        return self.get(email_key=email_key(username or ""))


class User(Record, AbstractBaseUser):
    """A person. The e-mail is the name to log in with; `email_key` decides which are the same."""

    email = models.EmailField("e-mail", max_length=254, unique=True)
    email_key = models.CharField(max_length=254, unique=True, editable=False)
    full_name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=UserStatus.choices, default=UserStatus.ACTIVE)
    is_active = models.BooleanField(default=True, help_text="Whether the credentials work.")
    is_staff = models.BooleanField("operator", default=False)
    # Tokens carry it: counting up ends every token that was issued before.
    token_version = models.PositiveIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(is_active=True, status__in=["active", "pending"])
                | (Q(is_active=False) & ~Q(status="active")),
                name="user_active_agrees_with_status",
            ),
            models.CheckConstraint(
                condition=Q(status__in=UserStatus.values), name="user_status_known"
            ),
            models.CheckConstraint(condition=~Q(email_key=""), name="user_has_email"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def slug(self) -> str:
        """The personal organization's slug; wants `personal_organization` selected."""
        return self.personal_organization.slug

    def get_short_name(self) -> str:
        return self.full_name or self.email

    # The admin asks for these. There is one right there: to be an operator.
    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and self.is_staff

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff
