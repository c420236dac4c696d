"""Reads of limits, which are the operators'."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.errors import LimitNotFound, OperatorsOnly
from accounts.models import LimitPolicy


def list_limits(actor: Actor) -> QuerySet[LimitPolicy]:
    """Every rate limit, newest first; OperatorsOnly for anybody else."""
    if not actor.is_operator:
        raise OperatorsOnly("Only operators see limits.")
    return LimitPolicy.objects.all()


def get_limit(actor: Actor, policy_id: UUID) -> LimitPolicy:
    """One rate limit; LimitNotFound where there is none, OperatorsOnly as above."""
    policy = list_limits(actor).filter(id=policy_id).first()
    if policy is None:
        raise LimitNotFound("There is no such limit.")
    return policy
