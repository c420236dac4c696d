"""`manage.py load_demo`: the demo account, key and model, through the API of a running Slipway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import Demo, DemoError


class Command(BaseCommand):
    help = (
        "Makes a demo account with an API key and uploads a freshly trained scikit-learn model, "
        "all through the public API; writes demo.json. Does nothing where that is done already."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="where Slipway answers; by default HOST and PORT")

    def handle(self, *_args: Any, url: str | None, **_options: Any) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104
        base = (url or f"http://{host}:{settings.PORT}").rstrip("/")
        try:
            demo = Demo(base, Path(settings.SLIPWAY_HOME)).make()
        except DemoError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"model {demo['model']} answers at {base}")
