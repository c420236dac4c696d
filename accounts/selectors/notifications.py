"""Reads of notifications and of how people want to be told."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from accounts.actors import Actor
from accounts.catalogue import TOLD, label_of
from accounts.models import DigestChoice, DigestKind, Notification, NotificationChoice
from accounts.models.notifications import NotificationQuerySet
from accounts.permissions import check_operator


@dataclass(frozen=True, slots=True)
class Preference:
    """How one is told of a type of event. Where it is `mandatory`, the e-mail stays on."""

    type: str
    text: str
    in_app: bool
    email: bool
    mandatory: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """All one's choices, with the catalogue's where one has made none."""

    digest: str
    types: list[Preference]


def list_notifications(actor: Actor, *, unread: bool = False) -> NotificationQuerySet:
    """The actor's notifications, newest first."""
    rows = Notification.objects.visible_to(actor)
    return rows.unread() if unread else rows


def list_operator_notifications(actor: Actor, *, unread: bool = False) -> NotificationQuerySet:
    """Of the actor's, those about the platform. Raises OperatorsOnly."""
    check_operator(actor)
    return list_notifications(actor, unread=unread).filter(audience="operators")


def count_unread(user_id: UUID) -> int:
    """How many a person has not read. One look at an index that has these rows alone."""
    return Notification.objects.filter(user_id=user_id).unread().count()


def preferences(actor: Actor) -> Preferences:
    """How the actor is told of what; operators have types of their own."""
    digest = DigestChoice.objects.filter(user_id=actor.id).values_list("kind", flat=True).first()
    chosen = {choice.type: choice for choice in NotificationChoice.objects.filter(user_id=actor.id)}
    types = []
    for type_, entry in TOLD.items():
        if entry.audiences == {"operators"} and not actor.user.is_staff:
            continue
        choice = chosen.get(type_)
        types.append(
            Preference(
                type=type_,
                text=label_of(entry),
                in_app=choice.in_app if choice else entry.in_app,
                email=choice.email if choice else entry.email,
                mandatory=entry.required,
            )
        )
    return Preferences(digest or DigestKind.OFF, types)
