"""E-mails of notifications: one by one, or many in a digest."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.db import transaction

from accounts.mail import send_mail_to
from accounts.models import Digest, DigestKind, Notification, User
from common import clock

DIGEST_HOUR = 7  # UTC; digests of a day leave at this hour or later
MOST_LISTED = 100
MOST_TRIED = 200  # e-mails that were not sent, a sweep
GIVE_UP_AFTER = timedelta(days=3)  # what could not be mailed for so long is news no more


@transaction.atomic
def mail_notification(notification_id: UUID) -> bool:
    """Send the e-mail of one notification, unless it was sent; whether it was now.

    The row is locked meanwhile. Where the process dies between the mail server's yes and the
    commit, it is sent once more: a warning too many rather than one too few.
    """
    note = (
        Notification.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("user")
        .to_be_mailed()
        .filter(id=notification_id, mail=DigestKind.OFF)
        .first()
    )
    if note is None:
        return False
    send_mail_to(note.user.email, "notification", {"note": note})
    note.mailed_at = clock.now()
    note.touch("mailed_at")
    return True


def unsent(*, older_than: timedelta) -> list[UUID]:
    """Notifications whose e-mail should have left by now: a crash, or no mail server."""
    rows = Notification.objects.to_be_mailed().filter(
        mail=DigestKind.OFF,
        created_at__lt=clock.now() - older_than,
        created_at__gt=clock.now() - GIVE_UP_AFTER,
    )
    return list(rows.order_by("id").values_list("id", flat=True)[:MOST_TRIED])


def due_digests(kind: str) -> list[UUID]:
    """The people for whom something waits, and who had no digest in this period yet."""
    if clock.now().hour < DIGEST_HOUR:
        return []
    waiting = Notification.objects.to_be_mailed().filter(mail=kind).values("user_id")
    had = Digest.objects.filter(kind=kind, period=period_of(kind)).values("user_id")
    users = User.objects.filter(id__in=waiting).exclude(id__in=had)
    return list(users.values_list("id", flat=True))


def mail_digest(user_id: UUID, kind: str) -> int:
    """Send what waits in one e-mail; returns how many notifications, 0 where it was done before.

    The digest's row is committed first, and is unique: of two workers one sends. Where that one
    dies, nothing is lost: what was not sent waits for the next period.
    """
    _, is_first = Digest.objects.get_or_create(user_id=user_id, kind=kind, period=period_of(kind))
    if not is_first:
        return 0
    with transaction.atomic():
        waiting = Notification.objects.to_be_mailed().filter(user_id=user_id, mail=kind)
        notes = list(waiting.select_for_update().order_by("id"))
        if not notes:
            return 0
        context = {
            "notes": notes[:MOST_LISTED],
            "more": max(0, len(notes) - MOST_LISTED),
            "kind": kind,
        }
        send_mail_to(User.objects.get(id=user_id).email, "digest", context)
        now = clock.now()
        ids = [note.id for note in notes]
        return Notification.objects.filter(id__in=ids).update(mailed_at=now, updated_at=now)


def period_of(kind: str) -> date:
    """Today, or the Monday of this week."""
    today = clock.now().date()
    return today - timedelta(days=today.weekday()) if kind == DigestKind.WEEKLY else today
