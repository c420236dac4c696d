"""`manage.py up`: the whole platform from one command (`make run` calls it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import home
from config.embedded.postgres import PostgresError
from config.embedded.providers import ServerMissingError
from config.process import IdentityError
from config.supervisor.installation import Installation
from config.supervisor.servers import ServerError
from config.supervisor.supervisor import StartError, Supervisor

REFUSALS = (
    StartError,
    ServerError,
    PostgresError,
    ServerMissingError,
    IdentityError,
    home.HomeBusyError,
)


class Command(BaseCommand):
    help = (
        "Starts PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), brings the "
        "database up to date, starts jail, web, worker and beat, loads a demo model, and keeps all "
        "of it running until Ctrl-C."
    )
    # Whatever there is to check, the children do; this process touches no database.
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        where = home.make(Path(settings.SLIPWAY_HOME))
        installation = Installation(
            home=where,
            host=settings.HOST,
            port=settings.PORT,
            grpc_port=settings.GRPC_PORT,
            workers=settings.WEB_WORKERS,
            senders=settings.WEBHOOK_WORKERS,
            bulk_processes=settings.BULK_WORKERS,
            threads=settings.WEB_THREADS,
            jail_socket=Path(settings.JAIL_SOCKET),
        )
        try:
            Supervisor(installation).run()
        except REFUSALS as refusal:
            raise CommandError(str(refusal)) from refusal
