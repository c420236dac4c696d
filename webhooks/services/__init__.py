from webhooks.services import claims
from webhooks.services.claims import Job, Lane, claim
from webhooks.services.fan_out import address_message, fan_out
from webhooks.services.predictions import gather_predictions, send_prediction_batches
from webhooks.services.replay import MOST_REPLAYED, replay_delivery, replay_range
from webhooks.services.results import Outcome, Result, record
from webhooks.services.upkeep import disable_failing, drop_old, reclaim, wake_overdue
from webhooks.services.webhooks import (
    NewWebhook,
    create_webhook,
    delete_webhook,
    disable_webhook,
    rotate_secret,
    send_test,
    update_webhook,
)

__all__ = [
    "MOST_REPLAYED",
    "Job",
    "Lane",
    "NewWebhook",
    "Outcome",
    "Result",
    "address_message",
    "claim",
    "claims",
    "create_webhook",
    "delete_webhook",
    "disable_failing",
    "disable_webhook",
    "drop_old",
    "fan_out",
    "gather_predictions",
    "reclaim",
    "record",
    "replay_delivery",
    "replay_range",
    "rotate_secret",
    "send_prediction_batches",
    "send_test",
    "update_webhook",
    "wake_overdue",
]
