"""Mail: plain text from templates, sent by workers alone, with links made from PUBLIC_URL alone."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context, engines

logger = structlog.get_logger(__name__)

# RFC 3834: says that nobody wrote this, so that no "out of office" comes back.
HEADERS = {"Auto-Submitted": "auto-generated"}
PERMANENT = 500  # RFC 5321, section 4.2.1: the first of the codes that no second try changes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    content_type: str


def send_mail_to(
    address: str,
    template: str,
    context: Mapping[str, Any],
    *,
    attachments: Sequence[Attachment] = (),
) -> None:
    """Send templates/accounts/mail/<template>.txt, whose first line is the subject.

    A template with a slash in its name is another app's: templates/<template>.txt.

    The template also gets `site`, the PUBLIC_URL that its links begin with. Where the server
    refuses the address for good, that is logged and nothing more; every other failure (OSError,
    smtplib.SMTPException) is raised, and the event that asked for the mail is delivered again.
    """
    path = template if "/" in template else f"accounts/mail/{template}"
    text = _render(f"{path}.txt", {**context, "site": settings.PUBLIC_URL})
    subject, _, body = text.partition("\n")
    message = EmailMessage(subject.strip(), body.strip() + "\n", to=[address], headers=HEADERS)
    for file in attachments:
        message.attach(file.name, file.content, file.content_type)
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        if code < PERMANENT:
            raise
        logger.warning("mail_refused", template=template, code=code, reason=repr(reason))


def _render(name: str, context: Mapping[str, Any]) -> str:
    """The template as plain text: what would be escaped for a page stays as it is."""
    template: Any = engines["django"].get_template(name)
    return str(template.template.render(Context(dict(context), autoescape=False)))
