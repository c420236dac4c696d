"""Setting webhooks up, changing them, and turning them off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Organization
from accounts.selectors.places import get_organization
from common import clock
from common.context import request_id
from common.errors import Fault
from common.events import Event, publish
from common.limits import Bucket, Rate, limiter
from common.outbound import AddressRefused, check_target, checked_url
from common.outbound.own import own_servers
from registry.models import Model
from registry.selectors import get_model
from webhooks import signing
from webhooks.catalogue import ALL, TEST, about_models, chosen_types
from webhooks.errors import (
    BadWebhook,
    TooManyWebhooks,
    WebhookDenied,
    WebhookNotActive,
)
from webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookSecretRotated,
    WebhookUpdated,
)
from webhooks.messages import body_of
from webhooks.models import (
    MAX_WEBHOOKS,
    Channel,
    Delivery,
    DeliveryState,
    Message,
    PredictionTray,
    Status,
    Webhook,
)
from webhooks.permissions import can_hear, can_manage
from webhooks.services.fan_out import address_message, make_due

OVERLAP: Final = timedelta(hours=24)
TESTS: Final = Rate("webhook-test", 10, 60)
PLAIN: Final = (
    "description", "timeout_s", "max_attempts", "retry_delays_s", "concurrency", "batch_s",
    "sample_percent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook and its secret, as `whsec_…`: the one moment at which that is shown."""

    row: Webhook
    secret: str


@transaction.atomic
def create_webhook(
    *,
    actor: Actor,
    url: str,
    events: Sequence[str],
    organization: str = "",
    model: str = "",
    **policy: Any,
) -> NewWebhook:
    """Tell a URL of these types of events, of one model where one is named.

    Raises Invalid for a URL that can't be read or that no operator has opened, BadWebhook for an
    unknown type, WebhookDenied, TooManyWebhooks.
    """
    home = get_organization(actor, organization) if organization else actor.organization
    about = _model(actor, model)
    if about is not None and not organization:
        home = about.organization
    wanted = _checked_events(events)
    _check_rights(actor, home, about, wanted)
    # Two at the same time count one after the other.
    Organization.objects.select_for_update().get(id=home.id)
    if Webhook.objects.filter(organization=home, deleted_at=None).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(f"An organization has at most {MAX_WEBHOOKS} webhooks.")
    secret = signing.new_secret()
    row = Webhook.objects.create(
        organization=home,
        created_by=actor.user,
        url=_checked_url(url),
        events=wanted,
        model=about,
        signing_secret=signing.sealed(secret),
        **{name: value for name, value in policy.items() if name in PLAIN},
    )
    Channel.objects.create(webhook=row)
    _publish(WebhookCreated(webhook_id=row.id, host=row.host, events=wanted), row, actor)
    return NewWebhook(row, signing.shown(secret))


@transaction.atomic
def update_webhook(webhook: Webhook, changes: Mapping[str, Any], *, actor: Actor) -> Webhook:
    """Change any of it; `active` pauses and resumes. Raises as `create_webhook` does."""
    check_manages(actor, webhook)
    row = Webhook.objects.select_for_update().get(id=webhook.id)
    fields = {name: changes[name] for name in PLAIN if name in changes}
    if "url" in changes:
        fields["url"] = _checked_url(changes["url"])
    if "events" in changes:
        fields["events"] = _checked_events(changes["events"])
    if "model" in changes:
        fields["model"] = _model(actor, changes["model"] or "")
    about = fields.get("model", row.model)
    _check_rights(actor, row.organization, about, fields.get("events", row.events))
    if "active" in changes:
        fields |= _turned(row, on=changes["active"])
    changed = sorted(name for name, value in fields.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, fields[name])
    if changed:
        row.touch(*changed)
        _publish(WebhookUpdated(webhook_id=row.id, host=row.host, changed=changed), row, actor)
    if "status" in changed and row.status == Status.ACTIVE:
        _begin_anew(row.id)
    return row


@transaction.atomic
def delete_webhook(webhook: Webhook, *, actor: Actor) -> None:
    """Send nothing there any more; what waits is cancelled. Its history goes with time."""
    check_manages(actor, webhook)
    webhook.deleted_at = clock.now()
    webhook.touch("deleted_at")
    _cancel_waiting(webhook.id)
    _publish(WebhookDeleted(webhook_id=webhook.id, host=webhook.host), webhook, actor)


@transaction.atomic
def rotate_secret(webhook: Webhook, *, actor: Actor, overlap: timedelta = OVERLAP) -> NewWebhook:
    """A new secret; both sign for as long as `overlap`, so that a receiver can change in peace."""
    check_manages(actor, webhook)
    row = Webhook.objects.select_for_update().get(id=webhook.id)
    secret = signing.new_secret()
    row.previous_secret = row.signing_secret if overlap else None
    row.previous_until = clock.now() + overlap if overlap else None
    row.signing_secret = signing.sealed(secret)
    row.touch("signing_secret", "previous_secret", "previous_until")
    _publish(WebhookSecretRotated(webhook_id=row.id, host=row.host), row, actor)
    return NewWebhook(row, signing.shown(secret))


