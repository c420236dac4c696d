"""Log-in by e-mail and password, for the pages, the API and the admin alike."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password

from accounts.emails import email_key
from accounts.models import User
from accounts.passwords import MAX_LENGTH


class EmailBackend(BaseBackend):
    """Answers a user or None, and takes as long for a stranger as for a wrong password."""

    def authenticate(
        self,
        request: Any,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        user = user_by_password(username or credentials.get("email"), password)
        return user if user is not None and user.is_active else None

    def get_user(self, user_id: Any) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


def user_by_password(email: str | None, password: str | None) -> User | None:
    """Whose e-mail and password these are, let in or not."""
    if not email or not password or len(password) > MAX_LENGTH or "\x00" in email:
        return None
    user = (
        User.objects.select_related("personal_organization")
        .filter(email_key=email_key(email))
        .first()
    )
    if user is None:
        make_password(password)  # as dear as looking, so that time tells nothing
        return None
    return user if user.check_password(password) else None
