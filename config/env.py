"""Every knob an operator can turn, read once and typed; a wrong value stops the start, named.

Each reader takes the variable's name and a default. A secret may also come from a file named by
`<NAME>_FILE`. docs/configuration.md lists every name read here; a test compares the two.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from common.outbound.policy import Policy, parse_policy

TRUE = {"1", "true", "yes", "on"}
ENCRYPTION_KEY_BYTES = 32
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable as given, or the default where it is unset or empty."""
    return os.environ.get(name) or default


def secret(name: str, default: str = "") -> str:
    """A variable that may also be kept in a file named by `<name>_FILE`; never both."""
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return text(name, default)
    if os.environ.get(name):
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE can't be read: {error}") from error


def boolean(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, low: int = 0, high: int | None = None) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if number < low or (high is not None and number > high):
        bound = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ImproperlyConfigured(f"{name} must be {bound}, not {number}.")
    return number


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty entries."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A comma-separated list of networks: `10.0.0.0/8`, or single addresses."""
    try:
        return tuple(ip_network(part, strict=False) for part in items(name))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must hold networks like 10.0.0.0/8: {error}") from None


def encryption_keys(name: str) -> tuple[bytes, ...]:
    """A comma-separated list of keys, 32 bytes each, in base64; the first one seals."""
    keys = []
    for number, part in enumerate(secret(name).split(","), 1):
        if not part.strip():
            continue
        try:
            key = base64.b64decode(part.strip(), validate=True)
        except ValueError:
            key = b""
        if len(key) != ENCRYPTION_KEY_BYTES:
            raise ImproperlyConfigured(f"{name}: key {number} must be 32 bytes, in base64.")
        keys.append(key)
    return tuple(keys)


def outbound(name: str, default: str) -> Policy:
    """Where requests may go: see `common.outbound.policy`."""
    try:
        return parse_policy(items(name, default))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def choice(name: str, default: str, allowed: set[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {sorted(allowed)}, not {value!r}.")
    return value


def path(name: str) -> Path | None:
    """A folder or file, or None where the variable is unset."""
    value = text(name)
    return Path(value).resolve() if value else None


def home(base: Path) -> Path:
    """SLIPWAY_HOME: where everything that is not code lives; `./var` unless said."""
    return Path(text("SLIPWAY_HOME", str(base / "var"))).resolve()


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the database, the cache and the broker answer.

    `owner_url` is the same database by the role that owns the tables; "" where that is the
    application's own.
    """

    database_url: str
    owner_url: str
    redis_url: str
    broker_url: str


def servers(home_dir: Path) -> Servers:
    """The servers named by the environment, else those `manage.py up` is running.

    `up` writes `run/servers.json`; it counts only while the process that wrote it lives.
    """
    running = _running_servers(home_dir / "run" / "servers.json")
    database_url = secret("DATABASE_URL")
    # Never the running servers' owner for another database.
    owner_url = "" if database_url else running.get("database_owner_url", "")
    redis_url = secret("REDIS_URL") or running.get("redis_url", "redis://127.0.0.1:6379/0")
    return Servers(
        database_url=database_url
        or running.get("database_url", "postgresql://slipway@127.0.0.1:5432/slipway"),
        owner_url=secret("DATABASE_OWNER_URL") or owner_url,
        redis_url=redis_url,
        broker_url=secret("CELERY_BROKER_URL") or redis_url,
    )


def _running_servers(path: Path) -> dict[str, str]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        os.kill(int(found["pid"]), 0)
    except PermissionError:
        pass  # alive, and somebody else's
    except (OSError, ValueError, KeyError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def database(url: str) -> dict[str, Any]:
    """A Django database entry from `postgresql://user:password@host:port/name?sslmode=…`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("A database's URL must start with postgresql://.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or 5432,
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


EMAIL_BACKENDS = "django.core.mail.backends"
SMTP_PORTS = {"smtp": 25, "smtps": 465}


def email(url: str) -> dict[str, Any]:
    """Django's EMAIL_* settings from EMAIL_URL; without one, mail is written to the log.

    `smtp://user:password@host:587?tls=true`, `smtps://…`, `file:///folder` or `console:`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("EMAIL_URL must be a URL such as smtp://host:25.") from None
    match parts.scheme:
        case "" | "console" if not parts.netloc and not parts.path:
            return {"EMAIL_BACKEND": f"{EMAIL_BACKENDS}.console.EmailBackend"}
        case "file" if parts.path and not parts.netloc:
            return {
                "EMAIL_BACKEND": f"{EMAIL_BACKENDS}.filebased.EmailBackend",
                "EMAIL_FILE_PATH": unquote(parts.path),
            }
        case "smtp" | "smtps" if parts.hostname:
            return {
                "EMAIL_BACKEND": f"{EMAIL_BACKENDS}.smtp.EmailBackend",
                "EMAIL_HOST": parts.hostname,
                "EMAIL_PORT": port or SMTP_PORTS[parts.scheme],
                "EMAIL_HOST_USER": unquote(parts.username or ""),
                "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
                "EMAIL_USE_SSL": parts.scheme == "smtps",
                "EMAIL_USE_TLS": parts.scheme == "smtp" and _asks_for_tls(parts.query),
            }
    raise ImproperlyConfigured(
        "EMAIL_URL must be smtp:// or smtps:// and a host, file:///folder or console:."
    )


def _asks_for_tls(query: str) -> bool:
    asked = dict(parse_qsl(query, keep_blank_values=True))
    value = asked.pop("tls", "false").lower()
    if asked or value not in TRUE | FALSE:
        raise ImproperlyConfigured("EMAIL_URL takes ?tls=true or ?tls=false, and nothing else.")
    return value in TRUE


def secret_key(home_dir: Path, *, debug: bool) -> str:
    """SECRET_KEY, else the one `manage.py up` keeps in $SLIPWAY_HOME/secret_key.

    Without either, a throw-away key while DEBUG is on, and a refusal to start otherwise.
    """
    given = secret("SECRET_KEY")
    if given:
        return given
    kept = home_dir / "secret_key"
    if kept.is_file():
        return kept.read_text().strip()
    if debug:
        return secrets.token_urlsafe(48)
    raise ImproperlyConfigured("SECRET_KEY is required when DEBUG is off.")
