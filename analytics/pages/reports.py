"""Reports by mail, for people with a browser."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages import actor
from accounts.pages.forms import add_error
from analytics import selectors, services
from analytics.models import About, Every
from common.errors import DomainError


class ReportForm(forms.Form):
    about = forms.ChoiceField(label="About", choices=About.choices, initial=About.DASHBOARD)
    model = forms.CharField(
        label="Model", max_length=200, required=False, help_text="For a report of a model."
    )
    every = forms.ChoiceField(label="Every", choices=Every.choices, initial=Every.WEEK)
    tz = forms.CharField(
        label="Time zone", max_length=50, initial="UTC", help_text="Europe/Paris, or +05:45."
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reports(request: HttpRequest) -> HttpResponse:
    """What one gets by mail, and the way to more of it."""
    form = ReportForm(request.POST or None)
    if form.is_valid():
        try:
            services.create_report(actor=actor(request), **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, "It comes the morning after each period has ended.")
            return redirect("reports")
    context = {"form": form, "reports": selectors.list_reports(actor(request))}
    return render(request, "analytics/reports.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def send(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Have one sent now."""
    who = actor(request)
    services.send_report_now(selectors.get_report(who, report_id), actor=who)
    messages.success(request, "It is sent within a minute.")
    return redirect("reports")


@login_required
@require_POST
def delete(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Cancel one."""
    who = actor(request)
    services.delete_report(selectors.get_report(who, report_id), actor=who)
    messages.success(request, "Cancelled.")
    return redirect("reports")
