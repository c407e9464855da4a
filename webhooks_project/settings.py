"""Every setting, read once from the environment. docs/operations.md lists them.

In development (DEBUG, the default) everything has a safe default and only this machine's own names are answered.
With DEBUG=false a missing secret stops the start with a sentence that names it.
"""

import os
import secrets
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

django_stubs_ext.monkeypatch()

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
DATA_DIR.mkdir(parents=True, exist_ok=True)

DEBUG: bool = env.bool("DEBUG", default=True)
# The simulator provider, the demo workspace and the simulate panel.
DEMO: bool = env.bool("DEMO", default=DEBUG)


def _whole(name: str, default: int, least: int = 1) -> int:
    """The whole number `name` of the environment; what is none, or less than `least`, stops the start."""
    try:
        value: int = env.int(name, default=default)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None
    if value < least:
        raise ImproperlyConfigured(f"{name} must be {least} or more.")
    return value


def _secret(name: str) -> str:
    """The secret `name` of the environment; in development one made once and kept in DATA_DIR."""
    value: str = env.str(name, default="")
    if value:
        return value
    if not DEBUG:
        raise ImproperlyConfigured(
            f"{name} is not set. Production needs its own value: set {name} in the environment, "
            "or DEBUG=true on a development machine."
        )
    path = DATA_DIR / f"development-{name.lower().replace('_', '-')}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        value = secrets.token_urlsafe(32)
        file.write(value)
    return value


def _require_scheme(name: str, url: str, *schemes: str) -> None:
    if url and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ImproperlyConfigured(f"{name} must begin with {'://, '.join(schemes)}://.")


SECRET_KEY = _secret("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", str.strip, default=[])
# Newest first: the first encrypts, all decrypt (accounts/encryption.py).
ENCRYPTION_KEYS: list[str] = [key.strip() for key in _secret("ENCRYPTION_KEYS").split(",") if key.strip()]
if not ENCRYPTION_KEYS:
    raise ImproperlyConfigured("ENCRYPTION_KEYS holds no key. Name passphrases, by comma.")
# Of the hashes by which contacts are found; "": derived from the oldest of ENCRYPTION_KEYS, as long as that is kept.
HASH_KEY: str = env.str("HASH_KEY", default="")

ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", str.strip, default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
if not DEBUG and not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set. Name the hosts that this server answers for, by comma."
    )
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", str.strip, default=[])
# The address at which users reach this server; for links in e-mails and the ingest URLs of numbers.
PUBLIC_URL: str = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if DEBUG else "").rstrip("/")
_require_scheme("PUBLIC_URL", PUBLIC_URL, "https", "http")
if not PUBLIC_URL:
    if not ALLOWED_HOSTS[0].strip(".*"):
        raise ImproperlyConfigured(
            "PUBLIC_URL is not set, and ALLOWED_HOSTS does not name this server's host."
        )
    PUBLIC_URL = f"https://{ALLOWED_HOSTS[0].lstrip('.')}"

INSTALLED_APPS = [
    # The floors of the house, highest first: an app imports only from those below it (docs/architecture.md).
    "dashboard",
    "webhooks",
    "events",
    "messaging",
    "phone_numbers",
    "accounts",
    # Libraries.
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.content_security.ContentSecurityMiddleware",
    "dashboard.caching.CachingMiddleware",
    "accounts.rate_limits.RateLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "webhooks_project.urls"
WSGI_APPLICATION = "webhooks_project.wsgi.application"
APPEND_SLASH = False

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
                "dashboard.frame.frame",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
_database = DATABASES["default"]
# 0 costs a connection per task (measured: 56 tasks/s instead of some hundred).
_database["CONN_MAX_AGE"] = None
_database["CONN_HEALTH_CHECKS"] = True
# A read inside atomic() takes SQLite's write lock under IMMEDIATE, so a request is not a transaction.
_database["ATOMIC_REQUESTS"] = False
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because the tests' threads each have a connection of their own.
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    _database["OPTIONS"] = {
        # DEFERRED fails with "database is locked" on lock upgrades whatever the timeout; IMMEDIATE waits.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-20000; "
            "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=67108864;"
        ),
    }
# No psycopg pool: qcluster forks after connecting, and a pool's sockets would be shared by the workers.

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Tasks: django-q2 only wakes, the database is the truth (docs/decisions/0001) --------------------------------

REDIS_URL: str = env.str("REDIS_URL", default="")
_require_scheme("REDIS_URL", REDIS_URL, "redis", "rediss", "unix")

