from django.urls import path

from webhooks.pages import views

urlpatterns = [
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/<uuid:webhook_id>", views.webhook, name="webhook"),
    path("webhooks/<uuid:webhook_id>/edit", views.edit_webhook, name="webhook-edit"),
    path("webhooks/<uuid:webhook_id>/rotate", views.rotate, name="webhook-rotate"),
    path("webhooks/<uuid:webhook_id>/turn", views.turn, name="webhook-turn"),
    path("webhooks/<uuid:webhook_id>/delete", views.delete, name="webhook-delete"),
    path("webhooks/<uuid:webhook_id>/test", views.test, name="webhook-test"),
    path("webhooks/<uuid:webhook_id>/replay", views.replay, name="webhook-replay"),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>",
        views.delivery,
        name="webhook-delivery",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay",
        views.replay_one,
        name="webhook-delivery-replay",
    ),
]
