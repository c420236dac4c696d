from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "common"
    verbose_name = "Events"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from common.spent import watch_connection

        connection_created.connect(watch_connection)
