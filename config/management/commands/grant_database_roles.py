"""`manage.py grant_database_roles`: rights for the application's and the read-only role."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import roles


class Command(BaseCommand):
    help = (
        "Gives the application's role and the read-only role their rights, as the role that "
        "DATABASE_OWNER_URL names. `migrate` does it at its end; twice is once."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not roles.separate():
            self.stdout.write(
                "DATABASE_OWNER_URL is not set: the application's role owns its tables."
            )
            return
        try:
            done = roles.grant()
        except roles.RoleMissingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Rights given to {', '.join(done)}.")
