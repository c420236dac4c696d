"""The operator's view of accounts. Whatever changes, changes through the services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as _registers_groups  # noqa: F401
from django.contrib.auth import password_validation
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse  # noqa: TID251  the admin is a page
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts import admin_limits as _registers_limits  # noqa: F401
from accounts import admin_threats as _registers_threats  # noqa: F401
from accounts import services
from accounts.actors import Actor
from accounts.emails import BadEmail, check_email, email_key
from accounts.models import (
    ApiKey,
    AuditCheck,
    Digest,
    Membership,
    Notification,
    Organization,
    User,
)
from accounts.pages import actor
from accounts.pages.forms import add_error
from accounts.passwords import MAX_LENGTH
from common.admin import ReadOnlyAdmin
from common.errors import DomainError

# Nothing here uses groups: there is one right, to be an operator.
admin.site.unregister(Group)


class PasswordForm(forms.Form):
    """A password that an operator sets for somebody."""

    new_password = forms.CharField(
        strip=False,
        max_length=MAX_LENGTH,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Tell it to its owner by a safe way; they should change it then.",
    )


class UserAddForm(forms.ModelForm[User]):
    """What makes an account: the same as at the front door."""

    email = forms.CharField(max_length=254, widget=UnfoldAdminTextInputWidget())
    full_name = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget())
    password = forms.CharField(
        strip=False,
        max_length=MAX_LENGTH,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("email", "full_name", "password")

    def clean_email(self) -> str:
        try:
            address = check_email(self.cleaned_data["email"])
        except BadEmail as error:
            raise forms.ValidationError(str(error)) from None
        if User.objects.filter(email_key=email_key(address)).exists():
            raise forms.ValidationError("There is an account with this e-mail address already.")
        return address

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, self.instance)
        return password


def _each(
    request: HttpRequest, rows: Iterable[Any], act: Callable[..., Any], done: str, who: Actor
) -> None:
    """Do it to every row, and tell how it went with each that refused."""
    count = 0
    for row in rows:
        try:
            act(row, actor=who)
        except DomainError as error:
            messages.error(request, f"{row}: {error.message}")
        else:
            count += 1
    if count:
        messages.success(request, f"{count} {done}.")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("email", "full_name", "slug", "status", "is_staff", "last_login", "created_at")
    list_filter = ("status", "is_staff")
    list_select_related = ("personal_organization",)
    search_fields = ("email", "full_name", "=id")
    fields = (
        "id",
        "email",
        "full_name",
        "slug",
        "email_verified_at",
        "status",
        "is_active",
        "is_staff",
        "last_login",
        "created_at",
        "updated_at",
        "set_password",
    )
    readonly_fields = (
        "id",
        "slug",
        "email_verified_at",
        "created_at",
        "updated_at",
        "set_password",
    )
    add_form = UserAddForm
    actions = ("activate", "deactivate", "delete_accounts", "appoint")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.fields if obj else UserAddForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: User | None = None, **kwargs: Any) -> Any:
        if obj is None:
            return UserAddForm
        return super().get_form(request, obj, **kwargs)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> User:
        return services.register_user(**form.cleaned_data, vouched=True)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Nothing is left to save: the service has made the account whole."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing either."""

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:user_id>/set-password",
            self.admin_site.admin_view(self.password_view),
            name="accounts_user_password",
        )
        return [own, *super().get_urls()]

    def password_view(self, request: HttpRequest, user_id: object) -> HttpResponse:
        """Set a user's password; every token of theirs is void then."""
        user = get_object_or_404(User, id=user_id)
        form = PasswordForm(request.POST or None)
        if form.is_valid():
            try:
                services.set_password(user, actor=actor(request), **form.cleaned_data)
            except DomainError as error:
                add_error(form, error)
            else:
                messages.success(request, f"{user} has a new password.")
                return redirect("admin:accounts_user_change", user.id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": f"Set the password of {user}",
            "form": form,
        }
        return TemplateResponse(request, "accounts/admin_password.html", context)

    @admin.display(description="password")
    def set_password(self, user: User) -> str:
        address = reverse("admin:accounts_user_password", args=[user.id])
        return format_html('<a href="{}">Set a new one</a>', address)

    @admin.action(description="Let in")
    def activate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        _each(request, users, services.activate_user, "let in", actor(request))

    @admin.action(description="Shut out: log-in, sessions, tokens and keys")
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        _each(request, users, services.deactivate_user, "shut out", actor(request))

    @admin.action(description="Delete for good: nothing that names them stays")
    def delete_accounts(self, request: HttpRequest, users: QuerySet[User]) -> None:
        _each(request, users, services.delete_user, "deleted", actor(request))

    @admin.action(description="Make operator")
    def appoint(self, request: HttpRequest, users: QuerySet[User]) -> None:
        _each(request, users, services.appoint_operator, "made operator", actor(request))


class MembershipInline(admin.TabularInline[Membership, Organization]):
    model = Membership
    extra = 0
    can_delete = False
    fields = readonly_fields = ("user", "role", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "personal_to", "created_at")
    list_filter = (("personal_to", admin.EmptyFieldListFilter),)
    list_select_related = ("personal_to",)
    search_fields = ("slug", "name", "=id")
    inlines = (MembershipInline,)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__slug")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "prefix",
        "user",
        "organization",
        "state",
        "expires_at",
        "last_used_at",
        "created_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user", "organization")
    search_fields = ("name", "prefix", "user__email", "organization__slug", "=id")
    exclude = ("key_hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        _each(request, keys, services.revoke_api_key, "revoked", actor(request))


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "type", "text", "read_at", "mail", "mailed_at")
    list_filter = ("audience", "mail")
    list_select_related = ("user",)
    search_fields = ("=event_id", "user__email", "type")


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "kind", "period")
    list_select_related = ("user",)
    search_fields = ("user__email",)


@admin.register(AuditCheck)
class AuditCheckAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "seals", "chains", "broken", "unsealed", "ms")
    list_filter = ("broken",)
