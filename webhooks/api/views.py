"""Webhooks: set up, tested, replayed, and what was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from common import clock
from common.api.conditional import ConditionalMixin
from common.api.pagination import cursor_response
from webhooks import selectors, services
from webhooks.api.serializers import (
    DeliveriesFilter,
    DeliveryDetailOutput,
    DeliveryOutput,
    DeliveryPageOutput,
    EventTypeOutput,
    NewSecretOutput,
    NewWebhookOutput,
    NoInput,
    ReplayInput,
    ReplayOutput,
    RotateInput,
    WebhookInput,
    WebhookOutput,
    WebhookUpdateInput,
)
from webhooks.catalogue import event_types
from webhooks.models import Webhook

SCOPES = {
    "get": "webhooks:read",
    "post": "webhooks:write",
    "put": "webhooks:write",
    "patch": "webhooks:write",
    "delete": "webhooks:write",
}


class WebhooksView(ConditionalMixin, GenericAPIView[Any]):
    """Something about webhooks."""

    scopes: Any = SCOPES
    queryset = Webhook.objects.none()
    serializer_class: type[Any] = WebhookOutput

    def webhook(self, request: Request, webhook_id: UUID) -> Webhook:
        return selectors.get_webhook(actor(request), webhook_id)

    def given(self, form: Any) -> dict[str, Any]:
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        return data


class WebhookListView(WebhooksView):
    """The webhooks one can see, and the way to a new one."""

    @extend_schema(responses=WebhookOutput(many=True), operation_id="webhooks_list")
    def get(self, request: Request) -> Response:
        """List webhooks, newest first, with how their receivers fare."""
        rows = self.paginate_queryset(selectors.list_webhooks(actor(request)))
        return self.get_paginated_response(WebhookOutput(rows, many=True).data)

    @extend_schema(
        request=WebhookInput, responses={201: NewWebhookOutput}, operation_id="webhooks_create"
    )
    def post(self, request: Request) -> Response:
        """Set up a webhook. The answer is the only place where its secret ever stands."""
        data = self.given(WebhookInput(data=request.data))
        made = services.create_webhook(actor=actor(request), **data)
        row = self.webhook(request, made.row.id)
        return Response(
            {**WebhookOutput(row).data, "secret": made.secret},
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/webhooks/{row.id}", "Cache-Control": "no-store"},
        )


class EventTypesView(ConditionalMixin):
    """What webhooks can be told of."""

    scopes = "webhooks:read"

    @extend_schema(responses=EventTypeOutput(many=True), operation_id="webhooks_event_types")
    def get(self, request: Request) -> Response:
        """Every type of event, with the schema of its data and an example."""
        return Response(EventTypeOutput(list(event_types().values()), many=True).data)


class WebhookView(WebhooksView):
    """One webhook."""

    @extend_schema(responses=WebhookOutput, operation_id="webhooks_get")
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """A webhook's details. Never its secret."""
        return Response(WebhookOutput(self.webhook(request, webhook_id)).data)

    @extend_schema(
        request=WebhookUpdateInput,
        responses=WebhookOutput,
        operation_id="webhooks_partial_update",
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Change any of it; what is absent stays."""
        data = self.given(WebhookUpdateInput(data=request.data))
        who = actor(request)
        services.update_webhook(self.webhook(request, webhook_id), data, actor=who)
        return Response(WebhookOutput(self.webhook(request, webhook_id)).data)

    @extend_schema(
        request=WebhookUpdateInput, responses=WebhookOutput, operation_id="webhooks_update"
    )
    def put(self, request: Request, webhook_id: UUID) -> Response:
        """The same as PATCH."""
        return self.patch(request, webhook_id)

    @extend_schema(
        responses={204: OpenApiResponse(description="Deleted.")}, operation_id="webhooks_delete"
    )
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Send nothing there any more; what waits is cancelled."""
        services.delete_webhook(self.webhook(request, webhook_id), actor=actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RotateSecretView(WebhooksView):
    """Changing a secret without an interruption."""

    @extend_schema(
        request=RotateInput, responses=NewSecretOutput, operation_id="webhooks_rotate_secret"
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Make a new secret. Messages carry signatures by both while the old one lasts."""
        data = self.given(RotateInput(data=request.data))
        made = services.rotate_secret(
            self.webhook(request, webhook_id),
            actor=actor(request),
            overlap=timedelta(seconds=data["overlap_seconds"]),
        )
        body = {"secret": made.secret, "previous_secret_until": made.row.previous_until}
        return Response(NewSecretOutput(body).data, headers={"Cache-Control": "no-store"})


class SendTestView(WebhooksView):
    """Trying a webhook out."""

    @extend_schema(request=None, responses={202: DeliveryOutput}, operation_id="webhooks_test")
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send a `webhook.test` message, to where the webhook leads, as every message goes.

        The delivery tells what came of it. Ten a minute.
        """
        self.given(NoInput(data=request.data))
        made = services.send_test(self.webhook(request, webhook_id), actor=actor(request))
        return Response(
            DeliveryOutput(made).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": f"/api/v1/webhooks/{webhook_id}/deliveries/{made.id}"},
        )


class DeliveryListView(WebhooksView):
    """What was sent, and what waits."""

    @extend_schema(
        parameters=[DeliveriesFilter],
        responses=DeliveryPageOutput,
        operation_id="webhooks_deliveries",
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """A webhook's deliveries, newest first. For those who manage it."""
        wanted = DeliveriesFilter(data=request.query_params).wanted()
        webhook = self.webhook(request, webhook_id)
        page = selectors.list_deliveries(webhook, wanted)
        return cursor_response(request, DeliveryPageOutput, page.rows, page.next_cursor)


class DeliveryView(WebhooksView):
    """One delivery."""

    @extend_schema(responses=DeliveryDetailOutput, operation_id="webhooks_delivery")
    def get(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """What was sent, and what each attempt at it brought back."""
        webhook = self.webhook(request, webhook_id)
        delivery = selectors.get_delivery(webhook, delivery_id)
        return Response(DeliveryDetailOutput(delivery).data)


class ReplayView(WebhooksView):
    """Sending again."""

    @extend_schema(
        request=ReplayInput, responses={202: ReplayOutput}, operation_id="webhooks_replay"
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send one delivery again, or all of a range of time; messages keep their ids.

        A range also brings what happened while the webhook was off. Ten a second become due, and
        a call takes 10,000 at most.
        """
        data = self.given(ReplayInput(data=request.data))
        who, webhook = actor(request), self.webhook(request, webhook_id)
        if "delivery" in data:
            delivery = selectors.get_delivery(webhook, data.pop("delivery"))
            services.replay_delivery(delivery, actor=who)
            count = 1
        else:
            count = services.replay_range(webhook, actor=who, **{"until": clock.now()} | data)
        return Response(ReplayOutput({"count": count}).data, status=status.HTTP_202_ACCEPTED)
