from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import subscribers  # noqa: F401  they subscribe by being imported
        from accounts.api import schema  # noqa: F401  drf-spectacular finds extensions by import
