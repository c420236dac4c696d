"""Webhooks as Prometheus sees them: attempts by what came of them, and what waits."""

from __future__ import annotations

from typing import Final

from common import clock
from common.meter import Counter, at_scrape
from common.meter.scraped import Rows
from webhooks.models import Channel, Delivery, DeliveryState

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
