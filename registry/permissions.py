"""Who may do what with a model. Pure: everything asked for is on the actor already."""

from __future__ import annotations

from accounts.actors import Actor
from registry.models import Model


def can_view_model(actor: Actor, model: Model) -> bool:
    """See that it exists, its versions and figures."""
    return model.organization_id in actor.organization_ids


def can_edit_model(actor: Actor, model: Model) -> bool:
    """Change it, archive it, add versions to it."""
    return actor.role_in(model.organization_id) in {"owner", "admin", "member"}
