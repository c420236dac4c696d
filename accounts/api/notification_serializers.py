"""What the routes of notifications take and give."""

from __future__ import annotations

from rest_framework import serializers

from accounts.models import DigestKind
from accounts.services import Channels
from common.api.serializers import Input, Output


class NotificationFilter(Input):
    """Which notifications, from the address; `page` and `page_size` are the list's own."""

    unread = serializers.BooleanField(default=False, help_text="Those alone that were not read.")
    page = serializers.CharField(required=False, help_text="A page of the list, from 1.")
    page_size = serializers.CharField(required=False, help_text="Rows a page, at most 200.")


class NotificationOutput(Output):
    id = serializers.UUIDField(help_text="The notification's id.")
    type = serializers.CharField(help_text="The event's type; docs/events.md.")
    text = serializers.CharField(help_text="What happened, for people.")
    event_id = serializers.UUIDField(help_text="The event that it tells of.")
    subject_id = serializers.UUIDField(allow_null=True, help_text="What it happened to.")
    organization_id = serializers.UUIDField(allow_null=True, help_text="Whose that is.")
    read_at = serializers.DateTimeField(allow_null=True, help_text="When it was read; or null.")
    created_at = serializers.DateTimeField(help_text="When it was told.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class ReadAllOutput(Output):
    read = serializers.IntegerField(help_text="How many were not read before.")


class ChannelsInput(Input):
    in_app = serializers.BooleanField(help_text="In the list of notifications.")
    email = serializers.BooleanField(help_text="By e-mail, at once or in the digest.")


class PreferencesInput(Input):
    digest = serializers.ChoiceField(
        DigestKind.choices, required=False, help_text="When e-mails that can wait are sent."
    )
    types = serializers.DictField(
        child=ChannelsInput(),
        required=False,
        help_text="How to be told, by type of event; types that are absent stay as they are.",
    )

    def validate_types(self, value: dict[str, dict[str, bool]]) -> dict[str, Channels]:
        return {type_: Channels(**wanted) for type_, wanted in value.items()}


class PreferenceOutput(Output):
    type = serializers.CharField(help_text="The event's type.")
    text = serializers.CharField(help_text="What one is told.")
    in_app = serializers.BooleanField(help_text="In the list of notifications.")
    email = serializers.BooleanField(help_text="By e-mail.")
    mandatory = serializers.BooleanField(help_text="Whether the e-mail can't be turned off.")


class PreferencesOutput(Output):
    digest = serializers.ChoiceField(
        DigestKind.choices, help_text="When e-mails that can wait are sent."
    )
    types = PreferenceOutput(many=True, help_text="Every type that one may be told of.")
