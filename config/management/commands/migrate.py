"""`manage.py migrate`: Django's own, under the role that owns the tables, and the grants after."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from config import roles


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        if roles.separate():
            parser.set_defaults(database=roles.OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["database"] == roles.OWNER:
            call_command("grant_database_roles", stdout=self.stdout)
