"""What the limits' routes take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models.limits import MOST, LimitKind
from common.api.serializers import Input, Output

PER_MINUTE = "Calls a minute; null for no such limit."
PER_HOUR = "Calls an hour; null for no such limit."
KIND = "Whom it is for: all of a kind, or one."
TARGET = "The user's, key's or organization's id; null in a default."


def _calls(help_text: str, **options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=MOST, allow_null=True, required=False, help_text=help_text, **options
    )


class LimitInput(Input):
    kind = serializers.ChoiceField(LimitKind.choices, help_text=KIND)
    target_id = serializers.UUIDField(allow_null=True, required=False, help_text=TARGET)
    per_minute = _calls(PER_MINUTE)
    per_hour = _calls(PER_HOUR)


class LimitUpdateInput(Input):
    per_minute = _calls(PER_MINUTE)
    per_hour = _calls(PER_HOUR)


class LimitOutput(Output):
    id = serializers.UUIDField(help_text="The policy's id.")
    kind = serializers.ChoiceField(LimitKind.choices, help_text=KIND)
    target_id = serializers.UUIDField(allow_null=True, help_text=TARGET)
    per_minute = serializers.IntegerField(allow_null=True, help_text=PER_MINUTE)
    per_hour = serializers.IntegerField(allow_null=True, help_text=PER_HOUR)
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")
