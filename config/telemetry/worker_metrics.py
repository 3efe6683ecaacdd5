"""A worker's own /metrics on WORKER_METRICS_PORT, for a worker that shares no disk with the web server.

Set PROMETHEUS_MULTIPROC_DIR too: a worker's tasks run in processes of their own. Gauges read from the database are
exposed by the web server only.
"""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from celery import signals
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from config.telemetry.exposition import exposition, is_authorized

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Scrapes are not logged."""


def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/metrics" or not is_authorized(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("404 Not Found", [("Content-Length", "0")])
        return [b""]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    return [exposition(gauges=False)]


@signals.worker_ready.connect(dispatch_uid="config.worker_metrics.serve")
def serve(**_: Any) -> None:
    if settings.WORKER_METRICS_PORT:
        server = make_server("", settings.WORKER_METRICS_PORT, answer, handler_class=_Quiet)
        threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
