"""What the routes of histories and audits take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.selectors.history import Wanted
from common.api.pagination import CursorInput, CursorPageOutput
from common.api.serializers import Output


class HistoryFilter(CursorInput):
    """Which events of a history."""

    type = serializers.RegexField(
        r"^[a-z_]+(\.[a-z_]+)*\Z",
        max_length=100,
        required=False,
        help_text="Of this type, such as `api_key.created`, or of all below its first part.",
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name that a class can have.
        since = serializers.DateTimeField(
            required=False, source="since", help_text="Not older than this time."
        )
        until = serializers.DateTimeField(
            required=False, source="until", help_text="Older than this time."
        )
        return super().get_fields() | {"from": since, "to": until}

    def wanted(self) -> Wanted:
        """The valid filter. Raises DRF's ValidationError."""
        self.is_valid(raise_exception=True)
        return Wanted(**self.validated_data)


class AuditFilter(HistoryFilter):
    """Which events of an audit."""

    actor = serializers.UUIDField(required=False, help_text="Done by this user.")
    subject = serializers.UUIDField(
        required=False, help_text="Done to this object: a model, a key, a user, …"
    )


class ActivityRowOutput(Output):
    id = serializers.UUIDField(source="event.id", help_text="The event's id.")
    type = serializers.CharField(source="event.type", help_text="What happened; docs/events.md.")
    text = serializers.CharField(help_text="The same for people, to stand after the actor's name.")
    created_at = serializers.DateTimeField(source="event.created_at", help_text="When.")
    actor = serializers.CharField(help_text="Who did it, by their e-mail address.")
    actor_id = serializers.UUIDField(
        source="event.actor_id", allow_null=True, help_text="The same by id; null for the system."
    )
    person = serializers.CharField(help_text="Whom it is about, where that is somebody else.")
    subject_id = serializers.UUIDField(
        source="event.subject_id", allow_null=True, help_text="What it happened to."
    )
    organization_id = serializers.UUIDField(
        source="event.organization_id", allow_null=True, help_text="Whose it is."
    )
    via = serializers.CharField(
        source="event.via", help_text="By which kind of credential; empty for none."
    )
    key_id = serializers.UUIDField(
        source="event.key_id", allow_null=True, help_text="By which API key."
    )
    address = serializers.CharField(
        help_text="The client's address; empty where unknown or not yours to know."
    )
    security = serializers.BooleanField(
        source="is_security", help_text="Whether to look that it was meant."
    )


class ActivityPageOutput(CursorPageOutput):
    results = ActivityRowOutput(many=True, help_text="Events, newest first.")


class AuditRowOutput(ActivityRowOutput):
    payload = serializers.JSONField(source="event.payload", help_text="The event's own fields.")
    request_id = serializers.CharField(
        source="event.request_id", help_text="Find the request in the logs by it."
    )
    number = serializers.IntegerField(
        allow_null=True, help_text="Its place in the sealed chain; null for the second before that."
    )


class AuditPageOutput(CursorPageOutput):
    results = AuditRowOutput(many=True, help_text="Events, newest first.")
