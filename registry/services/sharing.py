"""Every write to shares: who else gets at a model."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.emails import checked_email, email_key
from accounts.models import Team, User
from common.errors import Fault
from common.events import publish
from registry.errors import AlreadyShared, BadShare, ShareDenied
from registry.events import ModelShareChanged, ModelShared, ModelUnshared
from registry.models import Model, ModelShare
from registry.permissions import can_share_model


@transaction.atomic
def share_model(
    model: Model, *, actor: Actor, permission: str, email: str = "", team: UUID | None = None
) -> ModelShare:
    """Share with whoever has an address, or with a team; an address nobody has gets an invitation.

    Raises ShareDenied, BadShare for oneself or for neither or both, AlreadyShared.
    """
    check_shares(actor, model)
    if bool(email) == (team is not None):
        raise BadShare("Name an e-mail address or a team, one of them.", code="one_of")
    share = ModelShare(model=model, permission=permission, shared_by=actor.user)
    if team is not None:
        share.team = _team(actor, team)
    else:
        _address(share, email, actor)
    try:
        with transaction.atomic():
            share.save(force_insert=True)
    except IntegrityError:
        raise AlreadyShared("It is shared with them already. Change that share.") from None
    publish(
        ModelShared(
            model_id=model.id, name=model.name, share_id=share.id, user_id=share.user_id,
            team_id=share.team_id, permission=permission,
        ),
        actor_id=actor.id,
        organization_id=model.organization_id,
    )  # fmt: skip
    return share


def _team(actor: Actor, team_id: UUID) -> Team:
    found = Team.objects.visible_to(actor).select_related("organization").filter(id=team_id).first()
    if found is None:
        message = "There is no such team."
        raise BadShare(message, errors=[Fault("/team", message, "team_not_found")])
    return found


def _address(share: ModelShare, email: str, actor: Actor) -> None:
    address = checked_email(email)
    key = email_key(address)
    if key == actor.user.email_key:
        message = "This is you; it is yours already."
        raise BadShare(message, code="self_share", errors=[Fault("/email", message, "self_share")])
    people = User.objects.filter(email_key=key, service_of=None, is_active=True)
    if settings.EMAIL_CONFIGURED:  # or whoever signs up with another's address would get it
        people = people.filter(email_verified_at__isnull=False)
    share.user = people.first()
    if share.user is None:
        share.email, share.email_key = address, key


@transaction.atomic
def change_share(share: ModelShare, *, actor: Actor, permission: str) -> ModelShare:
    """Give more or less than before."""
    check_shares(actor, share.model)
    before = share.permission
    if before == permission:
        return share
    share.permission = permission
    share.touch("permission")
    publish(
        ModelShareChanged(
            model_id=share.model_id, name=share.model.name, share_id=share.id,
            user_id=share.user_id, team_id=share.team_id, before=before, permission=permission,
        ),
        actor_id=actor.id,
        organization_id=share.model.organization_id,
    )  # fmt: skip
    return share


@transaction.atomic
def revoke_share(share: ModelShare, *, actor: Actor) -> None:
    """Take it back, or give back what one was given oneself."""
    if share.user_id != actor.id:
        check_shares(actor, share.model)
    deleted, _ = ModelShare.objects.filter(id=share.id).delete()
    if deleted:
        publish(
            ModelUnshared(
                model_id=share.model_id, name=share.model.name, share_id=share.id,
                user_id=share.user_id, team_id=share.team_id,
            ),
            actor_id=actor.id,
            organization_id=share.model.organization_id,
        )  # fmt: skip


@transaction.atomic
def claim_shares(user: User) -> int:
    """Give a user what was shared with their address before they came; how many they were."""
    waiting = ModelShare.objects.select_for_update().filter(email_key=user.email_key)
    claimed = 0
    for share in waiting.select_related("model").order_by("id"):
        if ModelShare.objects.filter(model=share.model, user=user).exists():
            share.delete()
            continue
        share.user, share.email, share.email_key = user, "", ""
        share.touch("user", "email", "email_key")
        publish(
            ModelShared(
                model_id=share.model_id, name=share.model.name, share_id=share.id, user_id=user.id,
                team_id=None, permission=share.permission,
            ),
            actor_id=share.shared_by_id,
            organization_id=share.model.organization_id,
        )  # fmt: skip
        claimed += 1
    return claimed


def check_shares(actor: Actor, model: Model) -> None:
    """Raise ShareDenied for who may not say who gets at the model."""
    if not can_share_model(actor, model):
        raise ShareDenied(f"Only who owns {model.name} may share it.")
