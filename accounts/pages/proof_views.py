"""Proving an address by mail, for people with a browser. Opening a link uses nothing up:
mail programs and virus scanners open them too. Only the button does.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.pages.forms import AddressForm, CodeForm, NewPasswordForm, add_error
from common.errors import DomainError

form_page = require_http_methods(["GET", "HEAD", "POST"])
MAIL_SENT = "If this address is known here, a mail is on its way to it."


@never_cache
@form_page
def verify_email(request: HttpRequest) -> HttpResponse:
    """Verify an address by the code of a mail."""
    form = CodeForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if form.is_valid():
        try:
            services.verify_email(**form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            return _verified(request)
    return _show(
        request, "accounts/verify_email.html", form, resend=AddressForm(auto_id="again_%s")
    )


@never_cache
@form_page
def verify_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the address shall be verified; a POST verifies it."""
    if request.method != "POST":
        return render(request, "accounts/verify_link.html")
    services.verify_email(token=token)
    return _verified(request)


@require_POST
def resend_verification(request: HttpRequest) -> HttpResponse:
    """Ask for another verification mail."""
    form = AddressForm(request.POST)
    if form.is_valid():
        services.ask_verification(**form.cleaned_data)
    messages.info(request, MAIL_SENT)
    return redirect("profile" if request.user.is_authenticated else "verify-email")


@never_cache
@form_page
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Ask for a mail to set a new password by."""
    form = AddressForm(request.POST or None)
    if form.is_valid():
        services.ask_reset(**form.cleaned_data)
        messages.info(request, MAIL_SENT)
        return redirect("login")
    return _show(request, "accounts/forgot_password.html", form)


@never_cache
@form_page
def reset_password(request: HttpRequest, token: str) -> HttpResponse:
    """Set a new password by a mail's link."""
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            services.reset_password(token=token, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, "Your password is changed. Log in with the new one.")
            return redirect("login")
    return _show(request, "accounts/reset_password.html", form)


def _verified(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Your e-mail address is verified.")
    return redirect("profile" if request.user.is_authenticated else "login")


def _show(request: HttpRequest, template: str, form: object, **context: object) -> HttpResponse:
    """The page with its form; 400 where what was sent is refused."""
    status = 400 if getattr(form, "errors", None) else 200
    return render(request, template, {"form": form, **context}, status=status)
