"""What operators do to many accounts at once: each on its own, with its own result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import check_operator
from accounts.services.status import activate_user, deactivate_user, delete_user, suspend_user
from common.errors import DomainError, Invalid

ACTIONS: dict[str, Callable[..., User]] = {
    "activate": activate_user,
    "suspend": suspend_user,
    "deactivate": deactivate_user,
    "delete": delete_user,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one account: its status now, or why it was refused."""

    id: UUID
    ok: bool
    status: str = ""
    code: str = ""
    detail: str = ""


def change_users(
    ids: Sequence[UUID], action: str, *, actor: Actor, reason: str = ""
) -> list[Outcome]:
    """Do one of ACTIONS to each account, in the order given; one's refusal stops no other.

    Raises OperatorsOnly, and Invalid for an action there is not.
    """
    check_operator(actor)
    if action not in ACTIONS:
        raise Invalid(f"There is no action {action[:40]!r}.", code="unknown_action")
    users = User.objects.in_bulk(ids)
    return [_change(id_, users.get(id_), ACTIONS[action], actor, reason) for id_ in ids]


def _change(
    id_: UUID, user: User | None, act: Callable[..., User], actor: Actor, reason: str
) -> Outcome:
    if user is None:
        return Outcome(id_, ok=False, code="user_not_found", detail="There is no such user.")
    try:
        changed = act(user, actor=actor, reason=reason)
    except DomainError as error:
        return Outcome(id_, ok=False, status=user.status, code=error.code, detail=error.message)
    return Outcome(id_, ok=True, status=changed.status)
