"""What the routes of accounts take and give."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import serializers

from accounts import scopes
from accounts.models import Role, UserStatus
from accounts.passwords import MAX_LENGTH, MIN_LENGTH
from accounts.restrictions import MOST
from common import strict_json
from common.api.serializers import Input, Output
from common.errors import Invalid

MAX_METADATA = 16 * 1024
MAIL_SENT = "If it is of use, a mail is on its way to this address."
SCOPES = list(scopes.DESCRIPTIONS.items())


class PlainText(serializers.CharField):
    """Text without control characters, however it came: JSON or a form."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):  # DRF would take a number for its digits
            self.fail("invalid")
        try:
            return strict_json.clean_text(super().to_internal_value(data))
        except Invalid as error:
            raise serializers.ValidationError(error.message, code="control_character") from None


class Password(PlainText):
    """A password: spaces belong to it, and it is never shown."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {"trim_whitespace": False, "write_only": True, "max_length": MAX_LENGTH}
        super().__init__(**(defaults | kwargs))


class RegisterInput(Input):
    email = PlainText(max_length=254, help_text="The address to log in with.")
    password = Password(
        min_length=MIN_LENGTH, help_text=f"{MIN_LENGTH} to {MAX_LENGTH} characters, none cut off."
    )
    full_name = PlainText(
        max_length=200, required=False, allow_blank=True, default="", help_text="For others to see."
    )


class LoginInput(Input):
    email = PlainText(max_length=254, help_text="The address one registered with.")
    password = Password(help_text="The password.")


class LoginForm(Input):
    """The same as a form: what RFC 6749 (section 4.3.2) and Swagger's Authorize send."""

    username = PlainText(max_length=254, help_text="The address one registered with.")
    password = Password(help_text="The password.")
    grant_type = serializers.ChoiceField(
        ["password"], required=False, allow_blank=True, help_text="OAuth 2's word for this form."
    )
    scope = PlainText(
        max_length=1000, required=False, allow_blank=True, help_text="Not used: a log-in has all."
    )
    client_id = PlainText(
        max_length=200, required=False, allow_blank=True, help_text="Not used: no clients here."
    )
    client_secret = PlainText(
        max_length=200, required=False, allow_blank=True, help_text="Not used: no clients here."
    )


class RefreshInput(Input):
    # Longer ones are answered like any other that is not valid.
    refresh = PlainText(help_text="The refresh token of a log-in.")


class TokensOutput(Output):
    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Gets a new access token at `auth/refresh`.")
    access_token = serializers.CharField(source="access", help_text="The same as `access`.")
    refresh_token = serializers.CharField(source="refresh", help_text="The same as `refresh`.")
    token_type = serializers.CharField(help_text="Always `bearer`.")
    expires_in = serializers.IntegerField(help_text="Seconds that the access token is good for.")


class MailSentOutput(Output):
    """The same for every address, known or not."""

    detail = serializers.CharField(help_text="For people to read.")


class UserOutput(Output):
    id = serializers.UUIDField(help_text="The user's id.")
    email = serializers.CharField(help_text="The address to log in with, as it was given.")
    full_name = serializers.CharField(help_text="What others see.")
    slug = serializers.CharField(help_text="The owner in `owner/name` of the user's own models.")
    email_verified_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was proved that the user reads the address."
    )
    status = serializers.ChoiceField(UserStatus.choices, help_text="Where the account stands.")
    is_staff = serializers.BooleanField(help_text="Whether the user operates this platform.")
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class MembershipOutput(Output):
    id = serializers.UUIDField(source="organization.id", help_text="The organization's id.")
    slug = serializers.CharField(source="organization.slug", help_text="Its slug.")
    name = serializers.CharField(source="organization.name", help_text="Its name.")
    role = serializers.ChoiceField(Role.choices, help_text="The caller's place in it.")


class MeOutput(Output):
    """The user, where they belong, and what the credential that asked may be used for."""

    id = serializers.UUIDField(source="user.id", help_text="The user's id.")
    email = serializers.CharField(
        source="user.email", help_text="The address to log in with, as it was given."
    )
    email_verified_at = serializers.DateTimeField(
        source="user.email_verified_at",
        allow_null=True,
        help_text="When it was proved that the user reads the address.",
    )
    full_name = serializers.CharField(source="user.full_name", help_text="What others see.")
    slug = serializers.CharField(
        source="user.slug", help_text="The owner in `owner/name` of the user's own models."
    )
    status = serializers.ChoiceField(
        UserStatus.choices, source="user.status", help_text="Where the account stands."
    )
    is_staff = serializers.BooleanField(
        source="user.is_staff", help_text="Whether the user operates this platform."
    )
    organizations = MembershipOutput(
        source="places", many=True, help_text="Those the credential can see."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        source="ordered_scopes",
        help_text="What the credential may be used for.",
    )
    via = serializers.ChoiceField(["jwt", "key"], help_text="The kind of the credential.")
    created_at = serializers.DateTimeField(source="user.created_at", help_text="When it was made.")
    updated_at = serializers.DateTimeField(
        source="user.updated_at", help_text="When it last changed."
    )


