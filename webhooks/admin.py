"""The operator's view of webhooks: how each receiver fares, and the way to turn one off."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest  # noqa: TID251  the admin is a page

from common.admin import ReadOnlyAdmin
from webhooks.models import Delivery, Webhook
from webhooks.services import disable_webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = (
        "host", "organization", "status", "health", "failures", "last_triggered_at", "created_by",
        "deleted_at",
    )  # fmt: skip
    # A path or a query may be a secret: operators see the host.
    exclude = ("url",)
    list_filter = ("status",)
    list_select_related = ("organization", "created_by", "channel")
    search_fields = ("organization__slug", "=id")
    actions = ("turn_off",)

    @admin.display
    def health(self, webhook: Webhook) -> str:
        return webhook.channel.health

    @admin.display(description="failures in a row")
    def failures(self, webhook: Webhook) -> int:
        return webhook.channel.failures

    @admin.display(description="last sent", ordering="channel__last_triggered_at")
    def last_triggered_at(self, webhook: Webhook) -> object:
        return webhook.channel.last_triggered_at

    @admin.action(description="Turn off")
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        with transaction.atomic():
            for webhook in queryset:
                disable_webhook(webhook, reason="An operator turned it off.")
        messages.success(request, "They are off; whoever set them up is told.")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "webhook", "message", "state", "attempts", "status", "due_at")
    list_filter = ("state",)
    list_select_related = ("webhook", "message")
    search_fields = ("=id", "=webhook__id", "=message__id")
