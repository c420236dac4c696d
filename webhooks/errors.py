"""What webhooks refuse, each with a stable code."""

from __future__ import annotations

from common.errors import Conflict, Denied, Invalid, NotFound


class WebhookNotFound(NotFound):
    default_code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    default_code = "delivery_not_found"


class WebhookDenied(Denied):
    """Who may look at an organization's webhooks may not always change them."""

    default_code = "webhook_denied"


class BadWebhook(Invalid):
    default_code = "bad_webhook"


class BadReplay(Invalid):
    default_code = "bad_replay"


class TooManyWebhooks(Conflict):
    default_code = "too_many_webhooks"


class WebhookNotActive(Conflict):
    default_code = "webhook_not_active"
