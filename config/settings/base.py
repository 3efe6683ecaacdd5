"""Settings, read from the environment.

Every server the shop talks to is one URL in the environment. Where a URL is missing, the embedded servers of
`make demo` fill it in: they write their addresses to `<data>/servers.env`, and a variable that is already set wins.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from config.db import replica
from config.redis import sentinel
from config.redis.guard import GuardedConnection, GuardedSentinelConnection, GuardedSSLConnection
from config.telemetry import logs

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

DATA_DIR = Path(env.str("ESTEIRA_DATA", default=str(BASE_DIR / ".data"))).resolve()
environ.Env.read_env(DATA_DIR / "servers.env")

# The demo serves plain HTTP on the loopback, keeps mail in files and shows it in the browser.
DEMO = env.bool("ESTEIRA_DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where a link in a mail leads: there is no request at hand when mail is rendered.
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "config",
    "rest_framework.authtoken",
    "config.accounts",
    "config.audit",
    "inventory",
    "shipping",
    "payments",
    "cart",
    "checkout",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    "django_prometheus",
    "config.backoffice.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
]

MIDDLEWARE = [
    "config.middleware.Probes",
    "config.middleware.Observe",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.middleware.OnlyUtf8",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "NAME": "django",
        "BACKEND": "config.telemetry.templates.TimedTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "config.pages.shop",
                "cart.context_processors.cart_count",
            ],
        },
    },
]

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["config.accounts.backends.RememberingBackend"]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "checkout:orders"
LOGOUT_REDIRECT_URL = "inventory:catalogue"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

DATABASES = {
    "default": env.db_url("DATABASE_URL", default="postgres:///esteira", engine="config.db.postgresql"),
}
# One connection per thread that may need it; a smaller pool answers "couldn't get a connection" under load.
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=8)
# The pool's connections are looked at by `config.db.postgresql`.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = not DATABASE_POOL_SIZE
# Behind PgBouncer in transaction mode or RDS Proxy no statement may count on the connection of the one before.
_behind_pooler = env.bool("DATABASE_BEHIND_POOLER", default=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = _behind_pooler
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),  # what the URL says after its "?", such as sslmode
    "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5} if DATABASE_POOL_SIZE else False,
    # The server plans a statement once a connection and keeps the plan.
    "server_side_binding": not _behind_pooler,
    "prepare_threshold": None if _behind_pooler else 2,
}

# A standby for reads that may be some seconds old (config.db.replica says which). Empty: the primary answers them.
if env.str("DATABASE_REPLICA_URL", default=""):
    DATABASES[replica.ALIAS] = env.db_url("DATABASE_REPLICA_URL", engine=DATABASES["default"]["ENGINE"]) | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"],
        "TEST": {"MIRROR": "default"},
    }
    DATABASES[replica.ALIAS]["OPTIONS"] = {**DATABASES[replica.ALIAS].get("OPTIONS", {}), "connect_timeout": 1}

# --- Redis: a copy that may vanish at any moment ----------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_TIMEOUT_SECONDS = 0.2
# host:port,… of the sentinels, where there are some: the host in REDIS_URL is then the master's name among them.
REDIS_SENTINELS = sentinel.addresses(env.list("REDIS_SENTINELS", default=[]))
_guarded: type = GuardedSSLConnection if REDIS_URL.startswith("rediss://") else GuardedConnection
if REDIS_SENTINELS:
    _guarded = GuardedSentinelConnection
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.str("CACHE_KEY_PREFIX", default="esteira"),
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "CONNECTION_POOL_KWARGS": {"connection_class": _guarded},
            "IGNORE_EXCEPTIONS": True,
            **(sentinel.cache_options(REDIS_SENTINELS, REDIS_TIMEOUT_SECONDS) if REDIS_SENTINELS else {}),
        },
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# --- Celery -----------------------------------------------------------------------------------------------------------

# Behind Sentinel in the words of Celery, which reads the variable itself: sentinel://:password@host:port/1;sentinel://…
_broker = sentinel.broker_url(REDIS_URL, REDIS_SENTINELS) if REDIS_SENTINELS else REDIS_URL
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=_broker)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker that has lost its broker waits for it as long as it takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    # kombu otherwise looks for lost messages only every 100 s or so.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    # Publishing tries once: a request never waits for the broker. Workers reconnect by a rule of their own.
    "max_retries": 0,
}
if REDIS_SENTINELS:
    CELERY_BROKER_TRANSPORT_OPTIONS |= sentinel.broker_options(REDIS_URL, REDIS_TIMEOUT_SECONDS)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
# As often as one likes: otherwise Celery closes the whole pool before and after each task (its issue 10554). What a
# task has used goes back to the pool by `config.celery`.
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_BEAT_SCHEDULE = {
    "relay-outbox": {"task": "checkout.tasks.relay_outbox", "schedule": 10.0},
    "settle-webhook-events": {"task": "checkout.tasks.settle_webhook_events", "schedule": 5.0},
    "sweep": {"task": "checkout.tasks.sweep", "schedule": 30.0},
    "reconcile": {"task": "checkout.tasks.reconcile", "schedule": 300.0},
}
CELERY_TIMEZONE = "UTC"

# --- Mail -------------------------------------------------------------------------------------------------------------

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Esteira <pedidos@esteira.example>")

# --- The payment provider ---------------------------------------------------------------------------------------------

STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
# The script that draws the card fields in the shopper's browser, so that card data never reaches this server.
STRIPE_JS_URL = env.str("STRIPE_JS_URL", default="https://js.stripe.com/v3/")
PAYMENT_TIMEOUT_SECONDS = env.float("PAYMENT_TIMEOUT_SECONDS", default=8.0)

# --- The shop ---------------------------------------------------------------------------------------------------------

SHOP_NAME = "Esteira"
DEFAULT_CURRENCY = "BRL"
CART_CACHE_SECONDS = 60 * 60
CART_LIFETIME_DAYS = 30
CATALOGUE_CACHE_SECONDS = 60 * 60
MAX_LINE_QUANTITY = 99
MAX_CART_LINES = 100
SHIPPING_QUOTE_MINUTES = 30
# Finds the street behind a postal code (https://viacep.com.br, or what speaks like it). Empty: only the state is known.
POSTAL_CODE_API_BASE = env.str("POSTAL_CODE_API_BASE", default="")
# Where parcels leave from.
SHIPPING_FROM_POSTAL_CODE = env.str("SHIPPING_FROM_POSTAL_CODE", default="01001000")
# The carrier whose prices replace the rate table's (https://melhorenvio.com.br, or what speaks like it). Empty: none.
MELHOR_ENVIO_API_BASE = env.str("MELHOR_ENVIO_API_BASE", default="")
MELHOR_ENVIO_TOKEN = env.str("MELHOR_ENVIO_TOKEN", default="")
# An address that its people can write to when our calls trouble them: a condition of theirs.
MELHOR_ENVIO_CONTACT = env.str("MELHOR_ENVIO_CONTACT", default="")
# The ids of its services to offer: 1,2. Empty: every one that carries the parcel.
MELHOR_ENVIO_SERVICES = env.list("MELHOR_ENVIO_SERVICES", default=[])
# How long a shopper waits for a carrier, at most.
CARRIER_SECONDS = env.float("CARRIER_SECONDS", default=1.5)
# Payment expires before the hold does, so that money never arrives for stock that was given away.
PAYMENT_MINUTES = 30
STOCK_HOLD_MINUTES = 35
CHECKOUT_LOCK_SECONDS = 10

# --- Text and time ----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Português")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

# --- Files ------------------------------------------------------------------------------------------------------------

# A CDN before static files and pictures (https://d123.cloudfront.net). Empty: this server gives them out.
ASSETS_URL = env.str("ASSETS_URL", default="").rstrip("/")
STATIC_URL = f"{ASSETS_URL}/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
MEDIA_URL = f"{ASSETS_URL}/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The S3 bucket that keeps uploaded pictures, given out by the CDN in ASSETS_URL. Empty: a folder of this machine.
MEDIA_BUCKET = env.str("MEDIA_BUCKET", default="")
if MEDIA_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            "location": "media",
            "custom_domain": ASSETS_URL.removeprefix("https://"),
            "querystring_auth": False,
            "file_overwrite": False,
            "object_parameters": {"CacheControl": "public, max-age=31536000, immutable"},
        },
    }
# Without a collected manifest (demo, tests) whitenoise serves straight from the apps.
if env.bool("STATIC_FROM_APPS", default=DEMO or DEBUG):
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    STATIC_ROOT = None
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_AUTOREFRESH = DEBUG

# --- Security ---------------------------------------------------------------------------------------------------------

HTTPS = env.bool("HTTPS", default=not (DEMO or DEBUG))
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024

_stripe_origin = "/".join(STRIPE_JS_URL.split("/")[:3])
_assets = [ASSETS_URL] if ASSETS_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF, *_assets],
        "script-src": [SELF, NONCE, _stripe_origin, *_assets],
        "style-src": [SELF, *_assets],
        "img-src": [SELF, "data:", *_assets],
        "connect-src": [SELF, _stripe_origin, "https://api.stripe.com"],
        "frame-src": [_stripe_origin, "https://hooks.stripe.com"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- REST -------------------------------------------------------------------------------------------------------------

# How often one account or address may ask, by scope: "20/min", with s, min, h or d. None is no limit. RATE_LIMITS=off
# lifts them all, RATE_LIMIT_CHECKOUT=5/min (and so on) changes one. The demo has room for one person's hundred tabs.
# `sign_in_account` counts tries at one account, from wherever they come; `sign_in_log` those that the audit log keeps.
_rates = {
    "reads": "600/min",
    "writes": "120/min",
    "checkout": "20/min",
    "find_order": "20/min",
    "sign_in": "30/min",
    "sign_in_account": "100/h",
    "sign_in_log": "60/h",
    "sign_up": "20/h",
}
_demo_rates = {
    "reads": "9999/min",
    "writes": "999/min",
    "checkout": "999/min",
    "find_order": "999/min",
    "sign_in": "600/min",
    "sign_in_account": "600/min",
    "sign_in_log": "60/h",
    "sign_up": "99/min",
}
_limited = env.bool("RATE_LIMITS", default=True)
RATE_LIMITS: dict[str, str | None] = {
    scope: env.str(f"RATE_LIMIT_{scope.upper()}", default=rate) if _limited else None
    for scope, rate in (_demo_rates if DEMO else _rates).items()
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.Utf8JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["config.rate_limits.RateLimit"],
    "DEFAULT_THROTTLE_RATES": RATE_LIMITS,
    "EXCEPTION_HANDLER": "config.api.problems.exception_handler",
    # How many proxies stand before us and add to X-Forwarded-For; with none, that header is anybody's invention.
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Esteira",
    "DESCRIPTION": (
        "Cart, shipping, payment and order for mobile apps.\n\n"
        "Money is a string with two decimals; its currency stands once on the document. Times are RFC 3339 in UTC. "
        "Refusals are RFC 9457 problem documents: switch on `code`, show `detail`, which follows `Accept-Language` "
        "(pt-BR, en).\n\nA guest's cart opens to whoever has its `id`, a guest's order to whoever sends its token as "
        "`Order-Token`. "
        "Signed-in apps send `Authorization: Token …`."
    ),
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "CartStatus": "cart.models.CartStatus",
        "OrderStatus": "checkout.models.OrderStatus",
        "PaymentStatus": "checkout.api.PaymentStatus",
        "PaymentMethod": "payments.models.Payment.Method",
    },
    "PATH_CONVERTER_OVERRIDES": {
        "cart_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "order_number": {"type": "string", "pattern": "^[0-9A-Za-z]{10}$"},
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.document_protocol",
    ],
    "TAGS": [
        {"name": "products", "description": "What the shop sells."},
        {"name": "carts", "description": "What someone wants, and where it goes."},
        {"name": "checkout", "description": "Where a cart becomes an order."},
        {"name": "orders", "description": "What was agreed to, and what came of its payment."},
        {"name": "accounts", "description": "Signing up and in."},
    ],
}

# --- What on-call sees ------------------------------------------------------------------------------------------------

# One JSON object a line for machines, or a plain line for a person who reads along.
LOG_FORMAT = env.str("LOG_FORMAT", default="plain" if DEMO or DEBUG else "json")
LOGGING = logs.configuration(as_json=LOG_FORMAT == "json", level=env.str("LOG_LEVEL", default="INFO"))
# /metrics and /health/full open to whoever sends it as `Authorization: Bearer …`. Empty: to nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where each process keeps its counts (config.gunicorn), and where other lines of the same machine keep theirs.
METRICS_ALSO_FROM = env.list("METRICS_ALSO_FROM", default=[])
if env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
    Path(env.str("PROMETHEUS_MULTIPROC_DIR")).mkdir(parents=True, exist_ok=True)
# Where a worker that shares no disk with the web server shows its own counts. 0: nowhere.
WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", default=0)
# Tell browsers where a request's time went: everybody, or staff alone.
SERVER_TIMING = env.bool("SERVER_TIMING", default=DEMO or DEBUG)
# Where Alertmanager answers, so that the admin's home page can tell what fires. Empty: it does not ask.
ALERTMANAGER_URL = env.str("ALERTMANAGER_URL", default="").rstrip("/")
# Staff of a demo or of an engineer's own shop look into every request with django-debug-toolbar:
# config.telemetry.debug_toolbar.
# It is no part of what production installs.
DEVELOPER_VIEW = (DEMO or DEBUG) and bool(find_spec("debug_toolbar")) and env.bool("DEVELOPER_VIEW", default=True)
if DEVELOPER_VIEW:
    INSTALLED_APPS.append("debug_toolbar")
    # Inside the middleware that knows who asks, and the one that hands out the nonce.
    _inside_csp = MIDDLEWARE.index("csp.middleware.CSPMiddleware") + 1
    MIDDLEWARE.insert(_inside_csp, "debug_toolbar.middleware.DebugToolbarMiddleware")
    DEBUG_TOOLBAR_PANELS = [
        "config.telemetry.debug_toolbar.HistoryPanel",
        "debug_toolbar.panels.timer.TimerPanel",
        "config.telemetry.debug_toolbar.SQLPanel",
        "config.telemetry.debug_toolbar.CachePanel",
        "debug_toolbar.panels.templates.TemplatesPanel",
    ]
    DEBUG_TOOLBAR_CONFIG = {
        "SHOW_TOOLBAR_CALLBACK": "config.telemetry.debug_toolbar.is_for",
        "SHOW_COLLAPSED": True,
        "SHOW_TEMPLATE_CONTEXT": False,
        "TOOLBAR_STORE_CLASS": "debug_toolbar.store.CacheStore",
        "IS_RUNNING_TESTS": False,
    }
# What is running, such as a commit: /health/full tells it.
RELEASE = env.str("RELEASE", default="")
