"""What the operators' routes take and give."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.history_serializers import AuditRowOutput
from accounts.api.serializers import PlainText
from accounts.models import UserStatus
from accounts.selectors.operators import ORDERS
from accounts.services.bulk import ACTIONS
from common.api.pagination import CursorPageOutput
from common.api.serializers import Input, Output

MOST_IDS = 200
ORDERINGS = [f"{sign}{name}" for name in ORDERS for sign in ("", "-")]


class UserFilter(Input):
    """Which accounts, from the address; `page` and `page_size` are the list's own."""

    search = PlainText(
        required=False, max_length=200, help_text="Words of the address, the name or the slug."
    )
    status = serializers.ChoiceField(
        UserStatus.choices, required=False, help_text="Where the account stands."
    )
    staff = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Operators alone, or all others."
    )
    order = serializers.ChoiceField(
        ORDERINGS, required=False, help_text="By what; the newest first if absent."
    )
    page = serializers.CharField(required=False, help_text="A page of the list, from 1.")
    page_size = serializers.CharField(required=False, help_text="Rows a page, at most 200.")


class AccountOutput(Output):
    id = serializers.UUIDField(help_text="The user's id.")
    email = serializers.CharField(help_text="The address to log in with.")
    full_name = serializers.CharField(help_text="What others see.")
    slug = serializers.CharField(source="home_slug", help_text="The owner in `owner/name`.")
    status = serializers.ChoiceField(UserStatus.choices, help_text="Where the account stands.")
    is_staff = serializers.BooleanField(help_text="Whether they operate this platform.")
    service_of = serializers.UUIDField(
        source="service_of_id", allow_null=True, help_text="The organization whose program it is."
    )
    last_login = serializers.DateTimeField(allow_null=True, help_text="The last log-in.")
    created_at = serializers.DateTimeField(help_text="When it was made.")
    updated_at = serializers.DateTimeField(help_text="When it last changed.")


class StatusChangeOutput(Output):
    before = serializers.ChoiceField(UserStatus.choices, help_text="Where it stood.")
    after = serializers.ChoiceField(UserStatus.choices, help_text="Where it stood then.")
    actor_id = serializers.UUIDField(allow_null=True, help_text="Who did it; null for the system.")
    reason = serializers.CharField(help_text="Why.")
    created_at = serializers.DateTimeField(help_text="When.")


class AccountDetailOutput(AccountOutput):
    keys = serializers.IntegerField(help_text="API keys that were not revoked.")
    organizations = serializers.IntegerField(
        source="places", help_text="Organizations they are in, the personal one too."
    )
    history = StatusChangeOutput(many=True, help_text="The steps of its life, newest first.")


class BulkInput(Input):
    ids = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_IDS,
        help_text=f"The users, {MOST_IDS} at most.",
    )
    action = serializers.ChoiceField(list(ACTIONS), help_text="What to do to each.")
    reason = PlainText(
        required=False, allow_blank=True, default="", max_length=500, help_text="Why, for later."
    )


class OutcomeOutput(Output):
    id = serializers.UUIDField(help_text="The user's id.")
    ok = serializers.BooleanField(help_text="Whether it was done.")
    status = serializers.CharField(help_text="Where the account stands now; empty for none.")
    code = serializers.CharField(help_text="Why not; empty where it was done.")
    detail = serializers.CharField(help_text="The same for people.")


class BulkOutput(Output):
    results = OutcomeOutput(many=True, help_text="One for each id, in the order given.")


class AuditCheckOutput(Output):
    """The last walk over the sealed chains."""

    at = serializers.DateTimeField(source="created_at", help_text="When.")
    seals = serializers.IntegerField(help_text="Events that are sealed.")
    chains = serializers.IntegerField(help_text="Chains that they form.")
    broken = serializers.IntegerField(help_text="Places where a chain does not hold.")
    breaks = serializers.JSONField(help_text="The first hundred of these.")
    ms = serializers.IntegerField(help_text="Milliseconds that it took.")


class AuditStateOutput(Output):
    check = AuditCheckOutput(allow_null=True, help_text="The last walk; null before the first.")
    unsealed = serializers.IntegerField(source="tail.events", help_text="Events without a seal.")
    unsealed_since = serializers.DateTimeField(
        source="tail.oldest", allow_null=True, help_text="When the oldest of them happened."
    )


class PlatformAuditPageOutput(CursorPageOutput):
    state = AuditStateOutput(help_text="Where the trail stands.")
    results = AuditRowOutput(many=True, help_text="Events, newest first.")
