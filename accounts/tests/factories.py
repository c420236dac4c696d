"""People and keys for tests: real rows, like those that services make."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts import keys
from accounts.emails import email_key
from accounts.models import ApiKey, Membership, Organization, Role, User
from common import clock

PASSWORD = "correct horse battery"


@cache
def password_hash() -> str:
    """Of PASSWORD; hashing is dear, and every user of a test may share it."""
    return make_password(PASSWORD)


def make_user(email: str, **fields: Any) -> User:
    """A user whose slug is the local part of the address."""
    local = email.partition("@")[0]
    defaults = {"full_name": local.title(), "password": password_hash()}
    user = User.objects.create(email=email, email_key=email_key(email), **(defaults | fields))
    personal = Organization.objects.create(slug=local, name=user.full_name, personal_to=user)
    Membership.objects.create(organization=personal, user=user, role=Role.OWNER)
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
