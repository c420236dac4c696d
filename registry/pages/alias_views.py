"""Where a model's names lead, for people with a browser."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.pages import actor
from accounts.pages.acting import acted
from accounts.pages.forms import add_error
from common.errors import Denied, DomainError
from registry import selectors, services
from registry.models import Model
from registry.pages.forms import AliasForm
from registry.permissions import can_edit_model
from registry.refs import ModelRef

MOST = 100
NEWEST = 50


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def aliases(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """A model's aliases, where they have led, and a form to move one."""
    who = actor(request)
    model = selectors.get_model(who, ModelRef(owner=owner, name=name))
    numbers = list(selectors.list_answering(model).values_list("number", flat=True)[:MOST])
    form = AliasForm(request.POST or None, numbers=numbers)
    if form.is_valid():
        try:
            found = services.set_alias(model, actor=who, **form.cleaned_data)
        except Denied:
            raise
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, f"@{found.name} leads to version {found.version.number}.")
            return redirect("model-aliases", owner, name)
    context = {
        "model": model,
        "form": form,
        "may_edit": can_edit_model(who, model),
        "aliases": selectors.list_aliases(model)[:MOST],
        "moves": selectors.list_moves(model)[:NEWEST],
    }
    return render(request, "registry/aliases.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def rollback(request: HttpRequest, owner: str, name: str, alias: str) -> HttpResponse:
    """One step back."""
    model = _model(request, owner, name)
    return acted(
        request,
        f"@{alias} leads where it led before.",
        lambda: services.rollback_alias(model, alias, actor=actor(request)),
        "model-aliases",
        owner,
        name,
    )


@login_required
@require_POST
def remove(request: HttpRequest, owner: str, name: str, alias: str) -> HttpResponse:
    """Take an alias away."""
    model = _model(request, owner, name)
    return acted(
        request,
        f"@{alias} is gone.",
        lambda: services.remove_alias(model, alias, actor=actor(request)),
        "model-aliases",
        owner,
        name,
    )


def _model(request: HttpRequest, owner: str, name: str) -> Model:
    return selectors.get_model(actor(request), ModelRef(owner=owner, name=name))
