from django.urls import path

from webhooks.api import views

urlpatterns = [
    path("webhooks", views.WebhookListView.as_view(), name="api-webhooks"),
    path("webhooks/event-types", views.EventTypesView.as_view(), name="api-event-types"),
    path("webhooks/<uuid:webhook_id>", views.WebhookView.as_view(), name="api-webhook"),
    path("webhooks/<uuid:webhook_id>/test", views.SendTestView.as_view(), name="api-webhook-test"),
    path(
        "webhooks/<uuid:webhook_id>/rotate-secret",
        views.RotateSecretView.as_view(),
        name="api-webhook-rotate",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries",
        views.DeliveryListView.as_view(),
        name="api-deliveries",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>",
        views.DeliveryView.as_view(),
        name="api-delivery",
    ),
    path(
        "webhooks/<uuid:webhook_id>/replay", views.ReplayView.as_view(), name="api-webhook-replay"
    ),
]
