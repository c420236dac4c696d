"""What the routes of organizations and teams take and give."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.serializers import SCOPES, PlainText
from accounts.models import Role
from accounts.scopes import DEFAULT_KEY_SCOPES
from common.api.serializers import Input, Output

BELOW_OWNER = [(role.value, role.label) for role in Role if role != Role.OWNER]


class OrganizationInput(Input):
    name = PlainText(max_length=200, help_text="What people call it.")
    slug = PlainText(
        max_length=63, required=False, help_text="The owner in `owner/name`; from `name` if absent."
    )


class OrganizationUpdateInput(Input):
    name = PlainText(max_length=200, required=False, help_text="What people call it.")


class OrganizationOutput(Output):
    id = serializers.UUIDField(help_text="The organization's id.")
    slug = serializers.CharField(help_text="The owner in `owner/name` of its models.")
    name = serializers.CharField(help_text="What people call it.")
    personal = serializers.BooleanField(help_text="Whether it is one person's own.")
    role = serializers.ChoiceField(Role.choices, help_text="The caller's place in it.")
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class RoleInput(Input):
    role = serializers.ChoiceField(Role.choices, help_text="The place to give.")


class MemberOutput(Output):
    user = serializers.UUIDField(source="user_id", help_text="The member's id.")
    email = serializers.CharField(source="user.email", help_text="Their address.")
    full_name = serializers.CharField(source="user.full_name", help_text="Their name.")
    kind = serializers.SerializerMethodField(help_text="`person`, or `service` for a program.")
    role = serializers.ChoiceField(Role.choices, help_text="Their place.")
    created_at = serializers.DateTimeField(help_text="Since when.")

    def get_kind(self, place: object) -> str:
        return "service" if place.user.service_of_id else "person"  # type: ignore[attr-defined]


class InvitationInput(Input):
    email = PlainText(max_length=254, help_text="Whom to invite.")
    role = serializers.ChoiceField(
        Role.choices, required=False, default=Role.MEMBER, help_text="The place they get."
    )


class InvitationOutput(Output):
    id = serializers.UUIDField(help_text="The invitation's id.")
    organization = serializers.CharField(
        source="organization.slug", help_text="The slug of the organization."
    )
    email = serializers.CharField(help_text="Whom it was sent to.")
    role = serializers.ChoiceField(Role.choices, help_text="The place it offers.")
    state = serializers.ChoiceField(
        ["open", "expired", "accepted", "declined", "revoked"], help_text="Whether it still counts."
    )
    invited_by = serializers.CharField(source="invited_by.email", help_text="Who sent it.")
    expires_at = serializers.DateTimeField(help_text="When it ends by itself.")
    created_at = serializers.DateTimeField(help_text="When it was sent.")


class AcceptInput(Input):
    token = PlainText(max_length=300, help_text="What the mail's link carries.")


class TeamInput(Input):
    name = PlainText(max_length=100, help_text="What people call it.")
    description = PlainText(
        max_length=500, required=False, allow_blank=True, help_text="What it is for."
    )
    organization = PlainText(
        max_length=63, required=False, help_text="Slug or id; the caller's own if absent."
    )


class TeamUpdateInput(Input):
    name = PlainText(max_length=100, required=False, help_text="What people call it.")
    description = PlainText(
        max_length=500, required=False, allow_blank=True, help_text="What it is for."
    )


class TeamOutput(Output):
    id = serializers.UUIDField(help_text="The team's id.")
    name = serializers.CharField(help_text="What people call it.")
    description = serializers.CharField(help_text="What it is for.")
    organization = serializers.CharField(
        source="organization.slug", help_text="The slug of the organization it belongs to."
    )
    members = serializers.IntegerField(help_text="How many are in it.")
    role = serializers.ChoiceField(
        Role.choices, allow_null=True, help_text="The caller's place in it; null if they have none."
    )
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class TeamMemberInput(Input):
    email = PlainText(max_length=254, help_text="Somebody who has an account.")
    role = serializers.ChoiceField(
        Role.choices, required=False, default=Role.MEMBER, help_text="Owners and admins manage it."
    )


class ServiceAccountInput(Input):
    name = PlainText(max_length=100, help_text="What the program is.")
    role = serializers.ChoiceField(
        BELOW_OWNER, required=False, default=Role.MEMBER, help_text="Its place, below owner."
    )


class ServiceAccountOutput(Output):
    id = serializers.UUIDField(source="user_id", help_text="The service account's id.")
    name = serializers.CharField(source="user.full_name", help_text="What the program is.")
    role = serializers.ChoiceField(Role.choices, help_text="Its place in the organization.")
    created_at = serializers.DateTimeField(help_text="When it was made.")


class ServiceKeyInput(Input):
    name = PlainText(max_length=100, help_text="To tell it from other keys.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES),
        required=False,
        allow_empty=False,
        max_length=len(SCOPES),
        help_text=f"What it may be used for; `{' '.join(DEFAULT_KEY_SCOPES)}` if absent.",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it ends; never, if absent or null."
    )
