"""People, organizations, who belongs where, and API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from accounts import scopes
from accounts.emails import email_key
from common import clock
from common.models import Record

if TYPE_CHECKING:
    from accounts.actors import Actor

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
SHA256_BYTES = 32


class UserStatus(models.TextChoices):
    """Where an account stands. `is_active` says whether its credentials work."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class Role(models.TextChoices):
    """What a member may do in an organization, from most to least."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


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
