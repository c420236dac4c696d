"""Changing and rolling keys, for people with a browser."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import selectors, services
from accounts.pages import actor
from accounts.pages.forms import EditKeyForm, RollForm, add_error
from common.errors import DomainError

form_page = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@login_required
@form_page
def edit_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Another name, other scopes or restrictions."""
    key = selectors.get_key(actor(request), key_id)
    form = EditKeyForm(request.POST or None, initial=EditKeyForm.of(key))
    if form.is_valid():
        try:
            services.update_api_key(key, form.wished(), actor=actor(request))
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, "Saved. It holds within a second.")
            return redirect("keys")
    status = 400 if form.errors else 200
    return render(request, "accounts/edit_key.html", {"key": key, "form": form}, status=status)


@never_cache
@login_required
@form_page
def roll_key(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """A new key in place of this one, which works on for a while. It is shown this once."""
    key = selectors.get_key(actor(request), key_id)
    form, made = RollForm(request.POST or None), None
    if form.is_valid():
        overlap = timedelta(seconds=int(form.cleaned_data["overlap"]))
        try:
            made = services.roll_api_key(key, actor=actor(request), overlap=overlap)
        except DomainError as error:
            add_error(form, error)
    context = {"key": key, "form": form, "made": made}
    status = 400 if form.errors else 200
    return render(request, "accounts/roll_key.html", context, status=status)
