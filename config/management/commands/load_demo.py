"""`manage.py load_demo`: the demo account, key and model, through the API of a running Slipway."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.emails import email_key
from accounts.models import LimitKind, LimitPolicy, User
from config.demo import Demo, DemoError

PATIENCE = 30.0  # seconds for a worker to make the account
PER_MINUTE = 10_000_000  # calls of the demo's: whoever tries how fast it is meets no limit


class Command(BaseCommand):
    help = (
        "Makes a demo account with an API key and uploads a freshly trained scikit-learn model, "
        "all through the public API, raises the account's rate limit and writes demo.json. Does "
        "nothing where that is done already."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="where Slipway answers; by default HOST and PORT")

    def handle(self, *_args: Any, url: str | None, **_options: Any) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104
        base = (url or f"http://{host}:{settings.PORT}").rstrip("/")
        try:
            demo = Demo(base, Path(settings.SLIPWAY_HOME), _vouch).make()
        except DemoError as error:
            raise CommandError(str(error)) from error
        _raise_limit(demo["email"])
        self.stdout.write(f"model {demo['model']} answers at {base}")


def _vouch(email: str) -> None:
    """Let the demo's user in without a mail. Where addresses are verified a worker makes it first.

    The Slipway that was asked may keep its accounts elsewhere: then it will refuse the log-in.
    """
    deadline = time.monotonic() + (PATIENCE if settings.REQUIRE_EMAIL_VERIFICATION else 0.0)
    while True:
        user = User.objects.filter(email_key=email_key(email)).first()
        if user is not None:
            services.vouch_for(user)
        if user is not None or time.monotonic() >= deadline:
            return
        time.sleep(0.1)


def _raise_limit(email: str) -> None:
    """Let the demo's user, and so its key, call as often as they like, unless operators said else.

    This alone is not done through the API: it takes an operator.
    """
    user = User.objects.filter(email_key=email_key(email)).first()
    if user is None:  # the Slipway that was asked keeps its accounts elsewhere
        return
    if not LimitPolicy.objects.filter(kind=LimitKind.USER, target_id=user.id).exists():
        services.create_limit(
            actor=None, kind=LimitKind.USER, target_id=user.id, per_minute=PER_MINUTE
        )
