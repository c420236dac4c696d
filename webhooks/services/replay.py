"""Sending again: one delivery, or all of a range of time."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.actors import Actor
from common import clock
from common.errors import Fault
from common.events import publish
from common.ids import least_id
from common.models import EventRecord
from webhooks.catalogue import ALL, is_told
from webhooks.errors import BadReplay, WebhookNotActive
from webhooks.events import WebhookReplayed
from webhooks.models import Delivery, DeliveryState, Status, Webhook
from webhooks.services.fan_out import address_missed, make_due
from webhooks.services.webhooks import check_manages

MOST_REPLAYED: Final = 10_000
A_SECOND: Final = 10  # replayed deliveries become due no faster
ENDED: Final = ("delivered", "failed", "cancelled")

AGAIN: Final = """
WITH chosen AS (
    SELECT d.id, row_number() OVER (ORDER BY d.id) - 1 AS place FROM webhooks_delivery d
    WHERE d.webhook_id = %(webhook)s AND d.state = ANY(%(states)s)
        AND d.message_id = ANY(%(messages)s)
)
UPDATE webhooks_delivery d SET state = 'waiting', finished_at = NULL, error = '',
    attempts_before = d.attempts, attempts_allowed = d.attempts + %(attempts)s,
    due_at = %(now)s::timestamptz + interval '1 second' * (chosen.place / %(pace)s)
FROM chosen WHERE d.id = chosen.id
"""


@transaction.atomic
def replay_delivery(delivery: Delivery, *, actor: Actor) -> Delivery:
    """Send one again, with a whole set of attempts; its message keeps its id.

    One that still waits is due at once. Raises WebhookDenied, WebhookNotActive.
    """
    webhook = delivery.webhook
    _check(actor, webhook)
    row = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("message")
        .get(id=delivery.id)
    )
    if row.state != DeliveryState.SENDING:
        row.state, row.due_at, row.finished_at = DeliveryState.WAITING, clock.now(), None
        row.attempts_before = row.attempts
        row.attempts_allowed = row.attempts + webhook.max_attempts
        row.save(update_fields=[
            "state", "due_at", "finished_at", "attempts_before", "attempts_allowed"
        ])  # fmt: skip
        transaction.on_commit(lambda: make_due([webhook.id]), robust=True)
    _publish(webhook, actor, 1)
    return row


@transaction.atomic
def replay_range(
    webhook: Webhook, *, actor: Actor, since: datetime, until: datetime, failed_only: bool = True
) -> int:
    """Send again what happened between two moments; returns how many deliveries.

    `failed_only` leaves out what was delivered. What happened while the webhook was off is sent
    too: events are kept whether or not somebody listened. Ten a second become due, so that a
    receiver that is just back is not run over. Raises BadReplay for an end before the start and
    for more than MOST_REPLAYED.
    """
    _check(actor, webhook)
    if until <= since:
        message = "The end must come after the start."
        raise BadReplay(message, errors=[Fault("/until", message, "end_before_start")])
    missed = list(_missed(webhook, since, until)[: MOST_REPLAYED + 1])
    states = [state for state in ENDED if not (failed_only and state == "delivered")]
    known = _known(webhook, since, until).filter(state__in=states)
    ids = list(known.values_list("message_id", flat=True)[: MOST_REPLAYED + 1])
    if len(ids) + len(missed) > MOST_REPLAYED:
        raise BadReplay(f"A replay takes at most {MOST_REPLAYED:,} deliveries: choose less time.")
    address_missed(missed, webhook)
    count = _again(webhook, [*ids, *(row.id for row in missed)], states)
    transaction.on_commit(lambda: make_due([webhook.id]), robust=True)
    _publish(webhook, actor, count)
    return count


def _check(actor: Actor, webhook: Webhook) -> None:
    check_manages(actor, webhook)
    if webhook.status != Status.ACTIVE:
        raise WebhookNotActive(f"This webhook is {webhook.status}. Turn it on first.")


def _known(webhook: Webhook, since: datetime, until: datetime) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(webhook=webhook)
    # A delivery is made after its event: the id bounds what has to be looked at.
    return rows.filter(
        id__gte=least_id(since), message__created_at__gte=since, message__created_at__lt=until
    )


def _missed(webhook: Webhook, since: datetime, until: datetime) -> QuerySet[EventRecord]:
    """The events since there is the webhook that it would have heard of and did not."""
    rows = EventRecord.objects.filter(
        organization_id=webhook.organization_id,
        id__gte=least_id(max(since, webhook.created_at)),
        id__lt=least_id(until),
        dispatched_at__isnull=False,
    ).order_by("id")
    # Nor would it have heard of itself; see `fan_out`.
    own = Q(payload__has_key="webhook_id", payload__webhook_id=str(webhook.id))
    rows = rows.exclude(own)
    names = _told_names() if ALL in webhook.events else webhook.events
    rows = rows.filter(type__in=names)
    if webhook.model_id is not None:
        about = Q(payload__model_id=str(webhook.model_id))
        rows = rows.filter(about)
    heard = Delivery.objects.filter(webhook=webhook, message__event_id__isnull=False)
    return rows.exclude(id__in=heard.filter(id__gte=least_id(since)).values("message__event_id"))


def _told_names() -> list[str]:
    from common.events import types

    return [name for name in types if is_told(name)]


def _again(webhook: Webhook, message_ids: list[UUID], states: list[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            AGAIN,
            {
                "webhook": webhook.id,
                # And those that were only just made, which wait.
                "states": [*states, "waiting"],
                "messages": message_ids,
                "attempts": webhook.max_attempts,
                "now": clock.now(),
                "pace": A_SECOND,
            },
        )
        count: int = cursor.rowcount
    return count


def _publish(webhook: Webhook, actor: Actor, count: int) -> None:
    publish(
        WebhookReplayed(webhook_id=webhook.id, host=webhook.host, count=count),
        actor_id=actor.id,
        organization_id=webhook.organization_id,
    )
