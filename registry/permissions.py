"""Who may do what with a model. Pure: everything asked for is on the actor and the model already.

A model wants `granted` (see `ModelQuerySet.with_grant`); without it, no share counts.
"""

from __future__ import annotations

from accounts.actors import Actor
from registry.models import RANKS, Model, Permission

NOTHING = 0
OWN = 4
ROLE_RANKS = {"owner": OWN, "admin": OWN, "member": RANKS[Permission.EDIT], "viewer": 1}
NAMES = {OWN: "own", **{rank: str(name) for name, rank in RANKS.items()}}


def rank_of(actor: Actor, model: Model) -> int:
    """0 for nothing, 1 to see it, 2 to use it, 3 to edit it, 4 to own it."""
    role = actor.role_in(model.organization_id)
    return max(ROLE_RANKS.get(role, NOTHING), int(getattr(model, "granted", NOTHING)))


def permission_of(actor: Actor, model: Model) -> str:
    """`view`, `use`, `edit` or `own`; "" for nothing."""
    return NAMES.get(rank_of(actor, model), "")


def can_use_model(actor: Actor, model: Model) -> bool:
    """Call it and download it."""
    return rank_of(actor, model) >= RANKS[Permission.USE]


def can_edit_model(actor: Actor, model: Model) -> bool:
    """Change it, archive it, add versions to it."""
    return rank_of(actor, model) >= RANKS[Permission.EDIT]


def can_share_model(actor: Actor, model: Model) -> bool:
    """Give others a share of it: owners and admins of its organization, and who made it there."""
    role = actor.role_in(model.organization_id)
    return role in {"owner", "admin"} or (role == "member" and model.created_by_id == actor.id)
