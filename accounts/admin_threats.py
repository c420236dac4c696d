"""The operator's view of rules about addresses."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest  # noqa: TID251  the admin is a page

from accounts import services
from accounts.models import IpRule
from accounts.pages import actor
from common.admin import ReadOnlyAdmin
from common.errors import DomainError


@admin.register(IpRule)
class IpRuleAdmin(ReadOnlyAdmin):
    list_display = (
        "network", "effect", "state", "organization", "source", "signal", "reason", "expires_at",
        "created_at",
    )  # fmt: skip
    list_filter = ("effect", "source", "signal", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("network", "reason", "organization__slug")
    actions = ("undo",)

    @admin.action(description="Undo")
    def undo(self, request: HttpRequest, rules: QuerySet[IpRule]) -> None:
        count = 0
        for rule in rules.select_related("organization"):
            try:
                services.lift_ip_rule(rule, actor=actor(request))
            except DomainError as error:
                messages.error(request, f"{rule}: {error.message}")
            else:
                count += 1
        if count:
            messages.success(request, f"{count} undone.")
