"""An oversold shop: a WSGI application that serves /metrics and its Alertmanager address."""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

OVERSOLD = "# TYPE stock_oversold_rows gauge\nstock_oversold_rows 1\n"
# As in the real shop, read once when a worker loads the application.
RESPONSES = {"/metrics": OVERSOLD, "/alertmanager": settings.ALERTMANAGER_URL}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    closed = path == "/metrics" and environ.get("HTTP_AUTHORIZATION") != f"Bearer {settings.METRICS_TOKEN}"
    start_response("404 Not Found" if closed or path not in RESPONSES else "200 OK", [("Content-Type", "text/plain")])
    return [RESPONSES.get(path, "").encode()]
