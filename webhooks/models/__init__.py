from webhooks.models.deliveries import Attempt, Delivery, DeliveryState, Message, PredictionTray
from webhooks.models.webhooks import (
    MAX_ATTEMPTS,
    MAX_CONCURRENCY,
    MAX_DELAY_S,
    MAX_TIMEOUT_S,
    MAX_WEBHOOKS,
    Channel,
    Status,
    Webhook,
    WebhookQuerySet,
)

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_CONCURRENCY",
    "MAX_DELAY_S",
    "MAX_TIMEOUT_S",
    "MAX_WEBHOOKS",
    "Attempt",
    "Channel",
    "Delivery",
    "DeliveryState",
    "Message",
    "PredictionTray",
    "Status",
    "Webhook",
    "WebhookQuerySet",
]