Q_CLUSTER = {
    # Not named Q_CLUSTER_NAME: django-q2 reads that itself, and dies at import where ALT_CLUSTERS has no such entry.
    "name": env.str("QUEUE_NAME", default="whatsapp-webhooks"),
    # Each drain (normalize, send, deliver, maintain) may hold a worker for its budget.
    "workers": _whole("WORKERS", 4),
    # Small, because Redis loses what is prefetched when a cluster dies, and the ORM broker's lock starts at prefetch.
    "queue_limit": 4,
    "bulk": 1,
    # Idle latency of the ORM broker is uniform(0, poll).
    "poll": 0.025,
    # The last resort only: drains keep their own budget (20 s), well below it. retry > timeout x prefetch.
    "timeout": 120,
    "retry": 600,
    # A task is tried once: what is left to do is a column, and the sweep finds it.
    "max_attempts": 1,
    "ack_failures": True,
    # The default stores a Success row per task and costs 7 ms a task.
    "save_limit": -1,
    "recycle": 10_000,
    # Missed schedules are not replayed after an outage: one sweep sees everything.
    "catch_up": False,
    "log_level": "WARNING",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
}

# What the API counts (accounts/rate_limits.py): in Redis, for all web processes together; without it each by itself.
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "counts": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": Q_CLUSTER["name"],
        # A call does not wait for a Redis that is gone; one try more, as an idle connection may have been closed.
        "OPTIONS": {
            "socket_connect_timeout": 0.25,
            "socket_timeout": 0.25,
            "retry": Retry(NoBackoff(), 1),
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "counts",
        # A count that is pushed out begins anew.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

# How long a drain without work stays awake, and how far ahead it waits for work that is not due yet (accounts/wake.py).
DRAIN_LINGER_SECONDS: float = env.float("DRAIN_LINGER_SECONDS", default=0.5)
# In how many processes at once deliveries are sent, over all workers. SQLite has one writer at a time.
DELIVER_SLOTS: int = env.int(
    "DELIVER_SLOTS", default=1 if "sqlite" in _database["ENGINE"] else max(1, Q_CLUSTER["workers"] // 2)
)
DRAIN_HORIZON_SECONDS: float = env.float("DRAIN_HORIZON_SECONDS", default=65)

# --- Users, pages, API ------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Links in e-mails (accounts/mailing.py): to set a new password in seconds, to take an invitation up.
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
INVITATION_LASTS = timedelta(days=max(1, env.int("INVITATION_DAYS", default=7)))
INVITATIONS_PER_HOUR: int = env.int("INVITATIONS_PER_HOUR", default=50)
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

# Behind a proxy that ends TLS, its X-Forwarded-Proto says whether a request came by https, and its X-Forwarded-For from
# where. Without a proxy the headers are anybody's word.
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", default=True) and not DEBUG

# Calls of one key in a minute, and wrong keys from one address (accounts/rate_limits.py); 0: without limit.
API_CALLS_PER_MINUTE: int = env.int("API_CALLS_PER_MINUTE", default=6000)
API_WRONG_KEYS_PER_MINUTE: int = env.int("API_WRONG_KEYS_PER_MINUTE", default=60)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.api.JSONNegotiation",
    "DEFAULT_SCHEMA_CLASS": "accounts.openapi.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.rate_limits.KeyThrottle"],
    "NUM_PROXIES": int(BEHIND_PROXY),
    "EXCEPTION_HANDLER": "accounts.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "WhatsApp Webhooks",
    "DESCRIPTION": (
        "Send WhatsApp messages, own numbers, and hear what happens to them.\n\n"
        "Every call but this description needs an API key, in the header `x-api-key` or as a Bearer token. A key is "
        "for one number, or for the whole workspace; then the header `x-whatsapp-number-id` names the number. Bodies "
        "and answers are JSON in camelCase, moments ISO 8601 in UTC with milliseconds, phone numbers E.164 with +."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # 3.1 speaks JSON Schema 2020-12, as the event catalog does.
    "OAS_VERSION": "3.1.0",
    # Only what customers may call; the pages and the providers' doors are not part of it.
    "SCHEMA_PATH_PREFIX": "/v1",
    # Otherwise each word of a choice is listed behind the description of its field, in Markdown and twice.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.openapi.complete",
        "webhooks.openapi.describe_webhooks",
    ],
    "TAGS": [
        {"name": "Messages", "description": "Send, cancel, and read what was said."},
        {"name": "Numbers", "description": "The numbers of the workspace, and how they are connected."},
        {"name": "Webhooks", "description": "Who is told of what, and how that went."},
        {"name": "Events", "description": "What happened."},
        {"name": "API keys", "description": "Who may call."},
        {"name": "Reference", "description": "This description."},
        {"name": "Deliveries to you", "description": "What this server posts to your URL, signed."},
    ],
    # Two things have a status with values of their own.
    "ENUM_NAME_OVERRIDES": {"MessageStatus": "messaging.models.Message.Status"},
}

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "webhooks_project.formats"
USE_TZ = True

