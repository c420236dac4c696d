"""E-mail to people: a template of a subject line and a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.models import User


def send_mail_to(user: User, template: str, context: Mapping[str, Any]) -> None:
    """Send `templates/mail/<template>.txt`, whose first line is the subject, to the user.

    Raises what the mail server's refusal raises: whoever calls tries again.
    """
    text = render_to_string(f"mail/{template}.txt", {"user": user, **context})
    subject, _, body = text.partition("\n")
    EmailMessage(subject.strip(), body.lstrip("\n"), to=[user.email]).send()
