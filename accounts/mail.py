"""E-mail to people: a template of a subject line and a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string


def send_mail_to(address: str, template: str, context: Mapping[str, Any]) -> None:
    """Send `templates/accounts/mail/<template>.txt`, whose first line is the subject.

    Its context gets `site`, the public address. Raises what the mail server's refusal raises:
    whoever calls tries again.
    """
    text = render_to_string(
        f"accounts/mail/{template}.txt", {"site": settings.PUBLIC_URL, **context}
    )
    subject, _, body = text.partition("\n")
    EmailMessage(subject.strip(), body.lstrip("\n"), to=[address]).send()
