from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        # They subscribe, and are found by Prometheus, by being imported.
        from webhooks import counted, subscribers  # noqa: F401
