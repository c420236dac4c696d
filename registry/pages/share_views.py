"""Who else gets at a model, for people with a browser."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages import actor
from accounts.pages.acting import acted
from accounts.pages.forms import add_error
from accounts.selectors import places
from common.errors import DomainError
from registry import selectors, services
from registry.models import Permission
from registry.pages.forms import ShareForm
from registry.refs import ModelRef

PAGE_SIZE = 20
MOST = 200


@login_required
@require_safe
def shared_with_me(request: HttpRequest) -> HttpResponse:
    """The models others have shared with one, or with a team of one's."""
    page = Paginator(selectors.list_shared(actor(request)), PAGE_SIZE)
    context = {"page": page.get_page(request.GET.get("page"))}
    return render(request, "registry/shared.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """Whom a model is shared with, and a form to share it."""
    who = actor(request)
    model = selectors.get_model(who, ModelRef(owner=owner, name=name))
    shares = selectors.list_shares(model, actor=who)
    form = ShareForm(request.POST or None, teams=places.list_teams(who)[:MOST])
    if form.is_valid():
        try:
            services.share_model(model, actor=who, **form.wished())
        except DomainError as error:
            add_error(form, error)
        else:
            form = ShareForm(teams=places.list_teams(who)[:MOST])
    context = {"model": model, "shares": shares[:MOST], "form": form}
    context |= {"permissions": Permission.values}
    status = 400 if form.errors else 200
    return render(request, "registry/share.html", context, status=status)


@login_required
@require_POST
def change_share(request: HttpRequest, owner: str, name: str, share_id: str) -> HttpResponse:
    """Give more or less; without a permission, nothing any more."""
    who, permission = actor(request), request.POST.get("permission", "")
    model = selectors.get_model(who, ModelRef(owner=owner, name=name))
    found = selectors.get_share(model, UUID(share_id), actor=who)
    if permission in Permission.values:
        return acted(
            request,
            f"{found.reaches} may {permission} it now.",
            lambda: services.change_share(found, actor=who, permission=permission),
            "model-share",
            owner,
            name,
        )
    to = ("models-shared",) if found.user_id == who.id else ("model-share", owner, name)
    return acted(
        request,
        f"It is no longer shared with {found.reaches}.",
        lambda: services.revoke_share(found, actor=who),
        *to,
    )
