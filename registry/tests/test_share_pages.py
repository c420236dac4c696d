"""It lets people share models, and find what was shared with them, with a browser."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import services as accounts
from accounts.actors import actor_for_user
from accounts.models import Membership, Organization, User
from registry.models import Model, ModelShare
from registry.tests.factories import make_model, make_version

pytestmark = pytest.mark.django_db
SHARE = "/models/alice/churn/share"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def model(alice: User) -> Model:
    made = make_model(alice)
    make_version(made)
    return made


def test_it_is_shared_by_mail_changed_and_taken_back(model: Model, alice: User, bob: User) -> None:
    page, his = browser(alice), browser(bob)
    assert "Share" in page.get("/models/alice/churn").content.decode()
    shown = page.post(SHARE, {"email": "bob@example.org", "permission": "view"}).content.decode()
    assert "bob@example.org" in shown
    assert "you may view it" in his.get("/models/alice/churn").content.decode()
    assert "alice/churn" in his.get("/models/shared-with-me").content.decode()
    change = f"{SHARE}/{ModelShare.objects.get().id}"
    page.post(change, {"permission": "use"})
    assert "you may use it" in his.get("/models/alice/churn").content.decode()
    page.post(change)
    assert his.get("/models/alice/churn").status_code == 404


def test_it_is_shared_with_a_team(model: Model, alice: User) -> None:
    team = accounts.create_team(actor=actor_for_user(alice), name="Vision")
    page = browser(alice)
    shown = page.post(SHARE, {"team": str(team.id), "permission": "use"}).content.decode()
    assert ModelShare.objects.get().team == team
    assert "Vision" in shown


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"permission": "use"}, "Name an e-mail address or a team"),
        ({"permission": "use", "email": "alice@example.org"}, "yours already"),
        ({"permission": "use", "email": "nonsense"}, "e-mail address like"),
        ({"permission": "all", "email": "bob@example.org"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_in_the_form(
    model: Model, alice: User, form: dict[str, str], words: str
) -> None:
    answer = browser(alice).post(SHARE, form)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not ModelShare.objects.exists()


def test_who_was_given_it_may_give_it_back(model: Model, alice: User, bob: User) -> None:
    page = browser(alice)
    page.post(SHARE, {"email": "bob@example.org", "permission": "edit"})
    his = browser(bob)
    assert his.get(SHARE).status_code == 403
    answer = his.post(f"{SHARE}/{ModelShare.objects.get().id}")
    assert (answer.status_code, answer["Location"]) == (302, "/models/shared-with-me")
    assert not ModelShare.objects.exists()


def test_a_model_can_be_uploaded_to_an_organization(alice: User) -> None:
    acme = Organization.objects.create(slug="acme", name="Acme")
    Membership.objects.create(organization=acme, user=alice, role="member")
    page = browser(alice)
    assert "Acme (acme)" in page.get("/models/upload").content.decode()
    file = SimpleUploadedFile("m.pkl", b"x")
    page.post("/models/upload", {"file": file, "name": "churn", "owner": "acme"})
    assert Model.objects.get().organization == acme
