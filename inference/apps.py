from django.apps import AppConfig
from django.conf import settings


class InferenceConfig(AppConfig):
    name = "inference"
    verbose_name = "Inference"

    def ready(self) -> None:
        from inference import subscribers  # noqa: F401  they subscribe by being imported

        if settings.SLIPWAY_ROLE == "web":
            # 150 ms of imports belong to the start of the process, not to its first prediction.
            from common.runtime import OnnxModel  # noqa: F401