class ProfileInput(Input):
    full_name = PlainText(
        max_length=200, required=False, allow_blank=True, help_text="What others see."
    )


class ChangePasswordInput(Input):
    current_password = Password(help_text="The password as it is.")
    new_password = Password(
        min_length=MIN_LENGTH, help_text=f"{MIN_LENGTH} to {MAX_LENGTH} characters, none cut off."
    )


class Metadata(serializers.JSONField):
    """A JSON object of the owner's own, of bounded size."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError("Must be an object.", code="not_an_object")
        if len(json.dumps(value)) > MAX_METADATA:
            raise serializers.ValidationError(
                f"At most {MAX_METADATA:,} bytes of JSON.", code="max_length"
            )
        return value


class KeyInput(Input):
    name = PlainText(max_length=100, help_text="To tell it from other keys.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        required=False,
        allow_empty=False,
        max_length=len(SCOPES),
        help_text=f"What it may be used for; `{' '.join(scopes.DEFAULT_KEY_SCOPES)}` if absent.",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it ends; never, if absent or null."
    )
    metadata = Metadata(required=False, help_text="A JSON object of your own.")
    models = serializers.ListField(
        child=PlainText(max_length=130),
        required=False,
        max_length=MOST,
        help_text="Models it is for, by `owner/name`, name or id; every one, if absent or empty.",
    )
    cidrs = serializers.ListField(
        child=PlainText(max_length=43),
        required=False,
        max_length=MOST,
        help_text="Networks it works from, as `192.0.2.0/24`; from everywhere, if absent or empty.",
    )

    def validate_scopes(self, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise serializers.ValidationError("Each scope once.", code="duplicate")
        return value


class KeyUpdateInput(KeyInput):
    """Any field of a key; what is absent stays."""

    name = PlainText(max_length=100, required=False, help_text="To tell it from other keys.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        required=False,
        allow_empty=False,
        max_length=len(SCOPES),
        help_text="What it may be used for.",
    )


class RollInput(Input):
    overlap_seconds = serializers.IntegerField(
        required=False,
        default=86_400,
        min_value=0,
        max_value=30 * 86_400,
        help_text="How long the old key works on; at most 30 days. 0 revokes it at once.",
    )


class LeakInput(Input):
    """One entry of a secret scanner's report."""

    token = PlainText(max_length=1000, help_text="What was found.")
    type = PlainText(
        max_length=100, required=False, default="slipway_api_key", help_text="The scanner's word."
    )
    url = PlainText(
        max_length=2000, required=False, allow_blank=True, default="", help_text="Where it was."
    )
    source = PlainText(  # type: ignore[assignment]  # a field, which DRF takes off the class
        max_length=100, required=False, allow_blank=True, default="", help_text="Where from."
    )


class LeakOutput(Output):
    token_hash = serializers.CharField(help_text="SHA-256 of the token, in hex.")
    token_type = serializers.CharField(help_text="The type as it was reported.")
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a field as well
        ["true_positive", "false_positive"], help_text="Whether it was a key of ours."
    )


class KeyOutput(Output):
    id = serializers.UUIDField(help_text="The key's id.")
    name = serializers.CharField(help_text="What its owner calls it.")
    prefix = serializers.CharField(help_text="Its first characters, to tell keys apart.")
    state = serializers.ChoiceField(
        ["active", "expired", "revoked"], help_text="Whether it works at this moment."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), help_text="What it may be used for."
    )
    organization = serializers.CharField(
        source="organization.slug", help_text="The slug of the organization it works in."
    )
    user = serializers.UUIDField(source="user_id", help_text="The user it acts for.")
    models = serializers.ListField(
        child=serializers.CharField(),
        source="model_refs",
        help_text="The models it is for; empty means every one.",
    )
    cidrs = serializers.ListField(
        child=serializers.CharField(), help_text="Networks it works from; empty means everywhere."
    )
    metadata = serializers.JSONField(help_text="Whatever its owner keeps there.")
    rolled_from = serializers.UUIDField(
        source="rolled_from_id", allow_null=True, help_text="The key that this one takes over from."
    )
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When it ends by itself.")
    revoked_at = serializers.DateTimeField(allow_null=True, help_text="When it was revoked.")
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was last used, within a minute."
    )
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class NewKeyOutput(KeyOutput):
    key = serializers.CharField(help_text="The key itself. It is shown this once.")
