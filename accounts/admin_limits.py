"""Rate limits in the operator's console, written through the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest  # noqa: TID251  the admin is a page

from accounts import services
from accounts.models import LimitPolicy
from accounts.pages import actor
from accounts.services.limits import check_target
from common.admin import BaseAdmin
from common.errors import Invalid

RATES = ("per_minute", "per_hour")


class LimitForm(forms.ModelForm[LimitPolicy]):
    """Rates, and whom they are for: one who exists, or a default without a target."""

    class Meta:
        model = LimitPolicy
        fields = ("kind", "target_id", *RATES)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if {"kind", "target_id"} <= values.keys():
            try:
                check_target(values["kind"], values["target_id"])
            except Invalid as error:
                self.add_error("target_id", error.message)
        return values


@admin.register(LimitPolicy)
class LimitPolicyAdmin(BaseAdmin):
    form = LimitForm
    list_display = ("kind", "target_id", *RATES, "updated_at")
    list_filter = ("kind",)
    search_fields = ("=target_id",)

    def get_readonly_fields(self, request: HttpRequest, obj: LimitPolicy | None = None) -> Any:
        return ("kind", "target_id") if obj else ()

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> LimitPolicy:
        values = form.cleaned_data
        if not change:
            return services.create_limit(actor=actor(request), **values)
        before = LimitPolicy.objects.get(id=form.instance.id)
        rates = {name: values[name] for name in RATES}
        return services.update_limit(before, rates, actor=actor(request))

    def save_model(self, request: HttpRequest, obj: LimitPolicy, form: Any, change: bool) -> None:
        """Nothing is left to save: the service has written it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing either."""

    def delete_model(self, request: HttpRequest, obj: LimitPolicy) -> None:
        services.delete_limit(obj, actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LimitPolicy]) -> None:
        for policy in queryset:
            services.delete_limit(policy, actor=actor(request))
