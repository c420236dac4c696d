"""What the routes of sharing take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import PlainText
from common.api.serializers import Input, Output
from registry.models import ModelShare, Permission

PERMISSIONS = Permission.choices


class ShareInput(Input):
    email = PlainText(max_length=254, required=False, help_text="Whom to share with; or `team`.")
    team = serializers.UUIDField(required=False, help_text="The team to share with; or `email`.")
    permission = serializers.ChoiceField(
        PERMISSIONS, help_text="`view` what it is, `use` it as well, or `edit` it as well."
    )


class ShareUpdateInput(Input):
    permission = serializers.ChoiceField(PERMISSIONS, help_text="What it gives from now on.")


class ShareOutput(Output):
    id = serializers.UUIDField(help_text="The share's id.")
    kind = serializers.SerializerMethodField(
        help_text="`user`, `team`, or `invitation` while nobody of that address has registered."
    )
    email = serializers.SerializerMethodField(help_text="Whose it is; null for a team.")
    team = serializers.SerializerMethodField(help_text="The team's id, or null.")
    team_name = serializers.SerializerMethodField(help_text="The team's name, or null.")
    permission = serializers.ChoiceField(PERMISSIONS, help_text="What it gives.")
    shared_by = serializers.CharField(source="shared_by.email", help_text="Who shared it.")
    created_at = serializers.DateTimeField(help_text="When it was shared.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")

    def get_kind(self, share: ModelShare) -> str:
        return "team" if share.team_id else "user" if share.user_id else "invitation"

    @extend_schema_field({"type": ["string", "null"]})
    def get_email(self, share: ModelShare) -> str | None:
        return None if share.team_id else share.reaches

    @extend_schema_field({"oneOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]})
    def get_team(self, share: ModelShare) -> Any:
        return share.team_id

    @extend_schema_field({"type": ["string", "null"]})
    def get_team_name(self, share: ModelShare) -> str | None:
        return share.reaches if share.team_id else None
