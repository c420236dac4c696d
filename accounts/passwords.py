"""What a password may be, beyond Django's own rules."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

MIN_LENGTH = 8
MAX_LENGTH = 1024


class MaximumLengthValidator:
    """At most 1024 characters: enough for any phrase, and never truncated."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password can have at most {MAX_LENGTH} characters."
