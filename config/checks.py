"""System checks: what would go wrong later is said at the start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution


@register(Tags.security)
def public_url_is_an_origin(**_: Any) -> list[CheckMessage]:
    """PUBLIC_URL makes hosts, cookies and links: it must be a scheme and a host, no path."""
    from urllib.parse import urlsplit

    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme in {"http", "https"} and parts.hostname and not parts.path:
        return []
    return [
        Error(
            f"PUBLIC_URL must look like https://models.example.org, not {settings.PUBLIC_URL!r}.",
            id="slipway.E001",
        )
    ]


@register(Tags.security)
def cors_origins_are_exact(**_: Any) -> list[CheckMessage]:
    """A wildcard origin would hand every site the API of whoever visits it."""
    wrong = [origin for origin in settings.CORS_ALLOWED_ORIGINS if "*" in origin]
    if not wrong:
        return []
    return [Error(f"CORS_ALLOWED_ORIGINS takes exact origins, not {wrong}.", id="slipway.E002")]


@register(Tags.caches)
def caches_never_pickle(**_: Any) -> list[CheckMessage]:
    """What lies in Redis is data; a pickle there would be code to whoever can write to Redis."""
    if "JSON" in settings.CACHES["default"]["OPTIONS"].get("SERIALIZER", ""):
        return []
    return [Error("The cache must use django-redis's JSON serializer.", id="slipway.E003")]


@register(Tags.security)
def verification_has_mail(**_: Any) -> list[CheckMessage]:
    """Nobody could ever log in whose verification mail goes nowhere."""
    if settings.EMAIL_CONFIGURED or not settings.REQUIRE_EMAIL_VERIFICATION:
        return []
    return [Error("REQUIRE_EMAIL_VERIFICATION needs EMAIL_URL.", id="slipway.E004")]


@register
def limits_are_counted_together(**_: Any) -> list[CheckMessage]:
    """Memory is one process's: with several, each would admit the whole of every limit."""
    if settings.LIMITS_BACKEND != "memory" or settings.SERVING_PROCESSES == 1:
        return []
    return [
        Caution(
            f"LIMITS_BACKEND=memory counts limits in each of {settings.SERVING_PROCESSES} web "
            "processes apart. Set WEB_WORKERS=1 and no GRPC_PORT, or LIMITS_BACKEND=redis.",
            id="slipway.W001",
        )
    ]


@register()
def default_model_is_owner_and_name(**_: Any) -> list[CheckMessage]:
    """A wrong one would answer every call of `/invocations` with an error."""
    from registry.errors import BadReference
    from registry.refs import parse_ref

    ref = settings.SLIPWAY_DEFAULT_MODEL
    try:
        if not ref or parse_ref(ref).owner:
            return []
    except BadReference:
        pass
    return [Error(f"SLIPWAY_DEFAULT_MODEL must be owner/name, not {ref!r}.", id="slipway.E005")]
