"""Reads for operators: every account there is, and where the audit trail stands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from accounts.actors import Actor
from accounts.errors import AccountNotFound
from accounts.models import AuditCheck, StatusChange, User
from accounts.permissions import check_operator
from common.audit.chains import Tail, tail

ORDERS = ("created_at", "email", "last_login", "status")


def list_users(
    actor: Actor, *, search: str = "", status: str = "", staff: bool | None = None, order: str = ""
) -> QuerySet[User]:
    """Every account, newest first unless `order` (one of ORDERS, `-` before it for the reverse).

    Each has `home_slug`, its personal organization's. Raises OperatorsOnly.
    """
    check_operator(actor)
    users = User.objects.annotate(home_slug=Coalesce("personal_organization__slug", Value("")))
    for word in search.split()[:10]:
        users = users.filter(
            Q(email__icontains=word)
            | Q(full_name__icontains=word)
            | Q(personal_organization__slug__icontains=word)
        )
    if status:
        users = users.filter(status=status)
    if staff is not None:
        users = users.filter(is_staff=staff)
    return users.order_by(order, "-id") if order else users.order_by("-id")


def get_user(actor: Actor, user_id: UUID) -> User:
    """One of them, with `keys` that were not revoked and `places` counted; or AccountNotFound."""
    counted = list_users(actor).annotate(
        keys=Count("api_keys", filter=Q(api_keys__revoked_at__isnull=True), distinct=True),
        places=Count("memberships", distinct=True),
    )
    found = counted.filter(id=user_id).first()
    if found is None:
        raise AccountNotFound("There is no such user.")
    return found


def status_history(user: User) -> QuerySet[StatusChange]:
    """The steps of an account's life, newest first."""
    return user.status_changes.all()


def count_by_status() -> dict[str, int]:
    """How many people there are of each status; programs are no people."""
    people = User.objects.filter(service_of__isnull=True).order_by()
    return dict(people.values_list("status").annotate(Count("id")))


@dataclass(frozen=True, slots=True)
class AuditState:
    """The last walk over the trail, if there was one, and what waits for its seal."""

    check: AuditCheck | None
    tail: Tail


def audit_state(actor: Actor) -> AuditState:
    """Where the audit trail stands. Raises OperatorsOnly."""
    check_operator(actor)
    return AuditState(AuditCheck.objects.first(), tail())
