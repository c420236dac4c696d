"""The operator's console: one base class, so that the theme can be changed in one line."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from common.models import AuditSeal, EventRecord


class BaseAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """An admin page in the operator's theme. Lists ask for their relations in one query."""

    list_per_page = 50
    show_full_result_count = False
    list_select_related: tuple[str, ...] | bool = True


class ReadOnlyAdmin(BaseAdmin):
    """For rows that only services write: an operator looks, and acts through actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EventRecord)
class EventRecordAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "type",
        "organization_id",
        "actor_id",
        "attempts",
        "dispatched_at",
    )
    list_filter = ("type", ("dispatched_at", admin.EmptyFieldListFilter))
    search_fields = ("=id", "=organization_id", "=actor_id", "=request_id")
    date_hierarchy = "created_at"


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "organization_id", "number", "hex_hash", "sealed_at")
    search_fields = ("=event_id", "=organization_id")
    fields = ("event_id", "organization_id", "number", "hex_before", "hex_hash", "sealed_at")

    @admin.display(description="hash")
    def hex_hash(self, seal: AuditSeal) -> str:
        return bytes(seal.hash).hex()

    @admin.display(description="hash before")
    def hex_before(self, seal: AuditSeal) -> str:
        return bytes(seal.prev_hash).hex()
