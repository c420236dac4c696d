"""Organizations, their people, invitations and programs, for people with a browser."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.models import Organization
from accounts.pages import actor
from accounts.pages.acting import acted
from accounts.pages.forms import add_error
from accounts.pages.place_forms import (
    ROLES,
    InviteForm,
    OrganizationForm,
    ProgramForm,
    RenameForm,
)
from accounts.permissions import ADMINS
from accounts.selectors import places
from common.errors import DomainError

form_page = require_http_methods(["GET", "HEAD", "POST"])
MOST = 200


@never_cache
@login_required
@form_page
def organizations(request: HttpRequest) -> HttpResponse:
    """Where one belongs and is invited, and a form for a new organization."""
    who, form = actor(request), OrganizationForm(request.POST or None)
    if form.is_valid():
        try:
            made = services.create_organization(actor=who, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("organization", made.slug)
    context = {
        "form": form,
        "organizations": places.list_organizations(who)[:MOST],
        "invitations": places.invitations_to(who)[:MOST],
    }
    status = 400 if form.errors else 200
    return render(request, "accounts/organizations.html", context, status=status)


@never_cache
@login_required
@require_safe
def organization(request: HttpRequest, slug: str) -> HttpResponse:
    """One organization: who is in it, who is invited, its programs and teams."""
    return _page(request, places.get_organization(actor(request), slug))


def _page(request: HttpRequest, found: Organization, **more: Any) -> HttpResponse:
    who = actor(request)
    manages = who.role_in(found.id) in ADMINS
    invitations = places.list_invitations(found, actor=who) if manages else ()
    members = places.list_members(found).filter(user__service_of=None)
    context = {
        "organization": found,
        "manages": manages,
        "owns": who.role_in(found.id) == "owner",
        "members": members[:MOST],
        "programs": places.list_programs(found)[:MOST],
        "invitations": [each for each in invitations[:MOST] if each.state == "open"],
        "teams": places.list_teams(who).filter(organization=found)[:MOST],
        "roles": ROLES,
        "invite_form": InviteForm(prefix="invite"),
        "program_form": ProgramForm(prefix="program"),
        "rename_form": RenameForm(initial={"name": found.name}),
    }
    return render(request, "accounts/organization.html", context | more)


@login_required
@require_POST
def rename(request: HttpRequest, slug: str) -> HttpResponse:
    """Another name; the slug stays."""
    who = actor(request)
    found = places.get_organization(who, slug)
    changes = {"name": request.POST.get("name", "").strip()[:200] or found.name}
    return acted(
        request,
        "Saved.",
        lambda: services.update_organization(found, changes, actor=who),
        "organization",
        slug,
    )


@login_required
@form_page
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask whether it shall go for good; a POST makes it so."""
    who = actor(request)
    found = places.get_organization(who, slug)
    if request.method == "POST":
        return acted(
            request,
            f"{found.name} is deleted.",
            lambda: services.delete_organization(found, actor=who),
            "organizations",
        )
    return render(request, "accounts/delete_organization.html", {"organization": found})


@login_required
@require_POST
def member(request: HttpRequest, slug: str, user_id: UUID) -> HttpResponse:
    """Another role for a member, or none: then they are removed."""
    who, role = actor(request), request.POST.get("role", "")
    found = places.get_organization(who, slug)
    if role in dict(ROLES):
        return acted(
            request,
            "Their role is changed.",
            lambda: services.set_member_role(found, user_id, actor=who, role=role),
            "organization",
            slug,
        )
    left = "organizations" if user_id == who.id else "organization"
    where = () if user_id == who.id else (slug,)
    done = "You have left." if user_id == who.id else "They are removed, and so are their keys."
    return acted(
        request, done, lambda: services.remove_member(found, user_id, actor=who), left, *where
    )


@login_required
@require_POST
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    """Send an invitation."""
    who, form = actor(request), InviteForm(request.POST, prefix="invite")
    found = places.get_organization(who, slug)
    if not form.is_valid():
        return _page(request, found, invite_form=form)
    data = form.cleaned_data
    done = f"An invitation is on its way to {data['email']}."
    return acted(
        request, done, lambda: services.invite(found, actor=who, **data), "organization", slug
    )


@login_required
@require_POST
def revoke_invitation(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    """Take an invitation back."""
    who = actor(request)
    found = places.get_invitation(places.get_organization(who, slug), invitation_id)
    return acted(
        request,
        "The invitation is taken back.",
        lambda: services.revoke_invitation(found, actor=who),
        "organization",
        slug,
    )


@login_required
@require_POST
def add_program(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a service account."""
    who, form = actor(request), ProgramForm(request.POST, prefix="program")
    found = places.get_organization(who, slug)
    if not form.is_valid():
        return _page(request, found, program_form=form)
    name = form.cleaned_data["name"]
    return acted(
        request,
        f"{name} is there. Make it a key.",
        lambda: services.create_service_account(found, actor=who, name=name),
        "organization",
        slug,
    )


@never_cache
@login_required
@require_POST
def add_program_key(request: HttpRequest, slug: str, user_id: UUID) -> HttpResponse:
    """Make a key for a service account, which is shown this once."""
    who = actor(request)
    found = places.get_organization(who, slug)
    try:
        program = services.get_service_account(found, user_id)
        made = services.create_service_key(found, program, actor=who, name=program.full_name)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("organization", slug)
    return _page(request, found, made=made)


@login_required
@require_POST
def close_program(request: HttpRequest, slug: str, user_id: UUID) -> HttpResponse:
    """Close a service account."""
    who = actor(request)
    found = places.get_organization(who, slug)
    program = services.get_service_account(found, user_id)
    return acted(
        request,
        f"{program.full_name} is closed, and its keys are revoked.",
        lambda: services.delete_service_account(found, program, actor=who),
        "organization",
        slug,
    )


@never_cache
@login_required
@form_page
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link: who invites where; a POST accepts."""
    found = services.invitation_by_token(token)
    if request.method == "POST":
        done = f"Welcome to {found.organization.name}."
        return acted(
            request,
            done,
            lambda: services.accept_invitation(found, actor=actor(request)),
            "organizations",
        )
    return render(request, "accounts/invitation.html", {"invitation": found})


@login_required
@require_POST
def answer_invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Yes or no to an invitation to one's own address."""
    who = actor(request)
    found = places.invitation_to(who, invitation_id)
    if request.POST.get("answer") == "accept":
        done = f"Welcome to {found.organization.name}."
        return acted(
            request,
            done,
            lambda: services.accept_invitation(found, actor=who),
            "organizations",
        )
    return acted(
        request,
        "Declined.",
        lambda: services.decline_invitation(found, actor=who),
        "organizations",
    )
