"""Webhooks as Prometheus sees them: attempts by what came of them, and what waits."""

from __future__ import annotations

from typing import Final

from django.db.models import Min, Q
from django.db.models.functions import Greatest

from common import clock
from common.meter import Counter, at_scrape
from common.meter.scraped import Rows
from webhooks.models import Channel, Delivery, DeliveryState, Status

ATTEMPTS: Final = Counter(
    "slipway_webhook_attempts_total",
    "Attempts at webhooks' receivers, by outcome (delivered, failed, gone).",
    ("outcome",),
)


@at_scrape("slipway_webhook_deliveries_waiting", "Deliveries of webhooks that are to be sent.")
def waiting() -> Rows:
    return [((), Delivery.objects.filter(state=DeliveryState.WAITING).count())]


@at_scrape("slipway_webhooks_resting", "Webhooks that are left alone for now: they keep failing.")
def resting() -> Rows:
    return [((), Channel.objects.filter(open_until__gt=clock.now()).count())]


@at_scrape(
    "slipway_webhook_overdue_seconds",
    "How long a webhook with something due has waited for its turn, at most; not resting ones.",
)
def overdue() -> Rows:
    now = clock.now()
    awake = Channel.objects.filter(Q(open_until=None) | Q(open_until__lte=now)).filter(
        due_at__lte=now, webhook__status=Status.ACTIVE, webhook__deleted_at=None
    )
    # Its last turn counts: where much waits, what is due is older than any wait for a sender.
    oldest = awake.aggregate(oldest=Min(Greatest("due_at", "served_at")))["oldest"]
    return [((), 0.0 if oldest is None else (now - oldest).total_seconds())]
