"""Every write to limits. They are the operators'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.errors import LimitExists, OperatorsOnly
from accounts.events import LimitsChanged
from accounts.limits import forget_on_commit
from accounts.models import ApiKey, Organization, User
from accounts.models.limits import DEFAULTS, LimitKind, LimitPolicy
from common.errors import Fault, Invalid
from common.events import publish

TARGETS: dict[str, type[User | ApiKey | Organization]] = {
    LimitKind.USER: User,
    LimitKind.KEY: ApiKey,
    LimitKind.ORGANIZATION: Organization,
}


@transaction.atomic
def create_limit(
    *,
    actor: Actor | None,
    kind: str,
    target_id: UUID | None = None,
    per_minute: int | None = None,
    per_hour: int | None = None,
) -> LimitPolicy:
    """Set the rates of a target, or of all that have none of their own. None is no limit.

    `actor` is None where the machine's owner acts from its console. Raises OperatorsOnly, Invalid
    for a target that is missing or does not exist, and LimitExists where it has a policy already.
    """
    _check_operator(actor)
    check_target(kind, target_id)
    policy = LimitPolicy(kind=kind, target_id=target_id, per_minute=per_minute, per_hour=per_hour)
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
    except IntegrityError:
        raise LimitExists("There is a limit for this already; change that one.") from None
    _tell(policy, actor)
    return policy


@transaction.atomic
def update_limit(
    policy: LimitPolicy, changes: Mapping[str, Any], *, actor: Actor | None
) -> LimitPolicy:
    """Change `per_minute` or `per_hour`; whom a policy is for is fixed when it is made."""
    _check_operator(actor)
    changed = sorted(field for field, value in changes.items() if getattr(policy, field) != value)
    if not changed:
        return policy
    for field in changed:
        setattr(policy, field, changes[field])
    policy.touch(*changed)
    _tell(policy, actor)
    return policy


@transaction.atomic
def delete_limit(policy: LimitPolicy, *, actor: Actor | None) -> None:
    """Remove a policy: the default of its kind holds from then on."""
    _check_operator(actor)
    id_ = policy.id
    if policy.delete()[0]:
        policy.id = id_
        _tell(policy, actor, deleted=True)


def _tell(policy: LimitPolicy, actor: Actor | None, *, deleted: bool = False) -> None:
    publish(
        LimitsChanged(
            policy_id=policy.id,
            kind=policy.kind,
            target_id=policy.target_id,
            per_minute=policy.per_minute,
            per_hour=policy.per_hour,
            deleted=deleted,
        ),
        actor_id=actor.id if actor else None,
        organization_id=policy.target_id if policy.kind == LimitKind.ORGANIZATION else None,
    )
    forget_on_commit()


def _check_operator(actor: Actor | None) -> None:
    if actor is not None and not actor.is_operator:
        raise OperatorsOnly("Only operators set limits.")


def check_target(kind: str, target_id: UUID | None) -> None:
    """Raise Invalid where a default has a target, or another kind none that exists."""
    if kind in DEFAULTS:
        if target_id is not None:
            raise _at_target("A default is for all: it takes no target.", "unexpected")
        return
    if target_id is None:
        raise _at_target("Name whom the limit is for.", "required")
    if not TARGETS[kind]._default_manager.filter(id=target_id).exists():
        raise _at_target(f"There is no {kind} with this id.", "not_found")


def _at_target(detail: str, code: str) -> Invalid:
    return Invalid(detail, errors=[Fault("/target_id", detail, code)])
