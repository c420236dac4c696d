"""It reads EMAIL_URL, and stops the start where that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import checks, env


@pytest.mark.parametrize(
    ("url", "backend", "known"),
    [
        ("", "console", {}),
        ("console:", "console", {}),
        ("file:///var/mail", "filebased", {"EMAIL_FILE_PATH": "/var/mail"}),
        ("smtp://mail", "smtp", {"EMAIL_HOST": "mail", "EMAIL_PORT": 25, "EMAIL_USE_TLS": False}),
        (
            "smtp://a%40b:p%2Fw@mail:587?tls=true",
            "smtp",
            {
                "EMAIL_PORT": 587,
                "EMAIL_HOST_USER": "a@b",
                "EMAIL_HOST_PASSWORD": "p/w",
                "EMAIL_USE_TLS": True,
                "EMAIL_USE_SSL": False,
            },
        ),
        ("smtps://mail", "smtp", {"EMAIL_PORT": 465, "EMAIL_USE_SSL": True}),
    ],
)
def test_an_email_url_says_how_mail_leaves(url: str, backend: str, known: dict[str, Any]) -> None:
    found = env.email(url)
    assert found["EMAIL_BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"
    assert known.items() <= found.items()


@pytest.mark.parametrize(
    "url",
    ["mail.example.org", "http://mail", "smtp://", "smtp://mail:port", "smtp://mail?tls=maybe",
     "smtp://mail?ssl=true", "file://folder", "file:"],
)  # fmt: skip
def test_a_wrong_email_url_stops_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        env.email(url)


@pytest.mark.parametrize(("configured", "faults"), [(False, ["slipway.E004"]), (True, [])])
def test_verification_without_mail_is_an_error(
    settings: Any, configured: bool, faults: list[str]
) -> None:
    settings.REQUIRE_EMAIL_VERIFICATION = True
    settings.EMAIL_CONFIGURED = configured
    assert [fault.id for fault in checks.verification_has_mail()] == faults
