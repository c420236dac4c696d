"""What verification and forgotten passwords take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import Password, PlainText
from accounts.passwords import MAX_LENGTH, MIN_LENGTH
from accounts.proofs import CODE_DIGITS
from common.api.serializers import Input, Output


class AddressInput(Input):
    email = PlainText(max_length=254, help_text="The address that the mail goes to.")


class VerifyEmailInput(Input):
    """The link's token alone, or the address and the code."""

    token = PlainText(max_length=200, required=False, help_text="What the mail's link ends with.")
    email = PlainText(
        max_length=254, required=False, help_text="The address, where the code is sent."
    )
    code = PlainText(
        max_length=20, required=False, help_text=f"The {CODE_DIGITS} digits of the mail."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(attrs) not in ({"token"}, {"email", "code"}):
            raise serializers.ValidationError("Send token, or email and code.", code="one_of")
        return attrs


class ResetPasswordInput(Input):
    token = PlainText(max_length=200, help_text="What the mail's link ends with.")
    new_password = Password(
        min_length=MIN_LENGTH, help_text=f"{MIN_LENGTH} to {MAX_LENGTH} characters, none cut off."
    )


class VerifiedOutput(Output):
    email = serializers.CharField(help_text="The address that is verified now.")
    email_verified_at = serializers.DateTimeField(help_text="Since when.")
