"""It lets people run organizations together: places, invitations, service accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.actors import actor_for_user
from accounts.models import ApiKey, Invitation, Membership, Organization, User
from accounts.services import invitation_token, remove_member, set_member_role
from accounts.tests.factories import make_key
from accounts.tests.races import race
from common.models import EventRecord

pytestmark = pytest.mark.django_db
URL = "/api/v1/organizations"
ClientFor = Callable[[User], APIClient]


def join(organization: Organization, user: User, role: str) -> Membership:
    return Membership.objects.create(organization=organization, user=user, role=role)


@pytest.fixture
def acme(alice: User) -> Organization:
    made = Organization.objects.create(slug="acme", name="Acme")
    join(made, alice, "owner")
    return made


@pytest.fixture
def client(alice: User, client_for: ClientFor) -> APIClient:
    return client_for(alice)


def test_a_name_is_enough(client: APIClient) -> None:
    made = client.post(URL, {"name": "Acme Inc."})
    assert made.status_code == 201
    body = made.json()
    assert (body["slug"], body["role"], body["personal"]) == ("acme-inc", "owner", False)
    again = client.post(URL, {"name": "Acme Inc."}).json()
    assert again["slug"] == "acme-inc-2"
    assert client.get(made["Location"]).json() == body


@pytest.mark.parametrize("slug", ["Acme", "-acme", "models", "a b", "x" * 64])
def test_what_is_no_slug_is_refused(client: APIClient, slug: str) -> None:
    answer = client.post(URL, {"name": "Acme", "slug": slug})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/slug"


def test_a_taken_slug_is_a_conflict(client: APIClient, bob: User) -> None:
    answer = client.post(URL, {"name": "Bob", "slug": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")


def test_the_slug_of_a_deleted_one_is_nobodys_again(client: APIClient, acme: Organization) -> None:
    assert client.delete(f"{URL}/acme").status_code == 204
    assert client.get(f"{URL}/acme").status_code == 404
    assert client.post(URL, {"name": "A", "slug": "acme"}).status_code == 409


def test_deleting_revokes_keys_and_takes_everybody_out(
    client: APIClient, acme: Organization, alice: User, bob: User
) -> None:
    join(acme, bob, "member")
    key = make_key(bob, organization=acme)
    client.post(f"{URL}/acme/invitations", {"email": "dora@example.org"})
    assert client.delete(f"{URL}/acme").status_code == 204
    assert APIClient(headers={"X-API-Key": key}).get("/api/v1/models").status_code == 401
    assert not Membership.objects.filter(organization=acme).exists()
    assert Invitation.objects.get().state == "revoked"


def test_a_personal_one_is_not_deleted_by_itself(client: APIClient, alice: User) -> None:
    answer = client.delete(f"{URL}/alice")
    assert (answer.status_code, answer.json()["code"]) == (409, "personal_organization")


def test_the_last_owner_stays(client: APIClient, acme: Organization, alice: User) -> None:
    mine = f"{URL}/acme/members/{alice.id}"
    for answer in (client.delete(mine), client.patch(mine, {"role": "admin"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


def test_of_two_owners_who_leave_at_once_one_stays(
    transactional_db: None, acme: Organization, alice: User, bob: User
) -> None:
    join(acme, bob, "owner")
    actors = [actor_for_user(user) for user in (alice, bob)]
    outcomes = race(2, lambda n: remove_member(acme, actors[n].id, actor=actors[n]))
    assert sorted(outcome is None for outcome in outcomes) == [False, True]
    assert Membership.objects.filter(organization=acme, role="owner").count() == 1


def test_two_owners_who_unmake_each_other_at_once_leave_one(
    transactional_db: None, acme: Organization, alice: User, bob: User
) -> None:
    join(acme, bob, "owner")
    actors = [actor_for_user(user) for user in (alice, bob)]
    race(2, lambda n: set_member_role(acme, actors[1 - n].id, actor=actors[n], role="member"))
    assert Membership.objects.filter(organization=acme, role="owner").count() >= 1


def test_an_admin_neither_makes_owners_nor_touches_them(
    acme: Organization, alice: User, bob: User, charlie: User, client_for: ClientFor
) -> None:
    join(acme, bob, "admin")
    join(acme, charlie, "member")
    admin = client_for(bob)
    for user, role in ((charlie, "owner"), (alice, "viewer"), (bob, "owner")):
        answer = admin.patch(f"{URL}/acme/members/{user.id}", {"role": role})
        assert (answer.status_code, answer.json()["code"]) == (403, "owners_only")
    assert admin.delete(f"{URL}/acme/members/{alice.id}").status_code == 403
    assert admin.patch(f"{URL}/acme/members/{charlie.id}", {"role": "viewer"}).status_code == 200
    assert (
        admin.post(f"{URL}/acme/invitations", {"email": "x@y.org", "role": "owner"}).status_code
        == 403
    )


def test_who_leaves_takes_no_key_along(
    acme: Organization, bob: User, client_for: ClientFor
) -> None:
    join(acme, bob, "member")
    key = make_key(bob, organization=acme)
    own = make_key(bob)
    assert client_for(bob).delete(f"{URL}/acme/members/{bob.id}").status_code == 204
    assert APIClient(headers={"X-API-Key": key}).get("/api/v1/models").status_code == 401
    assert APIClient(headers={"X-API-Key": own}).get("/api/v1/models").status_code == 200
    join(acme, bob, "member")  # coming back does not bring it back
    assert APIClient(headers={"X-API-Key": key}).get("/api/v1/models").status_code == 401


def test_an_invitation_is_accepted_once(
    client: APIClient, acme: Organization, bob: User, client_for: ClientFor
) -> None:
    sent = client.post(f"{URL}/acme/invitations", {"email": "Bob@Example.org", "role": "viewer"})
    assert sent.status_code == 201
    his = client_for(bob)
    listed = his.get("/api/v1/invitations").json()["results"]
    assert [(row["organization"], row["role"]) for row in listed] == [("acme", "viewer")]
    accept = f"/api/v1/invitations/{listed[0]['id']}/accept"
    assert his.post(accept).json()["role"] == "viewer"
    assert his.post(accept).status_code == 404
    assert his.get("/api/v1/invitations").json()["count"] == 0
    assert Membership.objects.get(organization=acme, user=bob).role == "viewer"
    again = client.post(f"{URL}/acme/invitations", {"email": "bob@example.org"})
    assert again.json()["code"] == "already_member"


def test_the_mailed_link_brings_in_whoever_it_was_sent_to(
    client: APIClient, acme: Organization, charlie: User, client_for: ClientFor
) -> None:
    client.post(f"{URL}/acme/invitations", {"email": "charlie.at.work@example.org"})
    token = invitation_token(Invitation.objects.get())
    his = client_for(charlie)
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    assert his.post("/api/v1/invitations/accept", {"token": forged}).status_code == 404
    assert his.post("/api/v1/invitations/accept", {"token": token}).status_code == 200
    second = his.post("/api/v1/invitations/accept", {"token": token})
    assert (second.status_code, second.json()["code"]) == (409, "invitation_closed")


def test_an_invitation_ends(
    clock: Any, client: APIClient, acme: Organization, bob: User, client_for: ClientFor
) -> None:
    client.post(f"{URL}/acme/invitations", {"email": "bob@example.org"})
    twice = client.post(f"{URL}/acme/invitations", {"email": "bob@example.org"})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_invited")
    clock.advance(timedelta(days=7))
    assert client_for(bob).get("/api/v1/invitations").json()["count"] == 0
    token = invitation_token(Invitation.objects.get())
    assert client_for(bob).post("/api/v1/invitations/accept", {"token": token}).status_code == 409
    assert client.post(f"{URL}/acme/invitations", {"email": "bob@example.org"}).status_code == 201


def test_a_service_account_acts_by_keys_alone(client: APIClient, acme: Organization) -> None:
    made = client.post(f"{URL}/acme/service-accounts", {"name": "ci"}).json()
    key = client.post(f"{URL}/acme/service-accounts/{made['id']}/keys", {"name": "k"}).json()
    program = APIClient(headers={"X-API-Key": key["key"]})
    assert program.get("/api/v1/models").status_code == 200
    me = ApiKey.objects.get(id=key["id"])
    assert (me.organization_id, me.user.is_staff, me.user.has_usable_password()) == (
        acme.id,
        False,
        False,
    )
    log_in = {"email": me.user.email, "password": ""}
    assert client.post("/api/v1/auth/login", log_in).status_code in {400, 401}
    assert client.delete(f"{URL}/acme/service-accounts/{made['id']}").status_code == 204
    assert program.get("/api/v1/models").status_code == 401


def test_a_service_account_never_owns(client: APIClient, acme: Organization) -> None:
    owner = {"name": "ci", "role": "owner"}
    assert client.post(f"{URL}/acme/service-accounts", owner).status_code == 400
    made = client.post(f"{URL}/acme/service-accounts", {"name": "ci", "role": "admin"}).json()
    answer = client.patch(f"{URL}/acme/members/{made['id']}", {"role": "owner"})
    assert (answer.status_code, answer.json()["code"]) == (400, "service_account")


def test_a_service_account_stays_when_its_maker_leaves(
    client: APIClient, acme: Organization, alice: User, bob: User
) -> None:
    made = client.post(f"{URL}/acme/service-accounts", {"name": "ci"}).json()
    key = client.post(f"{URL}/acme/service-accounts/{made['id']}/keys", {"name": "k"}).json()
    join(acme, bob, "owner")
    assert client.delete(f"{URL}/acme/members/{alice.id}").status_code == 204
    assert APIClient(headers={"X-API-Key": key["key"]}).get("/api/v1/models").status_code == 200


@pytest.mark.parametrize(
    "path", ["", "/acme/members", "/acme/invitations", "/acme/service-accounts"]
)
def test_lists_cost_the_same_however_long(
    client: APIClient,
    acme: Organization,
    alice: User,
    make_user: Callable[..., User],
    django_assert_max_num_queries: Any,
    path: str,
) -> None:
    for number in range(12):
        join(acme, make_user(f"m{number}@example.org"), "member")
        client.post(f"{URL}/acme/invitations", {"email": f"i{number}@example.org"})
        client.post(f"{URL}/acme/service-accounts", {"name": f"s{number}"})
    with django_assert_max_num_queries(5):
        assert client.get(URL + path).status_code == 200


def test_what_happens_stands_in_the_organizations_trail(
    client: APIClient, acme: Organization, bob: User
) -> None:
    join(acme, bob, "member")
    client.patch(f"{URL}/acme/members/{bob.id}", {"role": "admin"})
    client.delete(f"{URL}/acme/members/{bob.id}")
    trail = EventRecord.objects.filter(organization_id=acme.id).order_by("id")
    assert [row.type for row in trail] == [
        "organization.member_role_changed",
        "organization.member_removed",
    ]
    assert {row.subject_id for row in trail} == {acme.id}
    assert trail[0].payload | {"user_id": "", "organization_id": ""} == {
        "before": "member", "role": "admin", "user_id": "", "organization_id": "",
    }  # fmt: skip
