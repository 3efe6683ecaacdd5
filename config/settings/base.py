"""The basis of the other settings modules: environment, apps, middleware, templates."""

from importlib.util import find_spec
from pathlib import Path

import django_stubs_ext
import environ

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

DATA_DIR = Path(env.str("ESTEIRA_DATA", default=str(BASE_DIR / ".data"))).resolve()
environ.Env.read_env(DATA_DIR / "servers.env")

# The demo serves plain HTTP on the loopback interface, keeps mail in files and shows it in the browser.
DEMO = env.bool("ESTEIRA_DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# The base of links in mails, which are rendered without a request.
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "config",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "config.accounts",
    "config.audit",
    "config.retention",
    "config.personal_data",
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
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.NoNulInCookies",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.middleware.OnlyUtf8",
    "config.middleware.NoNulInAddress",
    "config.middleware.SlashRedirects",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.PageMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.accounts.middleware.RememberDevice",
    "config.middleware.RateLimits",
    "config.middleware.CountResponses",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "config.rendering.form_renderer.FormRenderer"

TEMPLATES = [
    {
        "NAME": "django",
        "BACKEND": "config.telemetry.templates.TimedTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "config.rendering.template_loader.Loader",
                    ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "config.pages.context.shop",
                "cart.context_processors.cart_count",
            ],
        },
    },
]

# In a demo or in development, staff can inspect every request with django-debug-toolbar
# (config.telemetry.debug_toolbar). Production does not install it.
DEVELOPER_VIEW = (DEMO or DEBUG) and bool(find_spec("debug_toolbar")) and env.bool("DEVELOPER_VIEW", default=True)
if DEVELOPER_VIEW:
    INSTALLED_APPS.append("debug_toolbar")
    # Inside the middleware that sets the user, and the one that sets the CSP nonce.
    _inside_csp = MIDDLEWARE.index("config.middleware.ContentSecurityPolicy") + 1
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
