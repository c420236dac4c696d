"""What is looked up when Prometheus asks: queues, tables, servers, the jail."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection

from common.http import health
from common.meter import at_scrape
from common.meter.scraped import Rows
from common.models import EventRecord
from config.gauges import queue_lengths
from webhooks.models import Delivery

ACTIVITY = (
    "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1"
)
OLDEST_EVENT = (
    "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)"
    " FROM common_eventrecord WHERE dispatched_at IS NULL"
)
LARGEST = "SELECT current_setting('max_connections')::int, pg_database_size(current_database())"


@at_scrape("slipway_build_info", "Always 1; the version stands in the label.", labels=("version",))
def build() -> Rows:
    return [((settings.VERSION,), 1)]


@at_scrape("slipway_queue_length", "Tasks that wait, by queue.", labels=("queue",))
def queues() -> Rows:
    return [((name,), length) for name, length in queue_lengths().items()]


@at_scrape("slipway_events_waiting", "Events that no worker has handed to their subscribers yet.")
def events() -> Rows:
    return [((), EventRecord.objects.filter(dispatched_at__isnull=True).count())]


@at_scrape("slipway_events_oldest_seconds", "For how long the oldest of them has waited.")
def oldest_event() -> Rows:
    return [((), float(_row(OLDEST_EVENT)[0]))]


@at_scrape("slipway_webhook_deliveries_waiting", "Webhook deliveries that are still to be sent.")
def deliveries() -> Rows:
    return [((), Delivery.objects.filter(state__in=("waiting", "sending")).count())]


@at_scrape("slipway_jail_up", "Whether the jail answers and holds.")
def jail() -> Rows:
    return [((), float(health.check_jail().get("ok", False)))]


@at_scrape(
    "slipway_database_connections", "Connections to the database, by state.", labels=("state",)
)
def connections() -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(ACTIVITY)
        return [((state,), count) for state, count in cursor.fetchall()]


@at_scrape("slipway_database_connections_most", "Connections that the database allows.")
def most_connections() -> Rows:
    return [((), _row(LARGEST)[0])]


@at_scrape("slipway_database_bytes", "The database's size.")
def database_bytes() -> Rows:
    return [((), _row(LARGEST)[1])]


@at_scrape("slipway_redis_up", "Whether Redis answers.")
def redis() -> Rows:
    return [((), float(health.check_cache()["ok"]))]


@at_scrape("slipway_redis_memory_bytes", "Memory that Redis takes.")
def redis_memory() -> Rows:
    return [((), get_redis_connection("default").info("memory")["used_memory"])]


@at_scrape("slipway_redis_clients", "Connections to Redis.")
def redis_clients() -> Rows:
    return [((), get_redis_connection("default").info("clients")["connected_clients"])]


@at_scrape("slipway_disk_free_ratio", "The part of SLIPWAY_HOME's disk that is free.")
def disk() -> Rows:
    return [((), health.check_disk()["free"])]


def _row(query: str) -> tuple[float, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: tuple[float, ...] = cursor.fetchone()
        return found