@transaction.atomic
def send_test(webhook: Webhook, *, actor: Actor) -> Delivery:
    """Send a test message the way every message goes; the delivery tells what came of it.

    It does not wait for the breaker, nor for what waits already: whoever asks wants to know now,
    and a receiver on trial gets one delivery at a time. Raises WebhookDenied,
    WebhookNotActive, LimitExceeded.
    """
    check_manages(actor, webhook)
    if webhook.status != Status.ACTIVE:
        raise WebhookNotActive(f"This webhook is {webhook.status}. Turn it on first.")
    limiter().take([Bucket(f"webhook-test:{webhook.id}", (TESTS,))])
    data = {"webhook_id": webhook.id, "note": "This is a test. Nothing has happened."}
    message = Message.objects.create(
        organization_id=webhook.organization_id,
        type=TEST,
        body=body_of(TEST, clock.now(), data),
        request_id=request_id(),
    )
    Channel.objects.filter(webhook=webhook).update(open_until=None)
    address_message(message, [webhook])
    # Due before there was a webhook, and so before all others of its deliveries: it is the next.
    due_at = webhook.created_at - timedelta(seconds=1)
    Delivery.objects.filter(message=message).update(due_at=due_at)
    return Delivery.objects.select_related("message").get(message=message, webhook=webhook)


def disable_webhook(webhook: Webhook, *, reason: str) -> None:
    """Turn a webhook off by itself, within the caller's transaction; whoever made it gets a mail.

    What waits is cancelled: a replay brings it back once the receiver works.
    """
    found = Webhook.objects.filter(id=webhook.id, status=Status.ACTIVE, deleted_at=None)
    if not found.update(status=Status.DISABLED, disabled_reason=reason, updated_at=clock.now()):
        return
    _cancel_waiting(webhook.id)
    publish(
        WebhookDisabled(
            webhook_id=webhook.id,
            host=webhook.host,
            reason=reason,
            user_id=webhook.created_by_id,
        ),
        organization_id=webhook.organization_id,
    )


def check_manages(actor: Actor, webhook: Webhook) -> None:
    """Raise WebhookDenied where the actor may look, and no more."""
    if not can_manage(actor, webhook):
        raise WebhookDenied("Members manage webhooks that tell of models, admins all of them.")


def _checked_url(text: str) -> str:
    url = checked_url(text)
    try:
        check_target(url, settings.WEBHOOK_ALLOW, own=own_servers())
    except AddressRefused as error:
        message = str(error)
        raise BadWebhook(
            message, code="address_refused", errors=[Fault("/url", message, "address_refused")]
        ) from None
    return str(url)


def _checked_events(names: Sequence[str]) -> list[str]:
    known = chosen_types() | {ALL}
    faults = [
        Fault(f"/events/{i}", f"There is no event type {name[:100]!r}.", "unknown_event_type")
        for i, name in enumerate(names)
        if name not in known
    ]
    if faults:
        hint = "GET /api/v1/webhooks/event-types lists them."
        raise BadWebhook(f"{faults[0].detail} {hint}", code="unknown_event_type", errors=faults)
    return [ALL] if ALL in names else sorted(set(names))


def _model(actor: Actor, ref: str) -> Model | None:
    return get_model(actor, ref) if ref else None


def _check_rights(
    actor: Actor, home: Organization, model: Model | None, events: Sequence[str]
) -> None:
    if model is not None and model.organization_id != home.id:
        message = "A webhook tells of models of its own organization."
        raise BadWebhook(message, errors=[Fault("/model", message, "other_organization")])
    if actor.model_refs and model is None:
        message = "This key is for some models alone: name one of them."
        raise BadWebhook(message, errors=[Fault("/model", message, "model_required")])
    if model is not None and not any(name == ALL or about_models(name) for name in events):
        message = "None of these events is about a model: leave the model out."
        raise BadWebhook(
            message, code="not_about_models", errors=[Fault("/events", message, "not_about_models")]
        )
    if not can_hear(actor, home.id, events):
        raise WebhookDenied("Members may hear of models here; owners and admins of everything.")


def _turned(row: Webhook, *, on: bool) -> dict[str, Any]:
    if on:
        return {"status": Status.ACTIVE, "disabled_reason": ""}
    return {"status": Status.PAUSED} if row.status == Status.ACTIVE else {}


def _begin_anew(webhook_id: UUID) -> None:
    """Forget how the receiver fared before somebody turned it on again."""
    Channel.objects.filter(webhook_id=webhook_id).update(
        failures=0, failing_since=None, open_until=None, last_error=""
    )
    transaction.on_commit(lambda: make_due([webhook_id]), robust=True)


def _cancel_waiting(webhook_id: UUID) -> None:
    Delivery.objects.filter(webhook_id=webhook_id, state=DeliveryState.WAITING).update(
        state=DeliveryState.CANCELLED, finished_at=clock.now()
    )
    PredictionTray.objects.filter(webhook_id=webhook_id).delete()


def _publish(happened: Event, webhook: Webhook, actor: Actor) -> None:
    publish(happened, actor_id=actor.id, organization_id=webhook.organization_id)
