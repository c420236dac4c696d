"""Webhooks, for people with a browser."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages import actor
from accounts.pages.forms import add_error
from common import clock
from common.errors import DomainError
from common.http.partials import is_partial
from webhooks import selectors, services
from webhooks.api.serializers import DeliveriesFilter
from webhooks.models import DeliveryState, Status
from webhooks.pages.forms import NewWebhookForm, ReplayForm, RotateForm, WebhookForm

PAGE_SIZE = 20
form_page = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
@login_required
@form_page
def webhooks(request: HttpRequest) -> HttpResponse:
    """The list, and the way to a new one, whose secret is shown this once."""
    who, made = actor(request), None
    form = NewWebhookForm(request.POST or None, actor=who)
    if form.is_valid():
        try:
            made = services.create_webhook(actor=who, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            form = NewWebhookForm(actor=who)
    page = Paginator(selectors.list_webhooks(who), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "form": form, "made": made}
    status = 400 if form.errors else 200
    return render(request, "webhooks/webhooks.html", context, status=status)


@never_cache
@login_required
@require_safe
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """One webhook: how its receiver fares, and what was sent."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    wanted = DeliveriesFilter(data=request.GET).wanted()
    context = {
        "webhook": found,
        "deliveries": selectors.list_deliveries(found, wanted),
        "states": DeliveryState.choices,
        "replay": ReplayForm(),
        "given": request.GET,
    }
    template = "webhooks/_deliveries.html" if is_partial(request) else "webhooks/webhook.html"
    return render(request, template, context)


@never_cache
@login_required
@form_page
def edit_webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Another URL, other events, more or less patience."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    form = WebhookForm(request.POST or None, initial=WebhookForm.of(found))
    if form.is_valid():
        try:
            services.update_webhook(found, form.cleaned_data, actor=who)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("webhook", webhook_id)
    context = {"webhook": found, "form": form}
    return render(request, "webhooks/edit.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
@form_page
def rotate(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """A new secret, shown this once."""
    who, made = actor(request), None
    found = selectors.get_webhook(who, webhook_id)
    form = RotateForm(request.POST or None)
    if form.is_valid():
        overlap = timedelta(seconds=int(form.cleaned_data["overlap"]))
        made = services.rotate_secret(found, actor=who, overlap=overlap)
    context = {"webhook": found, "form": form, "made": made}
    return render(request, "webhooks/rotate.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def turn(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Pause it, or turn it on again."""
    found = selectors.get_webhook(actor(request), webhook_id)
    on = found.status != Status.ACTIVE
    services.update_webhook(found, {"active": on}, actor=actor(request))
    messages.success(request, "It is on." if on else "It is paused: nothing is sent meanwhile.")
    return redirect("webhook", webhook_id)


@login_required
@form_page
def delete(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Ask, then delete."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    if request.method == "POST":
        services.delete_webhook(found, actor=who)
        messages.success(request, "Deleted.")
        return redirect("webhooks")
    return render(request, "webhooks/delete.html", {"webhook": found})


@login_required
@require_POST
def test(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a test message, and show what comes of it."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    try:
        made = services.send_test(found, actor=who)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("webhook", webhook_id)
    return redirect("webhook-delivery", webhook_id, made.id)


@login_required
@require_POST
def replay(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """Send a range of time again."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    form = ReplayForm(request.POST)
    try:
        count = services.replay_range(found, actor=who, **form.wanted(clock.now()))
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{count} deliveries are sent again, ten a second at most.")
    return redirect("webhook", webhook_id)


@never_cache
@login_required
@require_safe
def delivery(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """What was sent, and what each attempt brought back; looks again while it is under way."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    found_delivery = selectors.get_delivery(found, delivery_id)
    context = {
        "webhook": found,
        "delivery": found_delivery,
        "open": (DeliveryState.WAITING, DeliveryState.SENDING),
        "body": json.dumps(json.loads(found_delivery.message.body), indent=2),
    }
    template = "webhooks/_delivery.html" if is_partial(request) else "webhooks/delivery.html"
    return render(request, template, context)


@login_required
@require_POST
def replay_one(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send one again."""
    who = actor(request)
    found = selectors.get_webhook(who, webhook_id)
    try:
        services.replay_delivery(selectors.get_delivery(found, delivery_id), actor=who)
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("webhook-delivery", webhook_id, delivery_id)
