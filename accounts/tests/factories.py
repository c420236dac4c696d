"""People and keys for tests: real rows, made the way services make them."""

from __future__ import annotations

from typing import Any

import factory

from accounts import keys
from accounts.actors import Actor, actor_for_user
from accounts.emails import email_key
from accounts.models import ApiKey, Membership, Organization, Role, User
from common import clock

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):  # type: ignore[misc]  # factory has no types
    """A user with a personal organization whose slug is the e-mail's local part."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user{n}@example.org")
    email_key = factory.LazyAttribute(lambda user: email_key(user.email))
    full_name = factory.LazyAttribute(lambda user: user.email.partition("@")[0].title())
    password = factory.django.Password(PASSWORD)

    @factory.post_generation  # type: ignore[misc]
    def organization(self: User, create: bool, extracted: Any, **_: Any) -> None:
        slug = self.email.partition("@")[0]
        personal = Organization.objects.create(slug=slug, name=self.full_name, personal_to=self)
        Membership.objects.create(organization=personal, user=self, role=Role.OWNER)


def make_user(email: str, **fields: Any) -> User:
    """A user whose slug is the local part of the address."""
    user: User = UserFactory(email=email, **fields)
    return user


def make_key(user: User, **fields: Any) -> str:
    """A key of the user's in their personal organization; returns the secret itself."""
    secret = keys.make_key()
    organization = fields.pop("organization", None) or user.personal_organization
    defaults = {
        "name": "test",
        "scopes": ["models:read", "predict"],
        "prefix": keys.shown_prefix(secret),
        "key_hash": keys.hash_key(secret),
        "created_at": clock.now(),
    }
    ApiKey.objects.create(user=user, organization=organization, **(defaults | fields))
    return secret


def actor_of(user: User) -> Actor:
    """The user as an actor, as after a log-in."""
    return actor_for_user(user, via="jwt")