STATIC_URL = "static/"
# `manage.py collectstatic` fills it in production; in development the files are served from where they are written.
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Bodies of the provider doors have their own limit (events/views.py); this one is for the rest.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
if not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    # Probes come over plain http, from inside.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    # Subdomains and the browsers' preload list are the domain owner's decision, not this application's.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Prometheus sends it as a Bearer token to /metrics; without one only this machine may look (dashboard/health.py).
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

# --- E-mail -----------------------------------------------------------------------------------------------------

_email = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email.get("EMAIL_HOST", "")
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
# A mail server that does not answer must not hold a worker.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="webhooks@localhost")

# --- Providers --------------------------------------------------------------------------------------------------

META_APP_SECRET: str = env.str("META_APP_SECRET", default="")
META_VERIFY_TOKEN: str = env.str("META_VERIFY_TOKEN", default="")
META_ACCESS_TOKEN: str = env.str("META_ACCESS_TOKEN", default="")
META_GRAPH_URL: str = env.str("META_GRAPH_URL", default="https://graph.facebook.com/v23.0").rstrip("/")
INGEST_MAX_BYTES = 3 * 1024 * 1024

# --- Health of numbers (phone_numbers/health.py, docs/number-health.md) -------------------------------------------

# Failed probes, and the time between two of them, that confirm a disconnect which the provider or a check suspects.
HEALTH_PROBES: int = max(1, env.int("HEALTH_PROBES", default=3))
HEALTH_PROBE_INTERVAL = timedelta(seconds=env.float("HEALTH_PROBE_INTERVAL_SECONDS", default=5))
# How often every connected number is checked, so that a silent disconnect is found; and every other one.
HEALTH_CHECK_EVERY = timedelta(seconds=env.float("HEALTH_CHECK_EVERY_SECONDS", default=300))
HEALTH_CHECK_CLOSED_EVERY = timedelta(seconds=env.float("HEALTH_CHECK_CLOSED_EVERY_SECONDS", default=900))
# Without an answer of the provider and without a payload for this long, a number counts as disconnected.
HEALTH_UNREACHABLE_AFTER = timedelta(seconds=env.float("HEALTH_UNREACHABLE_AFTER_SECONDS", default=600))

# --- Delivery ---------------------------------------------------------------------------------------------------

# How long a delivery belongs to the worker that sends it: if the worker dies, others wait this long.
DELIVERY_LEASE_SECONDS: float = env.float("DELIVERY_LEASE_SECONDS", default=30)
# Networks that webhooks may reach although they are private (development: this machine itself).
WEBHOOK_ALLOWED_NETWORKS = [
    ip_network(network)
    for network in env.list(
        "WEBHOOK_ALLOWED_NETWORKS", str.strip, default=["127.0.0.0/8", "::1/128"] if DEBUG else []
    )
]
WEBHOOK_REQUIRE_HTTPS: bool = env.bool("WEBHOOK_REQUIRE_HTTPS", default=False)

# --- Retention of the log ---------------------------------------------------------------------------------------

KEEP_RAW_PAYLOADS = timedelta(days=_whole("KEEP_RAW_PAYLOADS_DAYS", 7))
KEEP_ATTEMPTS = timedelta(days=_whole("KEEP_ATTEMPTS_DAYS", 30))
KEEP_DELIVERIES = timedelta(days=_whole("KEEP_DELIVERIES_DAYS", 90))
KEEP_HEALTH_CHECKS = timedelta(days=_whole("KEEP_HEALTH_CHECKS_DAYS", 7))
# What a relay-only number keeps, encrypted, because nobody could be told yet: held deliveries, payloads that failed.
KEEP_HELD = timedelta(days=_whole("KEEP_HELD_DAYS", 3, least=0))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {
        "without_tokens": {"()": "accounts.logs.WithoutTokens"},
        "without_traceback": {"()": "accounts.logs.WithoutTraceback"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_tokens"]}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO").upper()},
    "loggers": {
        # Without Django's own handler, which in development would print each of its lines a second time.
        "django": {"handlers": []},
        # Whoever tries what a server swallows does not fill the log; an operator who forgot a host finds it there.
        **{
            f"django.security.{name}": {"filters": ["without_traceback"]}
            for name in ("DisallowedHost", "RequestDataTooBig", "TooManyFieldsSent", "TooManyFilesSent")
        },
        # What failed is on record already, by its type and place: the message can quote what somebody wrote.
        **({} if DEBUG else {"django.request": {"filters": ["without_traceback"]}}),
        "django_q": {"level": "WARNING"},
        "django-q": {"level": "WARNING"},
    },
}
