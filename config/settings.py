"""Settings: one file, every knob through `config.env`, documented in docs/configuration.md."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from kombu import Queue

from config import env
from config.console import UNFOLD  # noqa: F401  a setting
from config.logs import logging_config
from config.schedule import SCHEDULE

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# Who we are and where we keep things.
DEBUG = env.boolean("DEBUG")
SLIPWAY_HOME = env.home(BASE_DIR)
SLIPWAY_ROLE = env.choice("SLIPWAY_ROLE", "command", {"web", "worker", "beat", "command"})
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, low=1, high=65535)
GRPC_PORT = env.integer("GRPC_PORT", 0, low=0, high=65535)
WEB_THREADS = env.integer("WEB_THREADS", 8, low=1, high=256)
WEB_WORKERS = env.integer("WEB_WORKERS", 2, low=1, high=256)
SERVING_PROCESSES = WEB_WORKERS + bool(GRPC_PORT)
PUBLIC_URL = env.text("PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
SECRET_KEY = env.secret_key(SLIPWAY_HOME, debug=DEBUG or SLIPWAY_ROLE == "command")

_public = urlsplit(PUBLIC_URL)
_local_hosts = ["127.0.0.1", "localhost", "[::1]", socket.gethostname()]
ALLOWED_HOSTS = [*{_public.hostname or "", HOST, *_local_hosts}, *env.items("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
CORS_ALLOWED_ORIGINS = env.items("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/(api|v1|v2|mlflow|invocations|ping|openapi\.json)"
CORS_EXPOSE_HEADERS = [
    "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After",
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-ID",
]  # fmt: skip

# Applications, from the top of the layers down.
INSTALLED_APPS = [
    "config",
    "analytics",
    "webhooks",
    "inference",
    "registry",
    "accounts",
    "common",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "corsheaders",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "common.http.middleware.RequestContextMiddleware",
    "common.http.observed.ObservedMiddleware",
    "accounts.middleware.AddressMiddleware",
    "common.http.middleware.SecurityHeadersMiddleware",
    "common.http.limits.LimitHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "common.http.middleware.BodyGuardMiddleware",
    "common.http.middleware.SlashMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.http.middleware.DomainErrorMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "common.http.context.page",
                "accounts.pages.context.unread",
            ],
        },
    },
]

# Servers.
_servers = env.servers(SLIPWAY_HOME)
DATABASES: dict[str, dict[str, Any]] = {"default": env.database(_servers.database_url)}
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 2)
DATABASES["default"]["OPTIONS"].setdefault("application_name", f"slipway-{SLIPWAY_ROLE}")
# PgBouncer in transaction mode hands each transaction another connection: no cursor outlives one.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.boolean("DATABASE_PGBOUNCER")
if SLIPWAY_ROLE == "web":
    # Django refuses persistent connections and a pool together; the pool is what is fast here.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    # A connection that died with the database is told from a live one before it is handed out.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.integer("DATABASE_POOL_SIZE", 8, low=1, high=100),
        "timeout": 1.5,
        # One is tried anew each second while somebody waits for it. The default waits twice as long
        # each time: minutes after a long outage, when the database has been back for long.
        "reconnect_timeout": 1.0,
    }
elif SLIPWAY_ROLE == "worker":
    DATABASES["default"]["CONN_MAX_AGE"] = 300
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if _servers.owner_url and SLIPWAY_ROLE == "command":
    # For `migrate`: what serves has no use for the right to change tables.
    DATABASES["owner"] = env.database(_servers.owner_url)
    DATABASES["owner"]["OPTIONS"].setdefault("connect_timeout", 2)
    DATABASES["owner"]["TEST"] = {"MIRROR": "default"}
REDIS_URL = _servers.redis_url
LIMITS_BACKEND = env.choice("LIMITS_BACKEND", "redis", {"redis", "memory"})
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "slipway",
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "REDIS_CLIENT_CLASS": "common.spent.TimedRedis",
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 1,
        },
    }
}

# Celery. The job and event rows in PostgreSQL are the truth; a message only says "look there".
CELERY_BROKER_URL = _servers.broker_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 2.0
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 1800
CELERY_TASK_SOFT_TIME_LIMIT = 1740
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task: a shorter one makes Redis hand a running task out again.
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "socket_timeout": 30,
    "health_check_interval": 25,
}
# Celery's Django fixup closes connections around every task (12 ms each) unless it may reuse them;
# config.celery checks them before each task instead.
CELERY_DB_REUSE_MAX = 1000
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [Queue(name) for name in ("default", "journal", "models", "webhooks", "bulk")]
CELERY_TASK_ROUTES = {
    "registry.tasks.run_pipeline": {"queue": "models"},
    "inference.tasks.store_batch": {"queue": "journal"},
    "webhooks.tasks.send_due": {"queue": "webhooks"},
    "inference.tasks.work_on_batch": {"queue": "bulk"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_SCHEDULE = SCHEDULE

# Files.
MEDIA_ROOT = SLIPWAY_HOME / "files"
QUARANTINE_ROOT = SLIPWAY_HOME / "quarantine"
JOURNAL_ROOT = SLIPWAY_HOME / "journal"
BATCH_MAX_BYTES = env.integer("BATCH_MAX_BYTES", 2 * 1024**3, low=1024)
BATCH_MAX_ROWS = env.integer("BATCH_MAX_ROWS", 100_000_000, low=1)
BATCH_RETENTION_DAYS = env.integer("BATCH_RETENTION_DAYS", 30, low=1)
BULK_WORKERS = env.integer("BULK_WORKERS", 1, low=1, high=64)
BATCH_PARALLEL = env.integer("BATCH_PARALLEL", 4, low=1)
BULK_ENGINE = env.choice("BULK_ENGINE", "celery", {"celery", "dask"})
DASK_SCHEDULER = env.text("DASK_SCHEDULER", "tcp://127.0.0.1:8786")
PREDICTION_RETENTION_DAYS = env.integer("PREDICTION_RETENTION_DAYS", 90)
MODEL_MAX_BYTES = env.integer("MODEL_MAX_BYTES", 2 * 1024**3, low=1024)
MODEL_RETENTION_DAYS = env.integer("MODEL_RETENTION_DAYS", 30, low=0)
REQUEST_MAX_BYTES = env.integer("REQUEST_MAX_BYTES", 32 * 1024**2, low=1024)
SLIPWAY_DEFAULT_MODEL = env.text("SLIPWAY_DEFAULT_MODEL")
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_TEMP_DIR = None
STATIC_URL = env.text("STATIC_CDN_URL").rstrip("/") + "/static/"
STATIC_ROOT = env.path("STATIC_ROOT")  # where an image collects them; found in place otherwise
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# The jail.
JAIL_SOCKET = env.text("JAIL_SOCKET", str(SLIPWAY_HOME / "run" / "jail.sock"))
MODEL_CACHE_MAX = env.integer("MODEL_CACHE_MAX", 50, low=5, high=50)
MODEL_CACHE_BYTES = env.integer("MODEL_CACHE_BYTES", 2 * 1024**3, low=64 * 1024**2)
RESPONSE_CACHE_BYTES = env.integer("RESPONSE_CACHE_BYTES", 64 * 1024**2, low=1024**2)

# Accounts.
AUTH_STALE_SECONDS = env.integer("AUTH_STALE_SECONDS", 0, low=0, high=86_400)
REQUIRE_EMAIL_VERIFICATION = env.boolean("REQUIRE_EMAIL_VERIFICATION")
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.BoundedArgon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "accounts.passwords.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/models"
LOGOUT_REDIRECT_URL = "/"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ALGORITHM": "HS256",
    "AUDIENCE": "slipway",
    "ISSUER": "slipway",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}

# Webhooks.
ENCRYPTION_KEYS = env.encryption_keys("ENCRYPTION_KEYS")
WEBHOOK_ALLOW = env.outbound("WEBHOOK_ALLOW", "external")
WEBHOOK_WORKERS = env.integer("WEBHOOK_WORKERS", 1, low=1, high=64)
WEBHOOK_RETENTION_DAYS = env.integer("WEBHOOK_RETENTION_DAYS", 30, low=1)
WEBHOOK_DISABLE_AFTER_DAYS = env.integer("WEBHOOK_DISABLE_AFTER_DAYS", 5, low=1)

# Sessions and transport. HTTPS hardening follows from PUBLIC_URL alone.
_https = _public.scheme == "https"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "common.http.views.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.boolean("TRUST_FORWARDED_PROTO") else None
)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# The admin's theme evaluates expressions in attributes and styles in line.
ADMIN_CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace(
    "script-src 'self'", "script-src 'self' 'unsafe-eval' 'unsafe-inline'"
)

# The API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.CredentialAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["common.api.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "common.api.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": ["common.api.filters.FilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.LimitThrottle"],
    "EXCEPTION_HANDLER": "common.api.problems.exception_handler",
    "PAGE_SIZE": 20,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Slipway",
    "DESCRIPTION": "From a trained model's file to a safe, metered, monitored API.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.api.schema.describe_problems",
        "webhooks.api.schema.describe_webhooks",
    ],
    "ENUM_NAME_OVERRIDES": {
        "LimitKind": "accounts.models.LimitKind",
        "LifeCycleStatus": "registry.models.Status",
        "PipelineState": "registry.models.State",
        "StepState": "registry.api.serializers.STEP_STATES",
        "UserStatus": "accounts.models.UserStatus",
    },
    "AUTHENTICATION_WHITELIST": None,
}

# Mail. Workers alone send it, and wait for a server no longer than this.
_email_url = env.secret("EMAIL_URL")
EMAIL_CONFIGURED = bool(_email_url)
_email = env.email(_email_url)
EMAIL_BACKEND: str = _email["EMAIL_BACKEND"]
EMAIL_FILE_PATH: str | None = _email.get("EMAIL_FILE_PATH")
EMAIL_HOST: str = _email.get("EMAIL_HOST", "localhost")
EMAIL_PORT: int = _email.get("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = _email.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = _email.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_SSL: bool = _email.get("EMAIL_USE_SSL", False)
EMAIL_USE_TLS: bool = _email.get("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Slipway <slipway@localhost>")

# Language, time, logs.
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LOGGING = logging_config(
    level=env.text("LOG_LEVEL", "INFO"), colours=DEBUG, role=SLIPWAY_ROLE, version=VERSION
)

# What operators see.
LOG_REQUESTS = env.choice("LOG_REQUESTS", "all", {"all", "errors", "off"})
SLOW_REQUEST_MS = env.integer("SLOW_REQUEST_MS", 500, low=1, high=3_600_000)
METRICS_TOKEN = env.secret("METRICS_TOKEN")
METRICS_ROOT = SLIPWAY_HOME / "run" / "meter"
DRAIN_SECONDS = env.integer("DRAIN_SECONDS", 0, low=0, high=300)
HEARTBEAT_URL = env.secret("HEARTBEAT_URL")
SENTRY_DSN = env.secret("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
SILENCED_SYSTEM_CHECKS: list[str] = []
