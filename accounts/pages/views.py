"""Sign up, log in, log out, profile and keys, for people with a browser."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import selectors, services
from accounts.errors import EmailNotVerified
from accounts.pages import actor, enter, session_id, stay
from accounts.pages.devices import is_known_device, remember_device
from accounts.pages.forms import (
    KeyForm,
    LoginForm,
    PasswordForm,
    ProfileForm,
    SignupForm,
    add_error,
)
from common.errors import DomainError

PAGE_SIZE = 20

form_page = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@form_page
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account, and be logged in, or be sent to one's mail first."""
    if request.user.is_authenticated:
        return redirect(_next_page(request))
    form = SignupForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if form.is_valid():
        try:
            user = services.sign_up(**form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            if user is None:
                messages.info(request, "Check your mail: it says how to go on.")
                return redirect("verify-email")
            enter(request, user)
            messages.success(request, f"Welcome. Your models will be called {user.slug}/….")
            return redirect(_next_page(request))
    return _form_page(request, "accounts/signup.html", form)


@never_cache
@form_page
def login(request: HttpRequest) -> HttpResponse:
    """Log in, and go where one was going."""
    if request.user.is_authenticated:
        return redirect(_next_page(request))
    form = LoginForm(request.POST or None)
    if form.is_valid():
        try:
            known = is_known_device(request, form.cleaned_data["email"])
            user = services.log_in(**form.cleaned_data, via="session", is_known_device=known)
        except EmailNotVerified as error:
            messages.error(request, error.message)
            return redirect("verify-email")
        except DomainError as error:
            add_error(form, error)
        else:
            enter(request, user)
            return remember_device(redirect(_next_page(request)), user)
    return _form_page(request, "accounts/login.html", form)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Log out."""
    known = session_id(request)
    if known is not None and request.user.is_authenticated:
        who = actor(request)
        services.end_session(selectors.get_session(who, known), actor_id=who.id)
    auth.logout(request)
    messages.info(request, "You are logged out.")
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@login_required
@form_page
def keys(request: HttpRequest) -> HttpResponse:
    """The keys one can see, and a form for a new one, which is shown this once."""
    form, made = KeyForm(request.POST or None), None
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = services.create_api_key(
                actor=actor(request),
                name=data["name"],
                scopes=data["scopes"],
                expires_at=form.expires_at(),
                models=data["models"],
                cidrs=data["cidrs"],
            )
        except DomainError as error:
            add_error(form, error)
    page = Paginator(selectors.list_keys(actor(request)), PAGE_SIZE)
    context = {"page": page.get_page(request.GET.get("page")), "made": made}
    fresh = KeyForm() if made else form
    return _form_page(request, "accounts/keys.html", fresh, **context)


@login_required
@form_page
def revoke_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Ask whether the key shall be void for ever; a POST makes it so."""
    key = selectors.get_key(actor(request), key_id)
    if request.method == "POST":
        services.revoke_api_key(key, actor=actor(request))
        messages.success(request, f"The key {key.name} works no more.")
        return redirect("keys")
    return render(request, "accounts/revoke_key.html", {"key": key})


@never_cache
@login_required
@form_page
def profile(request: HttpRequest) -> HttpResponse:
    """One's name, and the way to a new password."""
    user = actor(request).user
    form = ProfileForm(request.POST or None, initial={"full_name": user.full_name})
    if form.is_valid():
        services.update_profile(actor=actor(request), **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("profile")
    context = {"password_form": PasswordForm(), "has_mail": settings.EMAIL_CONFIGURED}
    return _form_page(request, "accounts/profile.html", form, **context)


@never_cache
@login_required
@form_page
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password. Other sessions end; this one goes on."""
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            keep = session_id(request)
            user = services.change_password(actor=actor(request), keep=keep, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            stay(request, user)
            messages.success(request, "Your password is changed. Other devices are logged out.")
            return redirect("profile")
    return _form_page(request, "accounts/password.html", form)


def _form_page(
    request: HttpRequest, template: str, form: object, **context: object
) -> HttpResponse:
    """The page with its form; 400 where what was sent is refused."""
    status = 400 if getattr(form, "errors", None) else 200
    return render(request, template, {"form": form, **context}, status=status)


def _next_page(request: HttpRequest) -> str:
    """Where the reader was going, if that is on this site."""
    wished = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        wished, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wished
    return settings.LOGIN_REDIRECT_URL
