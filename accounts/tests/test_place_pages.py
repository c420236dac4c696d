"""It shows people their organizations, teams and keys, and lets them act there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.actors import actor_for_user
from accounts.models import ApiKey, Invitation, Membership, Organization, Team, TeamMembership, User
from accounts.services import invitation_token, invite
from accounts.tests.factories import make_key

pytestmark = pytest.mark.django_db


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(alice: User) -> Client:
    return browser(alice)


@pytest.fixture
def acme(alice: User) -> Organization:
    made = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=made, user=alice, role="owner")
    return made


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def said(client: Client, path: str, **form: str) -> str:
    """Send a form, and what the page it leads to says."""
    return str(client.post(path, form, follow=True).content.decode())


def test_an_organization_is_made_and_shown(page: Client) -> None:
    answer = page.post("/organizations", {"name": "Acme Inc"})
    assert (answer.status_code, answer.url) == (302, "/organizations/acme-inc")  # type: ignore[attr-defined]
    assert "Acme Inc" in text(page, "/organizations")
    assert page.post("/organizations", {"name": "x", "slug": "acme-inc"}).status_code == 400


def test_people_are_invited_and_come(page: Client, acme: Organization, bob: User) -> None:
    form = {"invite-email": "bob@example.org", "invite-role": "member"}
    assert "on its way" in said(page, "/organizations/acme/invite", **form)
    assert "bob@example.org" in text(page, "/organizations/acme")
    his = browser(bob)
    assert "invites you to" in text(his, "/organizations")
    answer = f"/invitations/{Invitation.objects.get().id}/answer"
    assert "Welcome to Acme" in said(his, answer, answer="accept")
    assert "Invite somebody" not in text(his, "/organizations/acme")
    role = said(page, f"/organizations/acme/members/{bob.id}", role="admin")
    assert "role is changed" in role
    assert "Invite somebody" in text(his, "/organizations/acme")
    assert "removed" in said(page, f"/organizations/acme/members/{bob.id}")
    assert his.get("/organizations/acme").status_code == 404


def test_the_mailed_link_asks_before_it_accepts(acme: Organization, alice: User, bob: User) -> None:
    token = invitation_token(
        invite(acme, actor=actor_for_user(alice), email="b@example.org", role="viewer")
    )
    stranger = Client().get(f"/invitations/{token}")
    assert stranger.status_code == 302
    his = browser(bob)
    assert "as viewer" in text(his, f"/invitations/{token}")
    assert not Membership.objects.filter(organization=acme, user=bob).exists()
    assert "Welcome to Acme" in said(his, f"/invitations/{token}")
    assert "accepted" in text(his, f"/invitations/{token}")


def test_a_program_gets_its_key_shown_once(page: Client, acme: Organization) -> None:
    said(page, "/organizations/acme/programs", **{"program-name": "nightly"})
    program = User.objects.get(service_of=acme)
    shown = page.post(f"/organizations/acme/programs/{program.id}/key").content.decode()
    found = re.search(r"slip_[0-9A-Za-z]{38}", shown)
    assert found
    assert found[0] not in text(page, "/organizations/acme")
    assert "revoked" in said(page, f"/organizations/acme/programs/{program.id}/close")
    assert ApiKey.objects.get().revoked_at is not None


def test_deleting_asks_first(page: Client, acme: Organization) -> None:
    assert "be undone" in text(page, "/organizations/acme/delete")
    assert "is deleted" in said(page, "/organizations/acme/delete")
    assert page.get("/organizations/acme").status_code == 404
    assert "goes when its owner" in said(page, "/organizations/alice/delete")


def test_a_team_is_made_filled_and_deleted(page: Client, bob: User) -> None:
    page.post("/teams", {"name": "Vision"})
    team = Team.objects.get()
    path = f"/teams/{team.id}"
    form = {"member-email": "bob@example.org", "member-role": "member"}
    assert "is in the team" in said(page, f"{path}/add", **form)
    assert "Add somebody" not in text(browser(bob), path)
    said(page, f"{path}/members/{bob.id}", role="admin")
    assert TeamMembership.objects.get(user=bob).role == "admin"
    assert "already" in said(page, f"{path}/add", **form)
    assert "is deleted" in said(page, f"{path}/delete")
    assert page.get(path).status_code == 404


def test_a_key_is_restricted_changed_and_rolled(page: Client, alice: User) -> None:
    form = {
        "name": "ci", "expires": "never", "scopes": ["predict"], "models": "churn\nfraud",
        "cidrs": "10.1.2.3/8",
    }  # fmt: skip
    assert page.post("/keys", form).status_code == 200
    key = ApiKey.objects.get()
    assert (key.model_refs, key.cidrs) == (["alice/churn", "alice/fraud"], ["10.0.0.0/8"])
    assert "alice/churn, alice/fraud" in text(page, "/keys")
    edit = {"name": "ci", "scopes": ["predict", "models:read"], "models": "", "cidrs": "nonsense"}
    refused = page.post(f"/keys/{key.id}/edit", edit)
    assert refused.status_code == 400
    assert "is no network" in refused.content.decode()
    assert "Saved" in said(page, f"/keys/{key.id}/edit", **(edit | {"cidrs": ""}))  # type: ignore[arg-type]
    key.refresh_from_db()
    assert (key.model_refs, key.scopes) == ([], ["models:read", "predict"])
    rolled = page.post(f"/keys/{key.id}/roll", {"overlap": "0"}).content.decode()
    assert re.search(r"slip_[0-9A-Za-z]{38}", rolled)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_anothers_key_is_revoked_and_no_more(
    acme: Organization, bob: User, page: Client, alice: User
) -> None:
    Membership.objects.create(organization=acme, user=bob, role="admin")
    make_key(alice, organization=acme)
    key = ApiKey.objects.get()
    shown = text(browser(bob), "/keys")
    assert f"/keys/{key.id}/revoke" in shown
    assert f"/keys/{key.id}/roll" not in shown


@pytest.mark.parametrize("path", ["/organizations", "/organizations/acme", "/teams", "/keys"])
def test_pages_cost_the_same_however_long(
    page: Client,
    acme: Organization,
    alice: User,
    make_user: Callable[..., User],
    django_assert_max_num_queries: Callable[..., object],
    path: str,
) -> None:
    page.get(path)
    for number in range(8):
        other = make_user(f"m{number}@example.org")
        Membership.objects.create(organization=acme, user=other, role="member")
        Team.objects.create(organization=acme, name=f"t{number}")
        invite(acme, actor=actor_for_user(alice), email=f"i{number}@example.org", role="member")
        make_key(alice)
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        page.get(path)
