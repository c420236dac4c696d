"""Who may do what with a webhook. Pure: everything asked for is on the actor already."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from accounts.actors import Actor
from webhooks.catalogue import about_models
from webhooks.models import Webhook

EDITORS = {"owner", "admin", "member"}
ADMINS = {"owner", "admin"}


def can_manage(actor: Actor, webhook: Webhook) -> bool:
    """Change it, test it, replay it, read what it was sent.

    Members do with those that tell of models; what people and keys do is told to admins.
    """
    return can_hear(actor, webhook.organization_id, webhook.events)


def can_hear(actor: Actor, organization_id: UUID, events: Iterable[str]) -> bool:
    """Have an organization's events of these types sent somewhere."""
    role = actor.role_in(organization_id)
    return role in ADMINS or (role in EDITORS and all(about_models(name) for name in events))
