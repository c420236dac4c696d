"""Teams, for people with a browser."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.models import Team
from accounts.pages import actor
from accounts.pages.acting import acted
from accounts.pages.forms import add_error
from accounts.pages.place_forms import TEAM_ROLES, TeamForm, TeamMemberForm
from accounts.permissions import can_manage_team
from accounts.selectors import places
from common.errors import DomainError

form_page = require_http_methods(["GET", "HEAD", "POST"])
MOST = 200


@never_cache
@login_required
@form_page
def teams(request: HttpRequest) -> HttpResponse:
    """The teams one can see, and a form for a new one."""
    who, form = actor(request), TeamForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.create_team(actor=who, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("team", made.id)
    context = {"form": form, "teams": places.list_teams(who)[:MOST]}
    status = 400 if form.errors else 200
    return render(request, "accounts/teams.html", context, status=status)


@never_cache
@login_required
@form_page
def team(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """One team and who is in it; a POST changes name and description."""
    who = actor(request)
    found = places.get_team(who, team_id)
    initial = {"name": found.name, "description": found.description}
    form = TeamForm(request.POST or None, initial=initial)
    if form.is_valid():
        data = form.cleaned_data
        return acted(
            request,
            "Saved.",
            lambda: services.update_team(found, data, actor=who),
            "team",
            team_id,
        )
    return _page(request, found, form=form, member_form=TeamMemberForm(prefix="member"))


def _page(
    request: HttpRequest, found: Team, *, form: TeamForm, member_form: TeamMemberForm
) -> HttpResponse:
    who = actor(request)
    context = {
        "team": found,
        "form": form,
        "member_form": member_form,
        "members": places.list_team_members(found)[:MOST],
        "manages": can_manage_team(who, found, getattr(found, "role", None) or ""),
        "roles": TEAM_ROLES,
    }
    return render(request, "accounts/team.html", context)


@login_required
@require_POST
def add_member(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Put somebody into the team."""
    who, form = actor(request), TeamMemberForm(request.POST, prefix="member")
    found = places.get_team(who, team_id)
    if not form.is_valid():
        empty = TeamForm(initial={"name": found.name, "description": found.description})
        return _page(request, found, form=empty, member_form=form)
    data = form.cleaned_data
    return acted(
        request,
        f"{data['email']} is in the team.",
        lambda: services.add_team_member(found, actor=who, **data),
        "team",
        team_id,
    )


@login_required
@require_POST
def member(request: HttpRequest, team_id: UUID, user_id: UUID) -> HttpResponse:
    """Another role for a member, or none: then they leave the team."""
    who, role = actor(request), request.POST.get("role", "")
    found = places.get_team(who, team_id)
    if role in dict(TEAM_ROLES):
        return acted(
            request,
            "Their role is changed.",
            lambda: services.set_team_member_role(found, user_id, actor=who, role=role),
            "team",
            team_id,
        )
    return acted(
        request,
        "They are no longer in the team.",
        lambda: services.remove_team_member(found, user_id, actor=who),
        "teams",
    )


@login_required
@require_POST
def delete(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Delete the team: what was shared with it is shared no more."""
    who = actor(request)
    found = places.get_team(who, team_id)
    return acted(
        request,
        f"The team {found.name} is deleted.",
        lambda: services.delete_team(found, actor=who),
        "teams",
    )
