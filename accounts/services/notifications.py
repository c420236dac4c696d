"""Telling people what happened: in the app, by e-mail at once, or in a digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.catalogue import TOLD, Audience, Entry, text_of
from accounts.events import NotificationPreferencesChanged
from accounts.models import (
    Digest,
    DigestChoice,
    DigestKind,
    Membership,
    Notification,
    NotificationChoice,
    Role,
    User,
    UserStatus,
)
from accounts.models.notifications import MAX_TEXT
from common import clock
from common.errors import Fault, Invalid, NotFound
from common.events import publish
from common.models import EventRecord

KEEP = timedelta(days=400)
# Who is of several audiences hears it as the first of these.
AUDIENCES: tuple[Audience, ...] = ("person", "admins", "operators")


@dataclass(frozen=True, slots=True)
class Channels:
    """Where a person is told of a type of event."""

    in_app: bool
    email: bool


def notify(row: EventRecord) -> int:
    """Tell of an event whoever the catalogue says; returns how many people.

    Doing it twice is doing it once. Who did it themselves is told only where it concerns the
    safety of an account. E-mails leave after the commit, by tasks.
    """
    entry = TOLD.get(row.type)
    if entry is None:
        return 0
    people = _audience(row, entry)
    told = set(Notification.objects.filter(event_id=row.id).values_list("user_id", flat=True))
    fresh = {user_id: audience for user_id, audience in people.items() if user_id not in told}
    made = Notification.objects.bulk_create(
        [note for note in _notes(row, entry, fresh) if note.in_app or note.mail],
        ignore_conflicts=True,
    )
    from accounts.tasks import send_mail_of

    for note in made:
        if note.mail == DigestKind.OFF:
            transaction.on_commit(lambda id_=note.id: send_mail_of(id_), robust=True)  # type: ignore[misc]  # bound now
    return len(made)


@transaction.atomic
def mark_read(notification_id: UUID, *, actor: Actor) -> Notification:
    """Note that one was read. That is no event: it changes nothing for anybody else."""
    rows = Notification.objects.visible_to(actor)
    found = rows.select_for_update().filter(id=notification_id).first()
    if found is None:
        raise NotFound("There is no such notification.", code="notification_not_found")
    if found.read_at is None:
        found.read_at = clock.now()
        found.touch("read_at")
    return found


def mark_all_read(*, actor: Actor) -> int:
    """Note that all were read; returns how many were not before."""
    now = clock.now()
    unread = Notification.objects.visible_to(actor).unread()
    return unread.update(read_at=now, updated_at=now)


@transaction.atomic
def set_preferences(
    *,
    actor: Actor,
    digest: str | None = None,
    channels: Mapping[str, Channels] | None = None,
) -> None:
    """Choose how to be told; types that are absent stay as they are.

    Raises Invalid for a type nobody is told of, and for e-mails that can't be turned off.
    """
    _check_channels(channels or {})
    changed = _set_digest(actor.user, digest) + _set_channels(actor.user, channels or {})
    if changed:
        publish(
            NotificationPreferencesChanged(user_id=actor.id, changed=changed),
            actor_id=actor.id,
            organization_id=actor.organization.id,
        )


@transaction.atomic
def forget_notifications(user_id: UUID) -> None:
    """Delete what a person who was deleted was told, and how they wanted to be told."""
    for model in (Notification, NotificationChoice, DigestChoice, Digest):
        model.objects.filter(user_id=user_id).delete()


def drop_old_notifications() -> int:
    """Delete what is too old to be of use; returns how many."""
    return Notification.objects.filter(created_at__lt=clock.now() - KEEP).delete()[0]


def _audience(row: EventRecord, entry: Entry) -> dict[UUID, Audience]:
    """Whom to tell, each with the audience they are of."""
    found: dict[UUID, Audience] = {}
    for audience in AUDIENCES:
        if audience in entry.news:
            for user_id in _members(audience, row).values_list("id", flat=True):
                found.setdefault(user_id, audience)
    if row.actor_id is not None and not entry.security:
        found.pop(row.actor_id, None)
    return found


def _members(audience: Audience, row: EventRecord) -> QuerySet[User]:
    users = User.objects.filter(service_of__isnull=True)
    if audience == "person":
        # Who was shut out is told so.
        users = users.exclude(status=UserStatus.DELETED)
        person = row.payload.get("user_id")
        return users.filter(id=person) if person else users.none()
    users = users.filter(is_active=True)
    if audience == "operators":
        return users.filter(is_staff=True)
    if row.organization_id is None:
        return users.none()
    places = Membership.objects.filter(
        organization_id=row.organization_id, role__in=[Role.OWNER, Role.ADMIN]
    )
    return users.filter(id__in=places.values("user_id"))


def _notes(
    row: EventRecord, entry: Entry, people: Mapping[UUID, Audience]
) -> Iterable[Notification]:
    choices = {
        choice.user_id: Channels(choice.in_app, choice.email)
        for choice in NotificationChoice.objects.filter(user__in=people, type=row.type)
    }
    digests = dict(DigestChoice.objects.filter(user__in=people).values_list("user_id", "kind"))
    for user_id, audience in people.items():
        wanted = choices.get(user_id, Channels(entry.in_app, entry.email))
        mail = digests.get(user_id, DigestKind.OFF) if wanted.email else ""
        yield Notification(
            user_id=user_id,
            event_id=row.id,
            type=row.type,
            audience=audience,
            organization_id=row.organization_id,
            subject_id=row.subject_id,
            text=text_of(entry.news[audience], row.payload)[:MAX_TEXT],
            in_app=wanted.in_app,
            mail=DigestKind.OFF if entry.required else mail,
        )


def _check_channels(channels: Mapping[str, Channels]) -> None:
    faults = [
        Fault(f"/types/{type_}", "Nobody is told of this.", "unknown_type")
        for type_ in channels
        if type_ not in TOLD
    ]
    faults += [
        Fault(f"/types/{type_}/email", "This e-mail keeps accounts safe: it stays on.", "required")
        for type_, wanted in channels.items()
        if type_ in TOLD and TOLD[type_].required and not wanted.email
    ]
    if faults:
        raise Invalid(" ".join(fault.detail for fault in faults), errors=faults)


def _set_digest(user: User, digest: str | None) -> list[str]:
    before = DigestChoice.objects.filter(user=user).values_list("kind", flat=True).first()
    if digest is None or digest == (before or DigestKind.OFF):
        return []
    now = clock.now()
    DigestChoice.objects.update_or_create(user=user, defaults={"kind": digest, "updated_at": now})
    # What waits for the old one goes with the new one.
    waiting = Notification.objects.filter(user=user).to_be_mailed()
    waiting.filter(~Q(mail=DigestKind.OFF)).update(mail=digest, updated_at=now)
    return ["digest"]


def _set_channels(user: User, channels: Mapping[str, Channels]) -> list[str]:
    chosen = NotificationChoice.objects.filter(user=user, type__in=channels)
    before = {choice.type: Channels(choice.in_app, choice.email) for choice in chosen}
    changed = []
    for type_, wanted in sorted(channels.items()):
        entry = TOLD[type_]
        if wanted == before.get(type_, Channels(entry.in_app, entry.email)):
            continue
        NotificationChoice.objects.update_or_create(
            user=user,
            type=type_,
            defaults={
                "in_app": wanted.in_app,
                "email": wanted.email,
                "updated_at": clock.now(),
            },
        )
        changed.append(type_)
    return changed
