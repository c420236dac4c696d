"""Who may do what. Pure: everything asked for is on the actor already."""

from __future__ import annotations

from accounts.actors import Actor
from accounts.errors import OperatorsOnly
from accounts.models import ApiKey


def check_operator(actor: Actor) -> None:
    """Raise OperatorsOnly for who does not run this platform."""
    if not actor.is_operator:
        raise OperatorsOnly("Only an operator may do this.")


def can_edit_key(actor: Actor, key: ApiKey) -> bool:
    """Rename or revoke it: one's own, or any in an organization one administers."""
    return key.organization_id in actor.organization_ids and (
        key.user_id == actor.id or key.organization_id in actor.administered_ids
    )
