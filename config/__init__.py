"""Settings, routes and processes: what makes one platform of the apps."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
