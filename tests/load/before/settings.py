"""Plain Django: sessions in the database, no cache, no pool. The middlewares for metrics are the new shop's."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

ROOT_URLCONF = "tests.load.before.urls"
MIDDLEWARE = [
    "config.middleware.Probes",
    "config.middleware.Observe",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # allauth, an app of the new shop, does not start without it.
    "allauth.account.middleware.AccountMiddleware",
]
# Persistent connections, as most shops configure it; with Django's default each request would open one.
DATABASES = {
    "default": {**DATABASES["default"], "ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 600, "OPTIONS": {}}
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
}
# The confirmation is sent as soon as the order is paid, in the same request.
EMAIL_TIMEOUT = 30
