"""People: who may log in, and where their account stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac

from accounts.emails import email_key
from common.models import Record


class UserStatus(models.TextChoices):
    """Where an account stands; docs/guides/accounts.md says what each means for its credentials.

    `is_active` says whether they work. From `deleted` there is no way back.
    """

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
    email_verified_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When they proved that they read it."
    )
    is_active = models.BooleanField(default=True, help_text="Whether the credentials work.")
    is_staff = models.BooleanField("operator", default=False)
    service_of = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.PROTECT,
        related_name="service_accounts",
        null=True,
        blank=True,
        help_text="Set where this is no person but a program of an organization's.",
    )
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
            models.CheckConstraint(
                condition=Q(service_of__isnull=True) | Q(is_staff=False, password__startswith="!"),  # noqa: S106  Django's "unusable"
                name="user_service_has_no_password",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def slug(self) -> str:
        """The personal organization's slug, which wants to be selected; "" of a program."""
        return "" if self.service_of_id else self.personal_organization.slug

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What Django keeps in a browser's session, so that it ends with password and version.

        Without the version, a session from before would live on after a suspension.
        """
        value = f"{self.password}:{self.token_version}"
        return salted_hmac("accounts.session", value, secret=secret, algorithm="sha256").hexdigest()

    def get_short_name(self) -> str:
        return self.full_name or self.email

    # The admin asks for these. There is one right there: to be an operator.
    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and self.is_staff

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff


class StatusChange(Record):
    """One step of an account's life: who moved it from where to where, and why."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="status_changes")
    before = models.CharField(max_length=12, choices=UserStatus.choices)
    after = models.CharField(max_length=12, choices=UserStatus.choices)
    actor_id = models.UUIDField(null=True, blank=True, help_text="Empty for the system itself.")
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
