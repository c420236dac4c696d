"""`manage.py createsuperuser`: make an operator, or make one of somebody who has an account.

It stands in for Django's own command, which knows nothing of organizations.
"""

from __future__ import annotations

import getpass
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.emails import email_key
from accounts.models import User
from common.errors import DomainError


class Command(BaseCommand):
    help = "Make an operator of the person with this e-mail address, with an account if need be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="the name of a new account")
        parser.add_argument(
            "--password-variable",
            help="the variable that holds a new account's password, which is asked for otherwise",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        email: str = options["email"]
        try:
            user = User.objects.filter(email_key=email_key(email)).first()
            if user is None:
                password = self._password(options["password_variable"])
                user = services.register_user(
                    email=email, password=password, full_name=options["name"], vouched=True
                )
            services.vouch_for(user)
            services.appoint_operator(user, actor=None)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user} is an operator now.")

    def _password(self, variable: str | None) -> str:
        if variable is None:
            return getpass.getpass("Password of the new account: ")
        try:
            return os.environ[variable]
        except KeyError:
            raise CommandError(f"The environment has no {variable}.") from None
