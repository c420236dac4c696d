"""What the routes of aliases take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import PlainText
from common.api.serializers import Input, Output
from registry.models import MoveKind


class ReasonInput(Input):
    reason = PlainText(
        required=False, max_length=1000, allow_blank=True, help_text="Why; kept in the history."
    )


class AliasUpdateInput(ReasonInput):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The version it leads to from now on."
    )
    expected = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Move it only if it leads to this version now; 409 otherwise.",
    )


class AliasInput(AliasUpdateInput):
    alias = serializers.CharField(max_length=63, help_text="Its name; case does not matter.")


class AliasOutput(Output):
    alias = serializers.CharField(source="name", help_text="Its name.")
    model = serializers.CharField(source="model.reference", help_text="`owner/name`.")
    version = serializers.IntegerField(source="version.number", help_text="Where it leads.")
    version_id = serializers.UUIDField(help_text="That version's id.")
    status = serializers.CharField(source="version.status", help_text="That version's life cycle.")
    created_at = serializers.DateTimeField(help_text="When it was first set.")
    updated_at = serializers.DateTimeField(help_text="When it was last moved.")


class AliasMoveOutput(Output):
    id = serializers.UUIDField(help_text="The move's id.")
    alias = serializers.CharField(help_text="Which alias, in small letters.")
    kind = serializers.ChoiceField(MoveKind.choices, help_text="`set`, `rolled_back` or `removed`.")
    before = serializers.IntegerField(allow_null=True, help_text="The version until then.")
    version = serializers.IntegerField(
        source="number", allow_null=True, help_text="The version since; null: it was removed."
    )
    reason = serializers.CharField(help_text="What was said of it.")
    moved_by = serializers.SerializerMethodField(help_text="The address of who did it.")
    created_at = serializers.DateTimeField(help_text="When.")

    @extend_schema_field(OpenApiTypes.STR)
    def get_moved_by(self, move: Any) -> str | None:
        return move.moved_by.email if move.moved_by else None
