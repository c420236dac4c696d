"""The twelve kinds of caller, and a world with one of everything for them to ask about.

`acme` is the owner's organization, `acme/churn` its model. viewer, user and editor have a share of
it, and are no members of acme; the keys are the owner's, in acme.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import Client

from accounts.actors import actor_for_user
from accounts.models import (
    ApiKey,
    Invitation,
    IpRule,
    Membership,
    Organization,
    Session,
    TeamMembership,
    User,
)
from accounts.scopes import ALL
from accounts.services import (
    create_limit,
    create_service_account,
    create_team,
    invite,
    issue_tokens,
)
from accounts.tests.factories import make_key, make_user
from analytics.models import Report
from common import clock, storage
from inference.models import BatchJob, PredictionJob
from inference.tests.test_browse_predictions import make_prediction
from registry.mlflow.place import Place
from registry.models import Alias, Model, ModelShare
from registry.services.logged import NewModel, create_logged_model, keep_file
from registry.services.tracking import create_experiment, start_run
from registry.tests.factories import make_model, make_version
from webhooks.services import create_webhook, send_test

CALLERS = (
    "anonymous",
    "stranger",
    "viewer",
    "user",
    "editor",
    "owner",
    "admin",
    "operator",
    "read_only_key",
    "other_model_key",
    "expired_key",
    "revoked_key",
)
READ_SCOPES = sorted(scope for scope in ALL if scope.endswith(":read"))


@dataclass(frozen=True, slots=True)
class World:
    """One client a caller, and what the paths of the tables may name in braces."""

    clients: dict[str, Client]
    names: dict[str, Any]


def make_world() -> World:
    """Everybody and everything, in the present database."""
    people = {
        name: make_user(f"{name}@example.org", is_staff=name == "operator")
        for name in ("owner", "stranger", "viewer", "user", "editor", "admin", "operator")
    }
    owner = people["owner"]
    acme = Organization.objects.create(slug="acme", name="Acme")
    for name in ("owner", "admin"):
        Membership.objects.create(organization=acme, user=people[name], role=name)
    models = _models(acme, owner)
    shares = {
        name: ModelShare.objects.create(
            model=models["churn"],
            user=people[person],
            permission=name,
            shared_by=owner,
        )
        for name, person in (("view", "viewer"), ("use", "user"), ("edit", "editor"))
    }
    clients = {name: _browser(user) for name, user in people.items()}
    clients["anonymous"] = Client(raise_request_exception=False)
    clients |= {name: _program(owner, acme, **fields) for name, fields in _keys().items()}
    return World(clients, _names(owner, acme, people, models, shares))


def _models(acme: Organization, owner: User) -> dict[str, Model]:
    models = {name: make_model(owner, name) for name in ("churn", "other")}
    for model in models.values():
        model.organization = acme
        model.save()
        version = make_version(model)
        Alias.objects.create(model=model, name="steady", version=version)
    return models


def _keys() -> dict[str, dict[str, Any]]:
    now = clock.now()
    everything = sorted(ALL)
    return {
        "read_only_key": {"scopes": READ_SCOPES},
        "other_model_key": {"scopes": everything, "model_refs": ["acme/other"]},
        "expired_key": {
            "scopes": everything,
            "created_at": now - timedelta(days=2),
            "expires_at": now - timedelta(days=1),
        },
        "revoked_key": {"scopes": everything, "revoked_at": now},
    }


def _browser(user: User) -> Client:
    """Logged in on pages, and with a token on the API."""
    token = issue_tokens(user).access
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})
    client.force_login(user)
    return client


def _program(owner: User, acme: Organization, **fields: Any) -> Client:
    key = make_key(owner, organization=acme, **fields)
    return Client(raise_request_exception=False, headers={"X-API-Key": key})


def _names(
    owner: User,
    acme: Organization,
    people: dict[str, User],
    models: dict[str, Model],
    shares: dict[str, ModelShare],
) -> dict[str, Any]:
    actor = actor_for_user(owner)
    make_key(owner, organization=acme, name="target")
    team = create_team(actor=actor, name="Team", organization=acme)
    TeamMembership.objects.create(team=team, user=people["user"], role="member")
    member = make_user("member@example.org")
    Membership.objects.create(organization=acme, user=member, role="member")
    program = create_service_account(acme, actor=actor, name="ci")
    invitation: Invitation = invite(acme, actor=actor, email="new@example.org", role="member")
    to_stranger = invite(acme, actor=actor, email="stranger@example.org", role="member")
    prediction = make_prediction(models["churn"].versions.get(), owner)
    return {
        "organization": acme.id,
        "owner_id": owner.id,
        "member": member.id,
        "program": program.id,
        "invitation": invitation.id,
        "to_stranger": to_stranger.id,
        "team": team.id,
        "team_member": people["user"].id,
        "key": ApiKey.objects.get(name="target").id,
        "share": shares["view"].id,
        "rule": IpRule.objects.create(effect="block", network="198.51.100.0/24").id,
        "own_rule": IpRule.objects.create(
            effect="block", network="198.51.100.0/24", organization=acme
        ).id,
        "threat": IpRule.objects.create(
            effect="block", network="198.51.100.9/32", source="threat", signal="key_scan"
        ).id,
        "prediction": prediction.id,
        "prediction_job": PredictionJob.objects.create(
            organization=acme, version=models["churn"].versions.get(), user=owner, body={}
        ).id,
        "batch": BatchJob.objects.create(
            organization=acme,
            version=models["churn"].versions.get(),
            user=owner,
            format="csv",
            input_sha256="0" * 64,
            input_bytes=1,
        ).id,
        **_webhook(acme, owner),
        **_logged(acme, owner),
        "report": Report.objects.create(
            user=owner, about="dashboard", every="week", due_at=clock.now() + timedelta(days=1)
        ).id,
        "session": Session.objects.filter(user=owner).latest("id").id,
        "limit": create_limit(actor=None, kind="default_key", per_hour=1_000_000).id,
    }


def _webhook(acme: Organization, owner: User) -> dict[str, Any]:
    """Acme's webhook, and something that was sent there."""
    row = create_webhook(
        actor=actor_for_user(owner),
        organization="acme",
        url="https://93.184.215.14/hook",
        events=["model.updated"],
    ).row
    return {"webhook": row.id, "delivery": send_test(row, actor=actor_for_user(owner)).id}


def _logged(acme: Organization, owner: User) -> dict[str, Any]:
    """A run of acme's in MLflow, with a file, and a logged model without one."""
    place = Place(actor_for_user(owner), acme)
    experiment = create_experiment(place, "Acme's", tags={})
    run = start_run(
        experiment, place=place, name="run", user_name="owner", start_time=1, tags={"k": "v"}
    )
    keep_file(run, "a/file.txt", storage.quarantine(b"file"), place=place)
    model = create_logged_model(experiment, NewModel(name="m", model_type=""), place=place)
    return {
        "experiment_number": experiment.number,
        "run": run.run_id,
        "logged_model": model.model_id,
        "files": f"{experiment.number}/{run.run_id}/artifacts/a",
    }


def send(client: Client, method: str, path: str, body: Any) -> Any:
    """One request: a JSON body, a form where it is a Form, bytes as they are, or none."""
    ask = getattr(client, method.lower())
    if isinstance(body, bytes):
        return ask(path, body, content_type="application/octet-stream")
    if isinstance(body, Form):
        return ask(path, body.fields())
    return ask(path) if body is None else ask(path, body, content_type="application/json")


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body, made anew for each request: a file can be sent once."""

    fields: Callable[[], dict[str, Any]]
