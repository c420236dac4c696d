"""What the routes of sessions take and give."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.serializers import PlainText
from accounts.models import Session, SessionKind
from common.api.serializers import Input, Output


class LogoutInput(Input):
    refresh = PlainText(
        required=False, help_text="A refresh token of the session to end, in place of a header."
    )


class SessionOutput(Output):
    id = serializers.UUIDField(help_text="The session's id.")
    kind = serializers.ChoiceField(
        SessionKind.choices, help_text="`jwt` for a program's tokens, `browser` for a cookie."
    )
    device = serializers.CharField(help_text="What it seems to run on.")
    agent = serializers.CharField(help_text="The User-Agent as it was sent.")
    address = serializers.CharField(allow_null=True, help_text="Where it was last used from.")
    current = serializers.SerializerMethodField(help_text="Whether it is the one that asks.")
    last_used_at = serializers.DateTimeField(
        help_text="When tokens were last refreshed, or a page was asked for, within ten minutes."
    )
    expires_at = serializers.DateTimeField(help_text="When it ends by itself.")
    created_at = serializers.DateTimeField(help_text="When it was logged in.")

    def get_current(self, session: Session) -> bool:
        return bool(session.id == self.context["request"].auth.session_id)
